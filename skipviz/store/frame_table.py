"""A stored run's frames batch by batch, as they lie in `frames.arrow`: never all in memory.

with frame_table.opened(path) as frames:
    frames.schema
    for batch in frames.batches(): …
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from skipviz.core.knob import SpecError

ROWS_AT_ONCE = 1 << 14
"""A worker writes ten batches a second, most of them small: so many rows are handed on together."""


@dataclass(frozen=True)
class Frames:
    """The frames of an open file: its schema, and what follows it."""

    schema: pa.Schema
    messages: pa.ipc.MessageReader

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every whole batch, in order; rows whose steps were there before are left out."""
        newest = -1
        while (batch := next_batch(self.messages, self.schema)) is not None:
            steps = batch.column("step").to_numpy()
            before = np.maximum.accumulate(np.concatenate([[newest], steps]))
            fresh = steps > before[:-1]
            newest = int(before[-1])
            if fresh.any():
                yield batch if fresh.all() else batch.filter(pa.array(fresh))

    def tables(self) -> Iterator[pa.Table]:
        """The same, some thousands of rows together."""
        held: list[pa.RecordBatch] = []
        for batch in self.batches():
            held.append(batch)
            if sum(each.num_rows for each in held) >= ROWS_AT_ONCE:
                yield pa.Table.from_batches(held, self.schema).combine_chunks()
                held = []
        if held:
            yield pa.Table.from_batches(held, self.schema).combine_chunks()


@contextmanager
def opened(path: Path) -> Iterator[Frames]:
    """The frames of a file, up to its last whole batch. SpecError where it has none."""
    if not path.is_file() or not path.stat().st_size:
        raise SpecError("run: it has no frames yet; wait until its first step is made")
    with pa.OSFile(str(path)) as source:  # not mapped: a file that is cannot be moved on Windows
        try:
            messages = pa.ipc.MessageReader.open_stream(source)
            schema = pa.ipc.read_schema(messages.read_next_message())
        except (StopIteration, EOFError, OSError, pa.ArrowInvalid) as error:
            raise SpecError(
                f"frames {path.name}: does not begin with the schema of a skipviz run"
            ) from error
        yield Frames(schema, messages)


def whole(path: Path) -> pa.Table:
    """All frames as one table, with the schema's metadata. SpecError where there are none."""
    with opened(path) as frames:
        return pa.Table.from_batches(list(frames.batches()), frames.schema).combine_chunks()


def next_batch(messages: pa.ipc.MessageReader, of: pa.Schema) -> pa.RecordBatch | None:
    """The next whole batch; None at the end, or where the last one is a half."""
    try:
        return pa.ipc.read_record_batch(messages.read_next_message(), of)
    except (StopIteration, EOFError, OSError, pa.ArrowInvalid):
        return None
