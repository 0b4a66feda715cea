"""A finished run's frames in few bytes, as recordings keep them: the same file, the same columns.

    compacted(log, maps=True) -> the bytes of a `frames.arrow`

- loss, error and evaluations: of every recorded step, to the last bit
- profiles (norms, scales and gate means by layer): of at most `MOST_PROFILES` steps, the first and
  the last among them, to four digits; null on the others
- maps: of at most `MOST_MAPS` steps, to three digits, or none of them
- all of it compressed (zstd), which every reader of Arrow files undoes by itself
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import HELD_OUT, MAPS, PROFILES
from skipviz.store.thinning import spread

MOST_PROFILES, MOST_MAPS = 60, 13
_PROFILE_BITS, _MAP_BITS = 13, 10


def compacted(log: FrameLog, maps: bool) -> bytes:
    """The frames of a log as a whole Arrow IPC stream; `maps` says whether it keeps some."""
    assert log.schema is not None and log.n
    loose = [
        field.with_nullable(True) if field.name.endswith(PROFILES) else field
        for field in log.schema
    ]
    schema = pa.schema(loose, metadata=log.schema.metadata)
    profile_rows = spread(log.n, MOST_PROFILES)
    columns = [_column(log, field, profile_rows, maps) for field in schema]
    sink = pa.BufferOutputStream()
    packed = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=19))
    with pa.ipc.new_stream(sink, schema, options=packed) as stream:
        stream.write_batch(pa.record_batch(columns, schema=schema))
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _column(log: FrameLog, field: pa.Field, profile_rows: np.ndarray, maps: bool) -> pa.Array:
    lane, _, name = field.name.partition("_")
    if not lane.startswith("lane"):
        return pa.array(log.column(field.name), field.type)
    i = int(lane.removeprefix("lane"))
    rows: list[Any] = [None] * log.n
    if name in MAPS:
        map_rows = log.map_rows(i) if maps else []
        for row in np.array(map_rows)[spread(len(map_rows), MOST_MAPS)] if map_rows else ():
            at = log.map_at(i, int(row))
            assert at is not None
            rows[row] = rounded(at[1][name].reshape(-1), _MAP_BITS)
    elif name in HELD_OUT:
        evaluated_rows, *scores = log.held_out(i, 0, log.n)
        for at_row, score in zip(evaluated_rows, scores[HELD_OUT.index(name)], strict=True):
            rows[at_row] = score
    elif name in PROFILES:
        for row in profile_rows:
            rows[row] = rounded(log.column(field.name, int(row)), _PROFILE_BITS)
    elif name == "diverged_at":
        rows = [log.diverged_at(i, row) for row in range(log.n)]
    else:
        rows = list(log.column(field.name))
    return pa.array(rows, field.type)


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Values with so many binary digits: off by at most a share of 2 ** -bits."""
    fraction, exponent = np.frexp(values)
    short: np.ndarray = np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)
    return short
