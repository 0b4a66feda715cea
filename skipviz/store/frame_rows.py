"""The rows of a run's columns: the newest in memory, the older ones in its file, and of these an
overview in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skipviz.store.frame_columns import Window, room
from skipviz.store.frame_pages import FramePages
from skipviz.store.overview import CURVES, Overview

WINDOW_BYTES = 16 * 2**20
"""So much of a run that lies in a file stays in memory: its newest frames, all of a short run."""

Rare = dict[str, tuple[list[int], np.ndarray]]
"""Of columns that are null on most steps: the rows that have one, and what they have."""


class FrameRows:
    """Rows of columns by name. One thread extends, any may read rows below the `n` that it took
    first: these never change.

    path   the file in which the same rows lie; None: all of them stay in memory
    """

    def __init__(self, path: Path | None = None) -> None:
        self.n = 0
        self.pages = None if path is None else FramePages(path)
        self._steps = np.zeros(0, np.int64)
        self._window = Window()
        self._overview = Overview()

    @property
    def nbytes(self) -> int:
        """The memory that its numbers take."""
        pages = 0 if self.pages is None else self.pages.nbytes
        return self._steps.nbytes + self._window.nbytes + self._overview.nbytes + pages

    @property
    def steps(self) -> np.ndarray:
        """The recorded step of every row, (n,)."""
        n = self.n
        return self._steps[:n]

    # --- growing

    def extend(self, steps: np.ndarray, dense: dict[str, np.ndarray], rare: Rare) -> None:
        """Appends rows, (k,), of all columns, and lets go of older ones where there are too
        many."""
        for name, values in dense.items():
            self._window.put(name, self.n, values)
        for name, (rows, values) in rare.items():
            self._window.put_rare(name, rows, values)
        self._put_steps(steps)
        self.n += len(steps)
        if self.pages is not None and self._window.used_bytes(self.n) > WINDOW_BYTES:
            self._let_go(self.n - (self.n - self._window.start) // 2)

    def remember(self, steps: np.ndarray, dense: dict[str, np.ndarray], rare: Rare) -> None:
        """Appends rows that lie in the file and are not in memory, nor any before them."""
        self._put_overview(np.arange(self.n, self.n + len(steps)), dense, rare)
        self._put_steps(steps)
        self.n += len(steps)
        self._window = Window(self.n)

    def _put_steps(self, steps: np.ndarray) -> None:
        need = self.n + len(steps)
        if need > len(self._steps):
            grown = np.empty(max(64, need + need // 2), np.int64)
            grown[: self.n] = self._steps[: self.n]
            self._steps = grown
        self._steps[self.n : need] = steps

    def _let_go(self, start: int) -> None:
        """Keeps the rows from `start` on in memory, if all before it lie in the file."""
        assert self.pages is not None
        try:
            self.pages.catch_up()
        except (OSError, pa.ArrowException):
            return
        if self.pages.last_step < self._steps[start - 1]:
            return
        window = self._window
        count = start - window.start
        dense = {name: held[:count] for name, held in window.dense.items()}
        rare: Rare = {}
        for name, rows in window.rare_rows.items():
            before = int(np.searchsorted(rows, start))
            rare[name] = rows[:before], window.rare[name][:before]
        # First the overview: a reader takes the window first and finds every row in one of them.
        self._put_overview(np.arange(window.start, start), dense, rare)
        self._window = window.from_row(start, self.n)

    def _put_overview(self, rows: np.ndarray, dense: dict[str, np.ndarray], rare: Rare) -> None:
        columns = {name: part for name, part in dense.items() if name.endswith(CURVES)}
        overview = self._overview.with_rows(rows, columns)
        for name, pair in rare.items():
            overview = overview.with_rare(name, *pair) if name.endswith(CURVES) else overview
        self._overview = overview

    # --- reading

    def values(self, name: str, rows: Any) -> np.ndarray:
        """A column at some rows: those of a slice, of an array (k,), rising, or one."""
        n, window = self.n, self._window
        if isinstance(rows, slice):
            start, stop, stride = rows.indices(n)
            if stride == 1 and start >= window.start and name in window.dense:
                newest: np.ndarray = window.dense[name]
                return newest[start - window.start : max(start, stop) - window.start]
            wanted = np.arange(start, stop, stride)
        else:
            wanted = np.asarray(rows)
            wanted = np.where(wanted < 0, wanted + n, wanted).astype(int)
            if wanted.ndim == 0:
                return self.values(name, wanted[None])[0]
        if not len(wanted) and name not in window.dense:
            return self._older(name, wanted)
        if not len(wanted) or wanted.min() >= window.start:
            return window.dense[name][wanted - window.start]
        return self._mixed(name, wanted, window)

    def _mixed(self, name: str, rows: np.ndarray, window: Window) -> np.ndarray:
        """A column at rows of which some are not in memory."""
        if (np.diff(rows) < 0).any():
            order, back = np.unique(rows, return_inverse=True)
            return self._mixed(name, order, window)[back]
        split = int(np.searchsorted(rows, window.start))
        older = self._older(name, rows[:split])
        if split == len(rows):
            return older
        result = room((len(rows), *older.shape[1:]), older.dtype)
        result[:split] = older
        result[split:] = window.dense[name][rows[split:] - window.start]
        return result

    def _older(self, name: str, rows: np.ndarray) -> np.ndarray:
        """A column at rows that are not in memory: from the overview if all of them are in it."""
        assert self.pages is not None
        overview = self._overview
        if name in overview.columns and len(rows):
            at = np.searchsorted(overview.rows, rows).clip(0, len(overview.rows) - 1)
            if (overview.rows[at] == rows).all():
                return overview.columns[name][at]
        return self.pages.values(name, self._steps[rows])

    def drawn(self, start: int, stop: int) -> np.ndarray:
        """The rows from `start` to before `stop` that a curve can be drawn of without reading the
        file, (k,): all that are in memory, and those of the overview before them."""
        window, overview = self._window, self._overview
        older = overview.rows[(overview.rows >= start) & (overview.rows < min(stop, window.start))]
        return np.concatenate([older, np.arange(max(start, window.start), stop)])

    def rare(self, name: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows from `start` to before `stop` that have a rare column, (m,), and what they
        have, (m, width)."""
        window = self._window
        rows, values = _between(*_rare_of(window, name), start, stop)
        if start >= window.start:
            return rows, values
        assert self.pages is not None
        end = min(stop, window.start)
        at, older = self.pages.rare(name, self._steps[start:end])
        return _joined(start + at, older, rows, values)

    def rare_drawn(self, name: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """The same without reading the file: of those that are not in memory the overview's."""
        window, overview = self._window, self._overview
        rows, values = _between(*_rare_of(window, name), start, stop)
        if start >= window.start or name not in overview.rare:
            return rows, values
        older_rows, older = _between(*overview.rare[name], start, min(stop, window.start))
        return _joined(older_rows, older, rows, values)


def _rare_of(window: Window, name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = np.array(window.rare_rows.get(name, []), int)
    return rows, window.rare[name] if len(rows) else np.zeros((0, 0))


def _between(
    rows: np.ndarray, values: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    first, end = np.searchsorted(rows, [start, stop])
    return rows[first:end], values[first:end]


def _joined(
    older_rows: np.ndarray, older: np.ndarray, rows: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if not len(older_rows):  # of which the width is not known either
        return rows, values
    if not len(rows):
        return older_rows, older
    return np.concatenate([older_rows, rows]), np.concatenate([older, values])
