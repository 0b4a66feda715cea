"""The frames of a run as one Arrow IPC stream: in a file, through a pipe, in memory.

`frames.arrow` begins with a schema, then one message for each batch of recorded steps: append-only,
readable up to the last whole batch, opened by pandas, Polars and DuckDB as it is. The worker
appends the very bytes that it sends through its pipe (`Writer`); `FrameLog` reads both.
"""

from __future__ import annotations

import bisect
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skipviz.core.frame import Frame, LaneFrame
from skipviz.core.knob import SpecError
from skipviz.store import frame_rows
from skipviz.store.arrow_messages import next_message
from skipviz.store.frame_columns import fresh, numbers
from skipviz.store.frame_rows import FrameRows, Rare
from skipviz.store.frame_schema import (
    HELD_OUT,
    MAPS,
    PROFILES,
    SPARSE,
    LaneAxes,
    Writer,
    read_tracks,
    schema,
    to_batch,
)
from skipviz.store.overview import CURVES

__all__ = ["FrameLog", "LaneAxes", "Writer", "read_tracks", "schema", "to_batch"]


class FrameLog:
    """The frames of one run. One thread appends, any may read.

    Readers take `n` first and look at rows below it: these never change. Steps strictly grow;
    a batch that repeats steps (a resumed run replays from its checkpoint) adds only newer ones.
    Of a recording not every step has profiles (`store.compact`); those without read NaN.

    path   the file in which the same frames lie; None: all of them stay in memory. Otherwise the
           newest do (`frame_rows.WINDOW_BYTES`), and older ones are read from it when asked for
    """

    def __init__(self, path: Path | None = None) -> None:
        self.schema: pa.Schema | None = None
        self.tracks: tuple[LaneAxes, ...] = ()
        self.whole_bytes = 0
        self._rows = FrameRows(path)
        self._map_rows: dict[int, list[int]] = {}
        self._diverged: dict[int, list[tuple[int, int]]] = {}
        self._reach: dict[str, float] = {}
        self._bare = np.zeros(0, int)
        self._pending = b""
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | Path) -> FrameLog:
        """The log in a file, up to its last whole batch. SpecError if nothing can be read."""
        path = Path(path)
        log = cls(path)
        try:
            if path.stat().st_size > frame_rows.WINDOW_BYTES:
                log._look_through()
            else:
                log.append_bytes(path.read_bytes())
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # Arrow's own have none
                raise SpecError(f"frames {path.name}: {error.strerror}") from None
            if log.schema is None:
                raise _unreadable(path.name) from error
        if log.schema is None:
            raise _unreadable(path.name)
        return log

    @property
    def n(self) -> int:
        """How many frames there are."""
        return self._rows.n

    @property
    def nbytes(self) -> int:
        """The memory that its numbers take."""
        return self._rows.nbytes

    @property
    def experiment_json(self) -> str:
        """The experiment that the frames belong to; empty until the schema is here."""
        if self.schema is None:
            return ""
        text: str = self.schema.metadata[b"skipviz.experiment"].decode()
        return text

    def append_bytes(self, data: bytes) -> int:
        """Takes the next bytes of the stream, cut anywhere; how many frames there are now."""
        with self._lock:
            self._pending = self._pending + data if self._pending else bytes(data)
            reader = pa.BufferReader(self._pending)
            batches, whole = [], 0
            try:
                while (message := next_message(reader)) is not None:
                    if message.type == "schema":
                        self._begin(pa.ipc.read_schema(message))
                    else:
                        batches.append(pa.ipc.read_record_batch(message, self.schema))
                    whole = reader.tell()
                whole = reader.tell()  # behind an end mark, too
            finally:
                self._pending = self._pending[whole:]
                self.whole_bytes += whole
                self._extend(batches)
            return self.n

    def drop_half(self) -> None:
        """Forgets a message that was cut off: what comes next begins a new one."""
        with self._lock:
            self._pending = b""

    def append(self, batch: pa.RecordBatch) -> int:
        """Takes one batch; how many frames there are now."""
        with self._lock:
            self._begin(batch.schema)
            self._extend([batch])
            return self.n

    def _begin(self, schema: pa.Schema) -> None:
        """Takes a schema: the first, or that of a run that goes on, which says more of the same
        columns."""
        if self.schema is None:
            self.tracks = read_tracks(schema)
        self.schema = schema

    def _extend(self, batches: list[pa.RecordBatch]) -> None:
        if batches:
            table = pa.Table.from_batches(batches)
            self._rows.extend(*self._taken(table, table.column_names))

    def _look_through(self) -> None:
        """Takes a whole file without having its frames in memory."""
        pages = self._rows.pages
        assert pages is not None
        with self._lock:

            def hear(table: pa.Table) -> None:
                assert pages.schema is not None
                self._begin(pages.schema)
                curves = [name for name in table.column_names if name.endswith(CURVES)]
                self._rows.remember(*self._taken(table, curves))

            pages.catch_up(hear)
            if pages.schema is not None:
                self._begin(pages.schema)
            self.whole_bytes = pages.end

    def _taken(
        self, table: pa.Table, dense: list[str]
    ) -> tuple[np.ndarray, dict[str, np.ndarray], Rare]:
        """The steps of a table's rows that are new, and what these have: of the columns `dense`,
        and of those that are rare. What is noted of all rows is noted."""
        steps = table.column("step").to_numpy()
        keep = fresh(steps, self.last_step)
        columns, rare = dict[str, np.ndarray](), Rare()
        for name in table.column_names:
            column = table.column(name)
            if name.endswith(SPARSE):
                rare[name] = self._rare(name, column, keep)
            elif name != "step":
                self._note(name, column, keep)
                if name in dense:
                    values = numbers(column.combine_chunks())
                    columns[name] = values if len(keep) == len(steps) else values[keep]
        return steps[keep], columns, rare

    def _note(self, name: str, column: pa.ChunkedArray, keep: np.ndarray) -> None:
        """What is known of all rows of a column: where a lane diverged, where profiles are not."""
        if column.null_count and name.endswith(PROFILES):
            nulls = column.is_null().to_numpy()[keep]
            self._bare = np.union1d(self._bare, self.n + np.flatnonzero(nulls))
        lane, _, kind = name.partition("_")
        if kind == "diverged_at":
            known = self._diverged.setdefault(int(lane[4:]), [(-1, -1)])
            values = numbers(column.combine_chunks())[keep]
            changes = np.flatnonzero(np.diff(values, prepend=known[-1][1]))
            known.extend((self.n + int(at), int(values[at])) for at in changes)

    def _rare(
        self, name: str, column: pa.ChunkedArray, keep: np.ndarray
    ) -> tuple[list[int], np.ndarray]:
        """The rows that have a rare column, and what they have."""
        if column.null_count == len(column):
            return [], np.zeros((0, 0))
        is_there = column.is_valid().to_numpy()[keep]
        rows = (self.n + np.flatnonzero(is_there)).tolist()
        if not rows:
            return [], np.zeros((0, 0))
        values = numbers(column.take(pa.array(keep[is_there])).combine_chunks())
        lane, _, kind = name.partition("_")
        if kind in MAPS:
            i = int(lane[4:])
            self._reach_out(name, i, values)
            if kind == MAPS[-1]:
                self._map_rows.setdefault(i, []).extend(rows)
            values = _as_kept(kind, values, self.tracks[i])
        return rows, values

    def _reach_out(self, name: str, i: int, values: np.ndarray) -> None:
        """Notes how far maps reach."""
        is_bias = name.endswith(MAPS[0])
        far = values - (self.tracks[i].bias or 0.0) if is_bias else values
        finite = np.abs(far[np.isfinite(far)])
        self._reach[name] = max(self._reach.get(name, 0.0), float(finite.max(initial=0)))

    # --- Reading ----------------------------------------------------------------------------

    @property
    def last_step(self) -> int:
        """The newest recorded step; -1 while there is none."""
        return int(self._rows.steps[-1]) if self.n else -1

    def column(self, name: str, rows: Any = slice(None)) -> np.ndarray:
        """Rows of a column: (k,) for `step` and `time_s`, (k, width) for lanes' columns. Not of
        those that are rare: `held_out` and `map_at` read these. Rows that are not in memory are
        read from the file; many large ones are mapped from a file of their own."""
        if name.endswith(SPARSE):
            raise KeyError(name)
        if name == "step":
            steps: np.ndarray = self._rows.steps[rows]
            return steps
        if not self.n or self.schema is None or name not in self.schema.names:
            return np.zeros((0, 0))
        return self._rows.values(name, rows)

    def lane(self, i: int, name: str, rows: Any = slice(None)) -> np.ndarray:
        """Rows of a lane's column, (k, seeds, width of one seed)."""
        flat = self.column(f"lane{i}_{name}", rows)
        seeds = self.tracks[i].seeds
        return flat.reshape(len(flat), seeds, flat.shape[1] // seeds)

    def drawn(self, start: int, stop: int) -> np.ndarray:
        """The rows from `start` to before `stop` whose losses and errors are at hand, (k,): of a
        long run not all of them, but its extremes."""
        return self._rows.drawn(start, stop)

    def diverged_at(self, i: int, row: int) -> int | None:
        """The step at which lane i left the finite numbers, as known in `row`."""
        known = self._diverged.get(i, [(-1, -1)])
        step = known[bisect.bisect_right(known, row, key=lambda change: change[0]) - 1][1]
        return step if step >= 0 else None

    def row(self, step: int) -> int:
        """The row of the recorded step nearest to `step` (the earlier of two). Needs n > 0."""
        steps = self._rows.steps
        step = min(max(step, int(steps[0])), int(steps[-1]))  # whoever asks, asks for any number
        right = int(np.searchsorted(steps, step))
        left = max(right - 1, 0)
        return left if step - steps[left] <= steps[right] - step else right

    def profiled(self, rows: np.ndarray) -> np.ndarray:
        """The rows nearest to `rows`, (k,), that have profiles, in order, each once; rows of a run
        that has all of its profiles as they are."""
        have = np.setdiff1d(np.arange(self.n), self._bare) if len(self._bare) else self._bare
        if not len(have):
            return rows
        right = np.searchsorted(have, rows).clip(0, len(have) - 1)
        left = (right - 1).clip(0)
        nearer_left = rows - have[left] <= have[right] - rows
        return np.unique(np.where(nearer_left, have[left], have[right]))

    def map_at(self, i: int, row: int) -> tuple[int, dict[str, np.ndarray]] | None:
        """(step, lane i's newest maps at or before `row` by name), shaped as in its frame; None
        where there are none yet."""
        map_rows = self._map_rows.get(i, [])
        at = bisect.bisect_right(map_rows, row) - 1
        if at < 0:
            return None
        track, row = self.tracks[i], map_rows[at]
        fields = {}
        for name in track.maps():
            rows, values = self._rows.rare(f"lane{i}_{name}", row, row + 1)
            if not len(rows):
                return None  # for a moment, while the file is written anew
            fields[name] = _as_kept(name, values[0], track).reshape(track.map_shape(name))
        return int(self._rows.steps[row]), fields

    def map_rows(self, i: int) -> list[int]:
        """The rows in which lane i has maps."""
        return list(self._map_rows.get(i, []))

    def reach(self, i: int, name: str) -> float:
        """The largest finite absolute value of lane i's maps of this name so far; of biases, the
        largest distance from where they began."""
        return self._reach.get(f"lane{i}_{name}", 0.0)

    def held_out(
        self, i: int, start: int, stop: int, drawn: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows from `start` to before `stop` in which lane i was evaluated, (k,), its held-out
        loss and its held-out error there, (k, seeds).

        drawn   only those that are at hand: of a long run not all
        """
        read = self._rows.rare_drawn if drawn else self._rows.rare
        pairs = [read(f"lane{i}_{name}", start, stop) for name in HELD_OUT]
        count = min(len(rows) for rows, _ in pairs)  # a batch that comes just now may be in one
        if not count:
            nothing = np.zeros((0, self.tracks[i].seeds))
            return np.zeros(0, int), nothing, nothing
        loss, error = (values[:count] for _, values in pairs)
        return pairs[0][0][:count], loss, error

    def frame(self, step: int) -> Frame:
        """The recorded frame nearest to `step`, exactly as it is stored. Needs n > 0."""
        row = self.row(step)
        lanes = tuple(self._lane_frame(i, row) for i in range(len(self.tracks)))
        return Frame(step=int(self._rows.steps[row]), lanes=lanes)

    def _lane_frame(self, i: int, row: int) -> LaneFrame:
        track = self.tracks[i]
        values: dict[str, Any] = {}
        for name in track.widths():
            if name not in SPARSE:
                value = self.lane(i, name, slice(row, row + 1))[0]
                value = value[:, 0] if name in ("loss", "error") else value
                values[name] = value[0] if track.seeds == 1 else value
        if track.seeds == 1:
            values |= {name: float(values[name]) for name in ("loss", "error")}
        rows, *held = self.held_out(i, row, row + 1)
        if len(rows):
            one = track.seeds == 1
            values |= {
                name: float(value[0, 0]) if one else value[0]
                for name, value in zip(HELD_OUT, held, strict=True)
            }
        maps = self.map_at(i, row)
        if maps is not None and maps[0] == int(self._rows.steps[row]):
            values |= maps[1]
        return LaneFrame(**values, diverged_at=self.diverged_at(i, row))


def _as_kept(kind: str, values: np.ndarray, track: LaneAxes) -> np.ndarray:
    """Maps as they are kept: float16 but for biases."""
    with np.errstate(over="ignore"):
        return values if kind == MAPS[0] or not track.units else values.astype(np.float16)


def _unreadable(name: str) -> SpecError:
    return SpecError(f"frames {name}: does not begin with the schema of a skipviz run")
