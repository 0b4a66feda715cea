"""What goes over the wire to a browser: text messages as JSON, curves and maps as packed bytes.

All numbers are little-endian, every array starts at a multiple of four bytes, so that a browser
lays typed arrays over a message without copying. N points, M columns; lane axes as in the hello.

    UPDATE, EXACT, COLUMNS   kind u8, lanes u8, 0 u16, from u32, to u32, N u32, M u32
                             steps u32[N]; of each lane: loss f32[N], with several seeds also its
                             lowest and highest f32[N] each, error f32[N]
                             steps u32[M]; of each lane: log10 of signal gradient f32[M x P],
                             of weight gradient f32[M x L], of activation scale f32[M x P]
                             of each lane: the step at which it diverged i32, or -1
    MAPS                     kind u8, lane u8, 0 u16, step u32, gates u16, cells u16, low f32,
                             high f32; T of every gate and cell u8 (255 = 1), outputs u8
                             (0 = low, 255 = high)

Logarithms are taken in float64, so that 1e-300 arrives as -300; a norm of exactly 0 arrives as
-Infinity, one that is not a number as NaN. With several seeds the values are medians over seeds.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from skipviz.frame import Frame
from skipviz.runs.columns import Track
from skipviz.runs.frames import FrameLog
from skipviz.runs.thinning import spread, thin

UPDATE, MAPS, EXACT, COLUMNS = 1, 2, 3, 4

SNAPSHOT_POINTS, SNAPSHOT_COLUMNS = 1500, 120
DELTA_BYTES, DELTA_POINTS = 2048, 24

_HEAD = struct.Struct("<BBHIIII")
_MAP_HEAD = struct.Struct("<BBHIHHff")
_PROFILES = ("signal_gradient_norm", "weight_gradient_norm", "activation_scale")


def text(kind: str, **values: Any) -> str:
    """A text message."""
    return json.dumps({"type": kind, **values}, separators=(",", ":"))


def hello(run_id: str, log: FrameLog, status: dict[str, Any]) -> str:
    """The first message: what the run is, which lanes it has and what their axes are."""
    experiment = json.loads(log.experiment_json or "{}")
    return text(
        "hello",
        run=run_id,
        n=log.n,
        steps=experiment.get("steps") or status.get("steps", 0),
        seeds=experiment.get("seeds", 1),
        tracks=[track.to_json() for track in log.tracks],
        status=status,
    )


def snapshot(log: FrameLog, start: int, stop: int, columns: int = SNAPSHOT_COLUMNS) -> bytes:
    """Everything from row `start` to before row `stop` that a screen can show."""
    cloud = start + thin(_loss_curves(log, start, stop), SNAPSHOT_POINTS)
    return _pack(UPDATE, log, (start, stop), cloud, start + spread(stop - start, columns))


def delta(log: FrameLog, start: int, stop: int) -> bytes:
    """What is new, in bounded size: some points and the newest profile, whatever lies between."""
    one_column = sum(4 * (2 * len(t.points) + len(t.layers) + 1) for t in log.tracks)
    one_point = 4 + sum(8 if t.seeds == 1 else 16 for t in log.tracks)
    room = DELTA_BYTES - _HEAD.size - 4 - one_column
    most = max(6, min(DELTA_POINTS, room // one_point))
    cloud = start + thin(_loss_curves(log, start, stop), most)
    return _pack(UPDATE, log, (start, stop), cloud, np.array([stop - 1]))


def exact(log: FrameLog, step: int) -> bytes:
    """The recorded step nearest to `step`, alone."""
    row = np.array([log.row(step)])
    return _pack(EXACT, log, (int(row[0]), int(row[0]) + 1), row, row)


def profiles(log: FrameLog, steps: Sequence[int]) -> bytes:
    """The profiles of the recorded steps nearest to `steps`: columns that a heat map lacks."""
    rows = np.unique([log.row(step) for step in steps]).astype(int)
    return _pack(COLUMNS, log, (0, log.n), np.zeros(0, int), rows)


def maps(lane: int, step: int, gate: np.ndarray, output: np.ndarray) -> bytes:
    """Gates and outputs of one lane's fixed sample, a byte for each cell."""
    finite = output[np.isfinite(output)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    width = high - low or 1.0
    head = _MAP_HEAD.pack(MAPS, lane, 0, step, *gate.shape, low, high)
    return head + _bytes(gate) + _bytes((output - low) / width)


def _bytes(share: np.ndarray) -> bytes:
    whole = np.nan_to_num(share.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
    return np.rint(whole.clip(0, 1) * 255).astype(np.uint8).tobytes()


def frame_json(frame: Frame) -> str:
    """A frame as exact JSON; numbers that JSON lacks stand as "NaN", "Infinity", "-Infinity"."""
    lanes = [
        {name: _plain(value) for name, value in vars(lane).items() if value is not None}
        for lane in frame.lanes
    ]
    return json.dumps({"step": frame.step, "lanes": lanes}, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(part) for part in value.tolist()]
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


# --- Packing --------------------------------------------------------------------------------


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """The median over axis 1; a seed that is no longer a number counts as the worst."""
    if values.shape[1] == 1:
        return values[:, 0]
    middle: np.ndarray = np.median(np.where(np.isnan(values), np.inf, values), axis=1)
    return middle


def _loss_curves(log: FrameLog, start: int, stop: int) -> np.ndarray:
    rows = slice(start, stop)
    curves = [_over_seeds(log.lane(i, "loss", rows)) for i in range(len(log.tracks))]
    return np.concatenate(curves, axis=1)


def _f32(values: np.ndarray) -> bytes:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, "<f4").tobytes()


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values)


