"""A run's curves as TensorBoard event files: one folder for each lane and seed, as TensorBoard lays
curves of the same name over one another.

loss/training, error/training, loss/held_out, error/held_out   at every recorded step
signal_gradient_norm/012, …   of the point, layer or gate so many weighted layers deep, at the steps
                              that are spread evenly over the run, at most MOST_PROFILES of them

TensorBoard keeps float32; maps are left out. The wall time of a row is when it was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import packages
from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import PROFILES, LaneAxes
from skipviz.store.thinning import spread

MOST_PROFILES = 200

_AXES = {"weight_gradient_norm": "layers", "gate_mean": "gates"}
"""The axis of a profile; all others run along the signal points."""

Scalar = tuple[str, int, int, float]
"""Tag, row, step, value."""


def write_events(frames: Path, began: float, to: Path) -> None:
    """Writes the folder `to`. SpecError where there are no frames, or tensorboardX is not here.

    began   the moment when the run's clock was at 0, in seconds since 1970
    """
    packages.check_extra("an event file", "tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary
    from tensorboardX.record_writer import RecordWriter

    log = FrameLog.open(frames)
    times = log.column("time_s")
    for i, lane in enumerate(log.tracks):
        for seed in range(lane.seeds):
            folder = to / _folder(lane, i, seed)
            folder.mkdir(parents=True)
            writer = RecordWriter(str(folder / "events.out.tfevents.0.skipviz"))
            writer.write(Event(wall_time=began, file_version="brain.Event:2").SerializeToString())
            for tag, row, step, number in _scalars(log, i, seed):
                value = Summary.Value(tag=tag, simple_value=number)
                moment = began + float(times[row])
                event = Event(wall_time=moment, step=step, summary=Summary(value=[value]))
                writer.write(event.SerializeToString())
            writer.close()


def _folder(lane: LaneAxes, number: int, seed: int) -> str:
    """A lane's name that every file system takes: "1_ResNet-20", and which seed."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in lane.label)
    return f"{number + 1}_{name}" + (f"_seed{seed}" if lane.seeds > 1 else "")


def _scalars(log: FrameLog, i: int, seed: int) -> Iterator[Scalar]:
    steps = log.column("step")
    for name in ("loss", "error"):
        for row, value in enumerate(log.lane(i, name)[:, seed, 0].tolist()):
            yield f"{name}/training", row, int(steps[row]), value
    rows, *scores = log.held_out(i, 0, log.n)
    for name, score in zip(("loss", "error"), scores, strict=True):
        for row, value in zip(rows.tolist(), score[:, seed].tolist(), strict=True):
            yield f"{name}/held_out", row, int(steps[row]), value
    track = log.tracks[i]
    for name in PROFILES:
        axis = getattr(track, _AXES.get(name, "points"))
        if axis:
            yield from _profiles(log, i, seed, name, [depth for _, depth in axis])


def _profiles(log: FrameLog, i: int, seed: int, name: str, depths: list[int]) -> Iterator[Scalar]:
    steps: Any = log.column("step")
    rows = log.profiled(spread(log.n, MOST_PROFILES))
    values = log.lane(i, name, rows)[:, seed]
    for k, depth in enumerate(depths):
        again = depths[:k].count(depth)  # two layers of one depth: a shortcut's, a gate's
        tag = f"{name}/{depth:03}" + (f"_{again + 1}" if again else "")
        for row, value in zip(rows.tolist(), values[:, k].tolist(), strict=True):
            if np.isfinite(value):
                yield tag, row, int(steps[row]), value
