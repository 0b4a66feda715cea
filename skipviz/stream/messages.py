"""What goes over the wire to a browser: text messages as JSON, curves and maps as packed bytes.

All numbers are little-endian, every array starts at a multiple of four bytes, so that a browser
lays typed arrays over a message without copying. N points, M columns, H evaluations,
S seeds; lane axes as in the hello.

    UPDATE, EXACT, PROFILES  kind u8, lanes u8, H u16, from u32, to u32, N u32, M u32
                             steps u32[N]; of each lane its scores of N steps
                             steps u32[H]; of each lane its scores on the held-out split, H steps
                             steps u32[M]; of each lane: log10 of signal gradient f32[M x P],
                             of weight gradient f32[M x L], of activation scale f32[M x P]; then
                             mean T f32[M x G]
                             of each lane: the step at which it diverged i32, or -1
    MAPS                     kind u8, lane u8, sample u8, parts u8, step u32, units u16, cells u16,
                             how far biases are from where they began f32, largest output f32, both
                             over the whole run so far; then the parts that are there, each [U x C]
                             and filled up to a multiple of four bytes: (1) biases f32, (2) mean T,
                             (4) T and (8) outputs of the sample, all three f16

    scores of K steps        loss f32[K], error f32[K]; with several seeds also the lowest and the
                             highest loss f32[K] each and, of every seed, its loss u16[K x S] and
                             error u16[K x S]: the error as a share of 65534, the loss as the place
                             of its logarithm between those of lowest (0) and highest (65534);
                             65535: not a finite number

Logarithms are taken in float64, so that 1e-300 arrives as -300; a norm of exactly 0 arrives as
-Infinity, one that is not a number as NaN. With several seeds the values are medians over the
seeds that live.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.declarations import Dataset
from skipviz.core.experiment import Experiment
from skipviz.core.frame import Frame
from skipviz.core.knob import SpecError
from skipviz.core.protocol import (
    BrowserRequest,
    GetStep,
    NetPart,
    PackedKind,
    RequestKind,
    ShowSample,
    Status,
    TextKind,
    TextMessage,
    UnknownMessage,
)
from skipviz.core.strict_json import dumps, read
from skipviz.graphs.rows import parts as net_parts
from skipviz.store.frame_log import FrameLog
from skipviz.store.thinning import spread, thin

PARTS = {"gate_bias_map": 1, "gate_mean_map": 2, "gate_map": 4, "output_map": 8}
OF_NET, OF_SAMPLE = 3, 12
"""Parts that all samples share, and those of one sample."""

SNAPSHOT_POINTS, SNAPSHOT_COLUMNS = 1500, 120
DELTA_BYTES, DELTA_POINTS = 2048, 24
SNAPSHOT_HELD_OUT, DELTA_HELD_OUT = 500, 6
LOWEST_LOSS = 1e-8

_HEAD = struct.Struct("<BBHIIII")
_MAP_HEAD = struct.Struct("<BBBBIHHff")
_NONE = np.zeros(0, int)
_PROFILES = ("signal_gradient_norm", "weight_gradient_norm", "activation_scale")


def text(message: TextMessage) -> str:
    """A text message, as JSON."""
    return dumps(message, separators=(",", ":"))


def hello(run_id: str, log: FrameLog, status: Status, of: Experiment | None) -> str:
    """The first message: what the run is, which lanes it has, what their axes are, and, where its
    experiment is given, their nets. What its frames say of it may name a set that is gone."""
    experiment = json.loads(log.experiment_json or "{}")
    return text(
        {
            "type": TextKind.HELLO,
            "run": run_id,
            "n": log.n,
            "steps": status.get("steps") or experiment.get("steps", 0),
            "seconds": experiment.get("seconds", 0),
            "seed": experiment.get("seed", 0),
            "seeds": experiment.get("seeds", 1),
            "tracks": [track.to_json() for track in log.tracks],
            "took_s": float(log.column("time_s")[log.n - 1]) if log.n else 0.0,
            "nets": _nets(of) if of is not None else [],
            "status": status,
        }
    )


def _nets(experiment: Experiment) -> list[list[NetPart]]:
    """Each lane's net, to be drawn; none where its set is gone and nothing stands in for it."""
    try:
        return _nets_of(experiment, experiment.dataset)
    except SpecError:
        return []


