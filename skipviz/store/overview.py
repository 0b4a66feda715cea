"""What is remembered of the rows of a long run that are no longer in memory: their losses and
errors, thinned evenly along the run, the extremes kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from skipviz.core import final
from skipviz.store.thinning import thin

MOST_ROWS = 8192
MOST_EVALUATIONS = 4096

CURVES = ("loss", "error")
"""The columns, of each lane, that are remembered."""


@dataclass(frozen=True)
class Overview:
    """Some rows of a run, in order, and what they hold. Never changed: `with_rows` makes another.

    rows      (k,)
    columns   by name, (k, S)
    rare      by name: rows that have a rare column, (h,), most of them, and what they have, (h, S)
    """

    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    rare: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        pairs = [part for pair in self.rare.values() for part in pair]
        return sum(part.nbytes for part in [self.rows, *self.columns.values(), *pairs])

    def with_rows(self, rows: np.ndarray, columns: dict[str, np.ndarray]) -> Overview:
        """With newer rows; above `MOST_ROWS` of them, about half are kept: of every stretch of the
        run those where a lane's loss is lowest and highest."""
        rows = np.concatenate([self.rows, rows])
        columns = {name: _after(self.columns.get(name), part) for name, part in columns.items()}
        if len(rows) > MOST_ROWS:
            losses = [part for name, part in columns.items() if name.endswith("_loss")]
            curves = [final.median(loss, axis=1) for loss in losses]
            kept = thin(np.stack(curves, axis=1), MOST_ROWS // 2, rows)
            rows, columns = rows[kept], {name: part[kept] for name, part in columns.items()}
        return replace(self, rows=rows, columns=columns)

    def with_rare(self, name: str, rows: Sequence[int], values: np.ndarray) -> Overview:
        """With newer rows of a rare column; above `MOST_EVALUATIONS` of them, half are kept, evenly
        along the run."""
        if not len(rows):
            return self
        before = self.rare.get(name)
        all_rows = np.asarray(rows, int)
        if before is not None:
            all_rows, values = np.concatenate([before[0], all_rows]), _after(before[1], values)
        if len(all_rows) > MOST_EVALUATIONS:
            wanted = np.linspace(all_rows[0], all_rows[-1], MOST_EVALUATIONS // 2)
            kept = np.unique(np.searchsorted(all_rows, wanted))
            all_rows, values = all_rows[kept], values[kept]
        return replace(self, rare={**self.rare, name: (all_rows, values.copy())})


def _after(older: np.ndarray | None, newer: np.ndarray) -> np.ndarray:
    return newer.copy() if older is None else np.concatenate([older, newer])
