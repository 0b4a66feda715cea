"""The frames of a run that lie in its file and are read when asked for.

    pages = FramePages(path)
    pages.catch_up()                          learns where the batches lie that came since
    pages.values("lane0_loss", steps, 1)      (k, width); NaN of steps that are not in the file
    pages.rare("lane0_held_out_loss", steps)  the steps that have it, and what they have

The file is mapped while it is read and never longer: one that stays mapped could neither be
replaced nor moved on Windows. A worker that takes a run up again writes its file anew; then the
batches lie elsewhere, and are looked for again.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skipviz.store.arrow_messages import next_message
from skipviz.store.frame_columns import fresh, numbers, room

ROWS_AT_ONCE = 1 << 14
BATCHES_AT_ONCE = 512
"""So many are looked at together."""

Hear = Callable[[pa.Table], None]


class FramePages:
    """Where the batches of a `frames.arrow` lie, and what is in them. Any thread may ask.

    end         the byte up to which the file was read: whole batches, no half one
    last_step   the newest step until there; -1 without one
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self.end, self.last_step = 0, -1
        self.schema: pa.Schema | None = None
        self._file = (0, 0)
        self._offsets, self._first_steps, self._counts = array("q"), array("q"), array("q")

    @property
    def nbytes(self) -> int:
        """The memory that it takes to know where the batches lie."""
        return 3 * 8 * len(self._offsets)

    def catch_up(self, hear: Hear | None = None) -> None:
        """Looks for batches that came since the last time; `hear` is given them, as tables of some
        thousands of rows that are mapped from the file: what is kept of them must be copied.
        OSError, pa.ArrowInvalid where the file does not begin as one of frames."""
        with self._lock, self._mapped() as source:
            self._catch_up(source, hear)

    def values(self, name: str, steps: np.ndarray) -> np.ndarray:
        """A column of some steps (k,), rising: (k,) or (k, width). Of a step that is not in the
        file, which may be written anew just now, NaN, or -1 in whole numbers."""
        assert self.schema is not None
        kind = self.schema.field(name).type
        is_list = pa.types.is_fixed_size_list(kind)
        number = np.dtype((kind.value_type if is_list else kind).to_pandas_dtype())
        result = room((len(steps), *([kind.list_size] if is_list else [])), number)
        result[...] = np.nan if number.kind == "f" else -1
        for at, column, rows in self._columns(name, steps):
            result[at] = numbers(column)[rows]
        return result

    def rare(self, name: str, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the steps (k,) have a rare column, as places in `steps` (m,), and what they
        have, (m, width)."""
        places, parts = [np.zeros(0, int)], list[np.ndarray]()
        for at, column, rows in self._columns(name, steps):
            there = column.is_valid().to_numpy(zero_copy_only=False)[rows]
            if there.any():
                places.append(at[there])
                parts.append(numbers(column.take(pa.array(rows[there]))).copy())
        return np.concatenate(places), np.concatenate(parts) if parts else np.zeros((0, 0))

    # --- inside

    @contextmanager
    def _mapped(self) -> Iterator[pa.MemoryMappedFile]:
        """The file, mapped; what was known of another file of that name is forgotten."""
        stat = os.stat(self.path)
        with pa.memory_map(str(self.path)) as source:
            same = self._file == (stat.st_dev, stat.st_ino) and stat.st_size >= self.end
            if not (same and self._is_as_known(source)):
                self._forget()
                self._file = (stat.st_dev, stat.st_ino)
            yield source

    def _is_as_known(self, source: pa.MemoryMappedFile) -> bool:
        """Does the newest batch still lie where it did? A file that was written anew may have the
        number of the one before it."""
        if not self._offsets:
            return True
        try:
            steps = self._table(source, [len(self._offsets) - 1], ["step"]).column("step")
            return int(steps.to_numpy().max()) == self.last_step
        except (pa.ArrowException, OSError, EOFError, ValueError):
            return False

    def _catch_up(self, source: pa.MemoryMappedFile, hear: Hear | None) -> None:
        source.seek(self.end)
        held, rows = list[tuple[int, pa.RecordBatch]](), 0
        while (message := _next_or_end(source)) is not None:
            begins, self.end = self.end, source.tell()
            if message.type == "schema":
                self.schema = self.schema or pa.ipc.read_schema(message)
            elif message.type == "record batch":
                try:
                    held.append((begins, pa.ipc.read_record_batch(message, self.schema)))
                except (OSError, pa.ArrowException):  # damaged: what is whole ends before it
                    self.end = begins
                    break
                rows += held[-1][1].num_rows
            if len(held) >= BATCHES_AT_ONCE or rows >= ROWS_AT_ONCE:
                self._learn(held, hear)
                held, rows = [], 0
        self._learn(held, hear)

    def _learn(self, held: list[tuple[int, pa.RecordBatch]], hear: Hear | None) -> None:
        """Takes note of batches that bring steps which were not there before."""
        if not held:
            return
        table = pa.Table.from_batches([batch for _, batch in held])
        steps = table.column("step").to_numpy()
        newer, row = fresh(steps, self.last_step), 0
        for begins, batch in held:
            first = int(np.searchsorted(newer, row))
            row += batch.num_rows
            if first < len(newer) and newer[first] < row:
                self._offsets.append(begins)
                self._first_steps.append(int(steps[newer[first]]))
                self._counts.append(batch.num_rows)
        self.last_step = max(self.last_step, int(steps.max()))
        if hear is not None:
            hear(table)

    def _columns(
        self, name: str, steps: np.ndarray
    ) -> Iterator[tuple[np.ndarray, pa.Array, np.ndarray]]:
        """A column of the batches that hold the steps (k,), rising, some batches at a time: places
        in `steps` (m,), the column, and the row of each of these places in it (m,). Nothing of a
        file that is gone."""
        with self._lock, suppress(OSError), self._mapped() as source:
            self._catch_up(source, None)
            batch_of = np.searchsorted(np.asarray(self._first_steps), steps, "right") - 1
            for batches in self._some(np.unique(batch_of[batch_of >= 0])):
                table = self._table(source, batches, ["step", name])
                first = int(np.searchsorted(batch_of, batches[0]))
                after = int(np.searchsorted(batch_of, batches[-1], "right"))
                steps_here = table.column("step").to_numpy()
                newer = fresh(steps_here, -1)
                row = np.searchsorted(steps_here[newer], steps[first:after])
                row = newer[row.clip(0, len(newer) - 1)]
                is_here = steps_here[row] == steps[first:after]
                at = first + np.flatnonzero(is_here)
                yield at, table.column(name).combine_chunks(), row[is_here]

    def _some(self, batches: np.ndarray) -> Iterator[list[int]]:
        """Batches in portions that are looked at together."""
        portion, rows = list[int](), 0
        for batch in batches.tolist():
            portion.append(batch)
            rows += self._counts[batch]
            if len(portion) >= BATCHES_AT_ONCE or rows >= ROWS_AT_ONCE:
                yield portion
                portion, rows = [], 0
        if portion:
            yield portion

    def _table(self, source: pa.MemoryMappedFile, batches: list[int], names: list[str]) -> pa.Table:
        """Columns of some batches, as they lie in the file."""
        there = []
        for batch in batches:
            source.seek(self._offsets[batch])
            message = pa.ipc.read_message(source)
            there.append(pa.ipc.read_record_batch(message, self.schema))
        return pa.Table.from_batches(there).select(names)


def _next_or_end(source: Any) -> Any:
    """The next whole message; None at the end of what can be read, the place then as before."""
    begins = source.tell()
    try:
        return next_message(source)
    except pa.ArrowInvalid:
        source.seek(begins)
        return None