@lru_cache(maxsize=32)
def _nets_of(experiment: Experiment, dataset: Dataset) -> list[list[NetPart]]:
    return [net_parts(lane.wiring(dataset)) for lane in experiment.lanes]


MOST_ASKED = 10**15
"""No step and no sample has a larger number."""


def request(body: str | bytes) -> BrowserRequest:
    """A browser's request. UnknownMessage for anything else."""
    try:
        value = read(body)
        ((name, number),) = value.items()
        kind, number = RequestKind(name), int(number)
        if abs(number) > MOST_ASKED:
            raise OverflowError
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise UnknownMessage(f"a request of an unknown kind ({body[:60]!r})") from None
    return ShowSample(number) if kind is RequestKind.SHOW_SAMPLE else GetStep(number)


def snapshot(log: FrameLog, start: int, stop: int, columns: int = SNAPSHOT_COLUMNS) -> bytes:
    """Everything from row `start` to before row `stop` that a screen can show."""
    loss_rows = _loss_rows(log, start, stop, SNAPSHOT_POINTS)
    held_out_rows = _held_out_rows(log, start, stop, SNAPSHOT_HELD_OUT)
    # One profile is the newest; of several the last one is.
    profile_rows = start + spread(stop - start, columns) if columns > 1 else np.array([stop - 1])
    return _pack(PackedKind.UPDATE, log, (start, stop), loss_rows, profile_rows, held_out_rows)


