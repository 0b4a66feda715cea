"""The messages of an Arrow stream, one by one, as far as they are whole."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

CONTINUATION = b"\xff\xff\xff\xff"
LARGEST_HEADER = 1 << 26


def next_message(source: Any) -> Any:
    """The next whole message at a file's place, which is behind it then; end marks are skipped.
    None where what follows is incomplete: the place is before that. pa.ArrowInvalid where it is no
    Arrow stream."""
    begins = source.tell()
    head = source.read(8)
    size = int.from_bytes(head[4:8], "little", signed=True)
    is_whole = len(head) == 8
    if not CONTINUATION.startswith(head[:4]) or (is_whole and not 0 <= size <= LARGEST_HEADER):
        raise pa.ArrowInvalid("not an Arrow stream")
    if is_whole and size == 0:
        return next_message(source)
    source.seek(begins)
    if not is_whole:
        return None
    try:
        return pa.ipc.read_message(source)
    except (EOFError, OSError, pa.ArrowInvalid):
        source.seek(begins)
        return None