def _pack(
    kind: int, log: FrameLog, rows: tuple[int, int], points: np.ndarray, columns: np.ndarray
) -> bytes:
    parts = [_HEAD.pack(kind, len(log.tracks), 0, *rows, len(points), len(columns))]
    parts.append(log.column("step", points).astype("<u4").tobytes())
    for i, track in enumerate(log.tracks):
        loss = log.lane(i, "loss", points)[:, :, 0]
        parts.append(_f32(_over_seeds(loss)))
        if track.seeds > 1:
            parts += [_f32(loss.min(axis=1)), _f32(loss.max(axis=1))]
        parts.append(_f32(_over_seeds(log.lane(i, "error", points)[:, :, 0])))
    parts.append(log.column("step", columns).astype("<u4").tobytes())
    for i in range(len(log.tracks)):
        parts += [_f32(_log10(_over_seeds(log.lane(i, name, columns)))) for name in _PROFILES]
    diverged = [log.diverged_at(i, rows[1] - 1) for i in range(len(log.tracks))]
    parts.append(np.array([-1 if at is None else at for at in diverged], "<i4").tobytes())
    return b"".join(parts)


def join(messages: Sequence[str | bytes]) -> bytes:
    """Messages one after another for one HTTP answer: 0 text or 1 bytes u8, length u32, body."""
    parts = []
    for message in messages:
        body = message.encode() if isinstance(message, str) else message
        parts.append(struct.pack("<BI", isinstance(message, bytes), len(body)) + body)
    return b"".join(parts)


# --- Unpacking: the browser's side, for tests and benchmarks ----------------------------------


def unpack(data: bytes, tracks: Sequence[Track]) -> dict[str, Any]:
    """What a packed message says."""
    if data[0] == MAPS:
        _, lane, _, step, gates, cells, low, high = _MAP_HEAD.unpack_from(data)
        body = np.frombuffer(data, "u1", offset=_MAP_HEAD.size).reshape(2, gates, cells) / 255
        values = {"gate": body[0], "output": low + body[1] * (high - low)}
        return {"kind": MAPS, "lane": lane, "step": step, **values}
    kind, _, _, start, stop, n, m = _HEAD.unpack_from(data)
    at = _HEAD.size

    def take(count: int, number: str = "<f4") -> np.ndarray:
        nonlocal at
        at += 4 * count
        return np.frombuffer(data, number, count, at - 4 * count)

    points: dict[str, Any] = {"step": take(n, "<u4"), "lanes": []}
    for track in tracks:
        names = ("loss", "error") if track.seeds == 1 else ("loss", "low", "high", "error")
        points["lanes"].append({name: take(n) for name in names})
    columns: dict[str, Any] = {"step": take(m, "<u4"), "lanes": []}
    for track in tracks:
        widths = (len(track.points), len(track.layers), len(track.points))
        lane = {name: take(m * w).reshape(m, w) for name, w in zip(_PROFILES, widths, strict=True)}
        columns["lanes"].append(lane)
    diverged = take(len(tracks), "<i4").tolist()
    rows = {"from": start, "to": stop}
    return {"kind": kind, **rows, "points": points, "columns": columns, "diverged": diverged}


def split(data: bytes) -> list[str | bytes]:
    """The inverse of `join`."""
    messages: list[str | bytes] = []
    at = 0
    while at < len(data):
        packed, size = struct.unpack_from("<BI", data, at)
        body = data[at + 5 : at + 5 + size]
        messages.append(body if packed else body.decode())
        at += 5 + size
    return messages
