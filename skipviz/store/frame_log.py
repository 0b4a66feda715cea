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

__all__ = ["FrameLog", "LaneAxes", "Writer", "read_tracks", "schema", "to_batch"]

_CONTINUATION = b"\xff\xff\xff\xff"
_LARGEST_HEADER = 1 << 26


class FrameLog:
    """The frames of one run in memory: columns that grow. One thread appends, any may read.

    Readers take `n` first and look at rows below it: these never change. Steps strictly grow;
    a batch that repeats steps (a resumed run replays from its checkpoint) adds only newer ones.
    Of a recording not every step has profiles (`store.compact`); those without read NaN.
    """

    def __init__(self) -> None:
        self.schema: pa.Schema | None = None
        self.tracks: tuple[LaneAxes, ...] = ()
        self.n = 0
        self.whole_bytes = 0
        self._columns: dict[str, np.ndarray] = {}
        self._rows: dict[str, list[int]] = {}
        self._reach: dict[str, float] = {}
        self._bare = np.zeros(0, int)
        self._pending = b""
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | Path) -> FrameLog:
        """The log in a file, up to its last whole batch. SpecError if nothing can be read."""
        log = cls()
        try:
            log.append_bytes(Path(path).read_bytes())
        except OSError as error:
            raise SpecError(f"frames {Path(path).name}: {error.strerror or error}") from None
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            if log.schema is None:
                raise _unreadable(Path(path).name) from error
        if log.schema is None:
            raise _unreadable(Path(path).name)
        return log

    @property
    def nbytes(self) -> int:
        """The memory that its numbers take."""
        return sum(held.nbytes for held in list(self._columns.values()))

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
                while (message := _next_message(reader, self._pending[whole : whole + 8])) != b"":
                    if message is not None and message.type == "schema":
                        self._begin(pa.ipc.read_schema(message))
                    elif message is not None:
                        batches.append(pa.ipc.read_record_batch(message, self.schema))
                    whole = reader.tell()
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
        if self.schema is None:
            self.tracks = read_tracks(schema)
            self.schema = schema

    def _extend(self, batches: list[pa.RecordBatch]) -> None:
        if not batches:
            return
        table = pa.Table.from_batches(batches).combine_chunks()
        steps = table.column("step").to_numpy()
        newest = np.maximum.accumulate(np.concatenate([[self.last_step], steps]))
        keep = np.flatnonzero(steps > newest[:-1])
        whole = len(keep) == len(steps)
        for name in table.column_names:
            column = table.column(name).combine_chunks()
            if name.endswith(SPARSE):
                self._extend_sparse(name, column, keep)
            else:
                values = _numbers(column)
                self._put(name, self.n, values if whole else values[keep])
                if column.null_count and name.endswith(PROFILES):
                    nulls = column.is_null().to_numpy(zero_copy_only=False)[keep]
                    self._bare = np.union1d(self._bare, self.n + np.flatnonzero(nulls))
        self.n += len(keep)

    def _extend_sparse(self, name: str, column: pa.Array, keep: np.ndarray) -> None:
        """Maps and evaluations are rare: they lie densely beside a list of the rows that have
        one."""
        rows = keep[column.is_valid().to_numpy(zero_copy_only=False)[keep]]
        rows_known = self._rows.setdefault(name, [])
        if len(rows):
            values = _numbers(column.take(pa.array(rows)))
            self._put(
                name, len(rows_known), self._seen(name, values) if name[-4:] == "_map" else values
            )
            rows_known.extend((self.n + np.searchsorted(keep, rows)).tolist())

    def _seen(self, name: str, values: np.ndarray) -> np.ndarray:
        """Maps as they are kept: float16 but for biases. How far they reach is noted."""
        lane, _, kind = name.partition("_")
        track = self.tracks[int(lane[4:])]
        far = values - (track.bias or 0.0) if kind == MAPS[0] else values
        finite = np.abs(far[np.isfinite(far)])
        self._reach[name] = max(self._reach.get(name, 0.0), float(finite.max(initial=0)))
        with np.errstate(over="ignore"):
            return values if kind == MAPS[0] or not track.units else values.astype(np.float16)

    def _put(self, name: str, at: int, values: np.ndarray) -> None:
        held = self._columns.get(name)
        need = at + len(values)
        if held is None or need > len(held):
            grown = np.empty((max(64, 2 * need), *values.shape[1:]), values.dtype)
            if held is not None:
                grown[:at] = held[:at]
            held = grown
        held[at:need] = values
        self._columns[name] = held

    # --- Reading ----------------------------------------------------------------------------

    @property
    def last_step(self) -> int:
        """The newest recorded step; -1 while there is none."""
        return int(self._columns["step"][self.n - 1]) if self.n else -1

    def column(self, name: str, rows: Any = slice(None)) -> np.ndarray:
        """Rows of a column: (k,) for `step` and `time_s`, (k, width) for lanes' columns. Not of
        those that are rare: `held_out` and `map_at` read these."""
        if name.endswith(SPARSE):
            raise KeyError(name)
        n = self.n
        if name not in self._columns:
            return np.zeros((0, 0))
        held = self._columns[name][:n]
        return held[rows]

    def lane(self, i: int, name: str, rows: Any = slice(None)) -> np.ndarray:
        """Rows of a lane's column, (k, seeds, width of one seed)."""
        flat = self.column(f"lane{i}_{name}", rows)
        seeds = self.tracks[i].seeds
        return flat.reshape(len(flat), seeds, flat.shape[1] // seeds)

    def diverged_at(self, i: int, row: int) -> int | None:
        """The step at which lane i left the finite numbers, as known in `row`."""
        step = int(self._columns[f"lane{i}_diverged_at"][row])
        return step if step >= 0 else None

    def row(self, step: int) -> int:
        """The row of the recorded step nearest to `step` (the earlier of two). Needs n > 0."""
        steps = self.column("step")
        right = int(np.clip(np.searchsorted(steps, step), 0, len(steps) - 1))
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
        map_rows = self._rows.get(f"lane{i}_{MAPS[-1]}", [])
        at = bisect.bisect_right(map_rows, row) - 1
        if at < 0:
            return None
        track = self.tracks[i]
        fields = {
            name: self._columns[f"lane{i}_{name}"][at].reshape(track.map_shape(name))
            for name in track.maps()
        }
        return int(self._columns["step"][map_rows[at]]), fields

    def map_rows(self, i: int) -> list[int]:
        """The rows in which lane i has maps."""
        return list(self._rows.get(f"lane{i}_{MAPS[-1]}", []))

    def reach(self, i: int, name: str) -> float:
        """The largest finite absolute value of lane i's maps of this name so far; of biases, the
        largest distance from where they began."""
        return self._reach.get(f"lane{i}_{name}", 0.0)

    def held_out(self, i: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows from `start` to before `stop` in which lane i was evaluated, (k,), its held-out
        loss and its held-out error there, (k, seeds)."""
        evaluated_rows = self._rows.get(f"lane{i}_{HELD_OUT[-1]}", [])
        first, end = (
            bisect.bisect_left(evaluated_rows, start),
            bisect.bisect_left(evaluated_rows, stop),
        )
        if first == end:
            nothing = np.zeros((0, self.tracks[i].seeds))
            return np.zeros(0, int), nothing, nothing
        loss, error = (self._columns[f"lane{i}_{name}"][first:end] for name in HELD_OUT)
        return np.array(evaluated_rows[first:end]), loss, error

    def frame(self, step: int) -> Frame:
        """The recorded frame nearest to `step`, exactly as it is stored. Needs n > 0."""
        row = self.row(step)
        lanes = tuple(self._lane_frame(i, row) for i in range(len(self.tracks)))
        return Frame(step=int(self._columns["step"][row]), lanes=lanes)

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
        if maps is not None and maps[0] == int(self._columns["step"][row]):
            values |= maps[1]
        return LaneFrame(**values, diverged_at=self.diverged_at(i, row))


def _unreadable(name: str) -> SpecError:
    return SpecError(f"frames {name}: does not begin with the schema of a skipviz run")


def _next_message(reader: pa.BufferReader, head: bytes) -> Any:
    """The next whole message; None for an end mark (skipped); b"" if the rest is incomplete."""
    if len(head) < 8:
        if not _CONTINUATION.startswith(head[:4]):
            raise pa.ArrowInvalid("not an Arrow stream")
        return b""
    size = int.from_bytes(head[4:8], "little", signed=True)
    if head[:4] != _CONTINUATION or not 0 <= size <= _LARGEST_HEADER:
        raise pa.ArrowInvalid("not an Arrow stream")
    if size == 0:
        reader.seek(reader.tell() + 8)
        return None
    try:
        return pa.ipc.read_message(reader)
    except (EOFError, OSError, pa.ArrowInvalid):
        return b""


def _numbers(column: pa.Array) -> np.ndarray:
    """A column as numpy: (k,) or (k, width); a null step becomes -1, a null profile NaN."""
    if pa.types.is_fixed_size_list(column.type):
        there = column.drop_null() if column.null_count else column
        flat = there.flatten().to_numpy(zero_copy_only=False)
        held: np.ndarray = flat.reshape(len(there), column.type.list_size)
        if len(there) == len(column):
            return held
        whole = np.full((len(column), held.shape[1]), np.nan)
        whole[column.is_valid().to_numpy(zero_copy_only=False)] = held
        return whole
    if pa.types.is_list(column.type):  # maps, none of them null
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return column.fill_null(-1).to_numpy(zero_copy_only=False)
