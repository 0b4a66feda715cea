"""The pipe between the web process and a worker: messages of one kind byte, a length, and bytes.

To the worker: JSON objects ("C"). From it: "H" hello (JSON), "S" status (JSON), "A" Arrow IPC
bytes, the very bytes that stand in the run's frames.arrow.
"""

from __future__ import annotations

import struct
from typing import IO, Any

from skipviz.core.strict_json import dumps

_HEAD = struct.Struct("<cI")


def send(stream: IO[bytes], kind: bytes, payload: bytes) -> None:
    """Writes one message and flushes it. OSError where the other side is gone."""
    stream.write(_HEAD.pack(kind, len(payload)) + payload)
    stream.flush()


def send_json(stream: IO[bytes], kind: bytes, value: dict[str, Any]) -> None:
    send(stream, kind, dumps(value).encode())


def receive(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The next message as (kind, payload); None at the end of the stream, also in mid-message."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    payload = stream.read(length)
    return (kind, payload) if len(payload) == length else None
