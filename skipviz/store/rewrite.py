"""A stored run's frames written anew: cut back to a step, or under a schema that knows more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from skipviz.core.atomic_files import replace
from skipviz.store.frame_table import next_batch


def rewrite(path: Path, of: pa.Schema, before: int | None = None) -> float:
    """Puts the frames of steps below `before` (None: all) under the schema `of`; the time in
    seconds of the last of them, 0.0 where there is none.

    Written aside and put in place in one piece: the file can be read at every moment. What is not
    a whole batch at its end is left out. Not mapped into memory: a file that is cannot be replaced
    on Windows.
    """
    half = path.with_suffix(".half")
    last = 0.0
    with pa.OSFile(str(path)) as source, half.open("wb") as to:
        messages = pa.ipc.MessageReader.open_stream(source)
        old_schema = pa.ipc.read_schema(messages.read_next_message())
        to.write(of.serialize())
        while (batch := next_batch(messages, old_schema)) is not None:
            steps = batch.column("step").to_numpy()
            count = len(steps) if before is None else int(np.searchsorted(steps, before))
            if count:
                to.write(batch.slice(0, count).serialize())
                last = float(batch.column("time_s")[count - 1].as_py())
    replace(half, path)
    return last