def delta(log: FrameLog, start: int, stop: int) -> bytes:
    """What is new, in bounded size: some points and the newest profile, whatever lies between."""
    one_column = sum(4 * (2 * len(t.points) + len(t.layers) + len(t.gates) + 1) for t in log.tracks)
    one_point = 4 + sum(8 if t.seeds == 1 else 16 + 4 * t.seeds for t in log.tracks)
    room = (DELTA_BYTES - _HEAD.size - 4 - one_column) // one_point
    least = 6 if all(track.seeds == 1 for track in log.tracks) else 3
    held_out_rows = _held_out_rows(log, start, stop, max(1, min(DELTA_HELD_OUT, room // 3)))
    most = max(least, min(DELTA_POINTS, room - len(held_out_rows)))
    loss_rows = _loss_rows(log, start, stop, most)
    return _pack(
        PackedKind.UPDATE, log, (start, stop), loss_rows, np.array([stop - 1]), held_out_rows
    )


def _held_out_rows(log: FrameLog, start: int, stop: int, most: int) -> np.ndarray:
    """Rows that were evaluated, at most so many, the newest among them: all lanes have the same."""
    rows = log.held_out(0, start, stop, drawn=True)[0] if log.tracks else _NONE
    return rows[::-1][spread(len(rows), most)][::-1] if len(rows) else rows


def exact(log: FrameLog, step: int) -> bytes:
    """The recorded step nearest to `step`, alone."""
    row = np.array([log.row(step)])
    return _pack(PackedKind.EXACT, log, (int(row[0]), int(row[0]) + 1), row, row)


def profiles(log: FrameLog, steps: Sequence[int]) -> bytes:
    """The profiles of the recorded steps nearest to `steps`: columns that a heat map lacks."""
    rows = np.unique([log.row(step) for step in steps]).astype(int)
    return _pack(PackedKind.PROFILES, log, (0, log.n), np.zeros(0, int), rows)


def maps(log: FrameLog, lane: int, row: int, sample: int, parts: int = 15) -> bytes:
    """The maps of one lane and sample, the newest at or before `row`; b"" where there are none.

    A sample that the run does not have is taken for the last one.
    """
    at = log.map_at(lane, row)
    if at is None:
        return b""
    step, found = at
    track = log.tracks[lane]
    sample = max(0, min(sample, track.samples - 1))
    there = [name for name in track.maps() if PARTS[name] & parts]
    _, units, cells = track.map_shape("output_map")
    reach = log.reach(lane, "gate_bias_map"), log.reach(lane, "output_map")
    bits = sum(PARTS[name] for name in there)
    body = [_MAP_HEAD.pack(PackedKind.MAPS, lane, sample, bits, step, units, cells, *reach)]
    for name in there:
        values = found[name] if PARTS[name] & OF_NET else found[name][sample]
        with np.errstate(over="ignore"):
            packed = values.astype("<f4" if name == "gate_bias_map" else "<f2").tobytes()
        body.append(packed + bytes(-len(packed) % 4))
    return b"".join(body)


def frame_json(frame: Frame) -> str:
    """A frame as exact JSON; numbers that JSON lacks stand as "NaN", "Infinity", "-Infinity": lists
    of hundreds of them say of each which it is."""
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
    """The median over axis 1 of the seeds that live; infinity where none does."""
    return values[:, 0] if values.shape[1] == 1 else final.median(values, axis=1)


def _loss_rows(log: FrameLog, start: int, stop: int, most: int) -> np.ndarray:
    """At most so many rows that keep the look of the loss curves from `start` to before `stop`."""
    rows = log.drawn(start, stop)
    curves = [_over_seeds(log.lane(i, "loss", rows)) for i in range(len(log.tracks))]
    at = rows if len(rows) < stop - start else None  # else one after the other
    return rows[thin(np.concatenate(curves, axis=1), most, at)]


def _f32(values: np.ndarray) -> bytes:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, "<f4").tobytes()


def _log10(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(values)


def _scores(loss: np.ndarray, error: np.ndarray) -> list[bytes]:
    """Losses and errors (k, S) as the scores of k steps."""
    finite = np.isfinite(loss)
    if loss.shape[1] == 1:
        return [_f32(loss[:, 0]), _f32(error[:, 0])]
    parts = [_f32(_over_seeds(loss)), _f32(_over_seeds(np.where(finite, error, np.nan)))]
    low, high = (
        np.where(finite.any(axis=1), edge, np.nan)
        for edge in (
            np.where(finite, loss, np.inf).min(axis=1),
            np.where(finite, loss, -np.inf).max(axis=1),
        )
    )
    bottom, top, at = (np.log(np.maximum(x, LOWEST_LOSS)) for x in (low, high, loss))
    width = np.where(top > bottom, top - bottom, 1)
    places = (at - bottom[:, None]) / width[:, None]
    return [*parts, _f32(low), _f32(high), _u16(np.where(finite, places, np.nan)), _u16(error)]


def _u16(shares: np.ndarray) -> bytes:
    whole = np.rint(shares.clip(0, 1) * 65534)
    return np.where(np.isfinite(shares), whole, 65535).astype("<u2").tobytes()


def _pack(
    kind: PackedKind, log: FrameLog, rows: tuple[int, int], points: np.ndarray, columns: np.ndarray,
    held: np.ndarray = _NONE,
) -> bytes:  # fmt: skip
    columns = log.profiled(columns)
    parts = [_HEAD.pack(kind, len(log.tracks), len(held), *rows, len(points), len(columns))]
    parts.append(log.column("step", points).astype("<u4").tobytes())
    for i in range(len(log.tracks)):
        parts += _scores(*(log.lane(i, name, points)[:, :, 0] for name in ("loss", "error")))
    parts.append(log.column("step", held).astype("<u4").tobytes())
    for i in range(len(log.tracks) if len(held) else 0):
        evaluated_rows, *scores = log.held_out(i, int(held[0]), int(held[-1]) + 1, drawn=True)
        parts += _scores(*(score[np.searchsorted(evaluated_rows, held)] for score in scores))
    parts.append(log.column("step", columns).astype("<u4").tobytes())
    for i in range(len(log.tracks)):
        parts += [_f32(_log10(_over_seeds(log.lane(i, name, columns)))) for name in _PROFILES]
        if log.tracks[i].gates:
            parts.append(_f32(_over_seeds(log.lane(i, "gate_mean", columns))))
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
