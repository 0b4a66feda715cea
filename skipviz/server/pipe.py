"""The pipe between server and worker: each message is a kind byte, a length, and bytes.

The kinds and what is in them: `core.protocol`. All are JSON objects but the frames, which are Arrow
IPC bytes. A message that cannot be read is passed over, with a sentence in the log.
"""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import IO, Any

from skipviz.core import protocol
from skipviz.core.protocol import (
    Answer,
    Frames,
    GiveWay,
    Hello,
    Measure,
    Order,
    OrderKind,
    Outcomes,
    PipeKind,
    Progress,
    Report,
    SetValue,
    Steer,
    Stop,
    Train,
    TrainChoices,
    UnknownMessage,
)
from skipviz.core.strict_json import dumps, numbers

_HEAD = struct.Struct("<cI")
_log = logging.getLogger(__name__)


def send(stream: IO[bytes], message: Order | Report) -> None:
    """Writes one message and flushes it. OSError where the other side is gone."""
    kind, payload = _encode(message)
    write(stream, kind.value, payload)


def orders(stream: IO[bytes]) -> Iterator[Order]:
    """The orders that come, one after the other, to the end of the stream."""
    for kind, payload in _received(stream):
        try:
            yield _order(kind, payload)
        except UnknownMessage as error:
            _log.warning("A worker was sent %s; it goes on without.", error)


def reports(stream: IO[bytes]) -> Iterator[Report]:
    """The reports that come, one after the other, to the end of the stream."""
    for kind, payload in _received(stream):
        try:
            yield _report(kind, payload)
        except UnknownMessage as error:
            _log.warning("A worker sent %s; the server goes on without.", error)


# --- Bytes ----------------------------------------------------------------------------------


def write(stream: IO[bytes], kind: bytes, payload: bytes) -> None:
    """Writes one message, whatever its kind."""
    stream.write(_HEAD.pack(kind, len(payload)) + payload)
    stream.flush()


def _received(stream: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Messages as (kind, payload) to the end of the stream, which may be in mid-message."""
    while len(head := stream.read(_HEAD.size)) == _HEAD.size:
        kind, length = _HEAD.unpack(head)
        payload = stream.read(length)
        if len(payload) < length:
            return
        yield kind, payload


def _encode(message: Order | Report) -> tuple[PipeKind, bytes]:
    match message:
        case Frames(data):
            return PipeKind.FRAMES, data
        case Hello():
            return PipeKind.HELLO, dumps(asdict(message)).encode()
        case Progress(run, status):
            return PipeKind.PROGRESS, dumps({**status, "run": run}).encode()
        case Outcomes():
            return PipeKind.OUTCOMES, dumps(asdict(message)).encode()
        case Answer(job, value, error):
            result = {"error": error} if value is None else {"value": value}
            return PipeKind.ANSWER, dumps(result | {"job": job}).encode()
        case _:
            return PipeKind.ORDER, dumps({"do": message.do, **asdict(message)}).encode()


def _object(payload: bytes) -> dict[str, Any]:
    """The JSON object of a message; UnknownMessage for anything else."""
    try:
        value = json.loads(payload)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnknownMessage(f"a message that is no JSON object ({payload[:40]!r})")
    return value


def _order(kind: bytes, payload: bytes) -> Order:
    if kind != PipeKind.ORDER.value:
        raise UnknownMessage(f"a message of the unknown kind {kind!r}")
    value = _object(payload)
    try:
        do = OrderKind(value.pop("do", None))
    except ValueError as error:
        raise UnknownMessage(f"an order of an unknown kind ({error})") from None
    try:
        match do:
            case OrderKind.TRAIN:
                return Train(**value)
            case OrderKind.MEASURE:
                return Measure(**value)
            case OrderKind.CHOICES:
                return TrainChoices(**value)
            case OrderKind.STOP:
                return Stop(**value)
            case OrderKind.GIVE_WAY:
                return GiveWay(**value)
            case OrderKind.PACE | OrderKind.LEARNING_RATE:
                return SetValue(do, **value)
            case OrderKind.PAUSE | OrderKind.RESUME | OrderKind.STEP:
                return Steer(do, **value)
    except TypeError as error:
        raise UnknownMessage(f"an order that lacks something ({error})") from None


def _report(kind: bytes, payload: bytes) -> Report:
    try:
        pipe_kind = PipeKind(kind)
    except ValueError:
        raise UnknownMessage(f"a message of the unknown kind {kind!r}") from None
    if pipe_kind is PipeKind.FRAMES:
        return Frames(payload)
    value = _object(payload)
    try:
        match pipe_kind:
            case PipeKind.HELLO:
                return Hello(**value)
            case PipeKind.ANSWER:
                return Answer(**numbers(value))
            case PipeKind.OUTCOMES:
                return Outcomes(**value)
            case PipeKind.PROGRESS:
                return _progress(value)
            case PipeKind.ORDER:
                raise UnknownMessage("an order, which only servers give")
    except (TypeError, KeyError) as error:
        raise UnknownMessage(f"a message that lacks something ({error})") from None


def _progress(value: dict[str, Any]) -> Progress:
    run, state = value.pop("run"), value["state"]
    if state not in protocol.STATES:
        raise UnknownMessage(f"a run's status with the unknown state {state!r}")
    status: protocol.Status = value  # type: ignore[assignment]  # as it came
    return Progress(run, status)
