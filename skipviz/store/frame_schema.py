"""The columns of `frames.arrow`: their meaning, how frames become them, and their bytes.

A run's schema carries the experiment and the lanes' axes, so the file explains itself.
Columns: `step`, `time_s` (seconds since the run's start), and for lane i, prefix `lane{i}_`:

    loss, error                                (S,)        one value for each seed
    signal_gradient_norm, activation_scale     (S x P,)    signal points
    weight_gradient_norm                       (S x L,)    layers
    gate_mean                                  (S x G,)    gated units; only where there are some
    gate_bias_map, gate_mean_map               (U x C,)    float32; null on steps without maps
    gate_map, output_map                       (K x U x C,)    likewise; see `frame.LaneFrame`
    held_out_loss, held_out_error              (S,)        only where a run is evaluated; null on
                                                           steps without evaluation
    diverged_at                                            null as long as the loss is finite
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, cast

import numpy as np
import pyarrow as pa

from skipviz.core.frame import Frame
from skipviz.core.protocol import Axes
from skipviz.core.strict_json import dumps

Axis = Sequence[tuple[str, int]]

MAPS = ("gate_bias_map", "gate_mean_map", "gate_map", "output_map")
HELD_OUT = ("held_out_loss", "held_out_error")
SPARSE = MAPS + HELD_OUT
"""Columns that are null on most steps."""

PROFILES = ("signal_gradient_norm", "activation_scale", "weight_gradient_norm", "gate_mean")
"""One number for each layer: what a recording keeps of some steps only."""

_AXES = ("points", "layers", "gates", "units")


@dataclass(frozen=True)
class LaneAxes:
    """The axes of one lane: what its columns mean.

    points, layers, gates   (name, depth) of each signal point, weighted layer, gated unit
    units, cells, samples   the axes of its maps: (name, depth) of each unit, cells of the widest,
                            so many samples; none where nothing is drawn. Runs stored before there
                            were units have maps of their gates for one sample
    averaged                training samples that gate_mean_map is taken over
    bias                    of the gates at init
    held_out                is the lane evaluated on the held-out split?
    """

    label: str
    family: str
    points: Axis
    layers: Axis
    gates: Axis = ()
    cells: int = 0
    seeds: int = 1
    held_out: bool = False
    units: Axis = ()
    samples: int = 0
    averaged: int = 0
    bias: float | None = None

    def __post_init__(self) -> None:
        for name in _AXES:
            axis = tuple((str(label), int(depth)) for label, depth in getattr(self, name))
            object.__setattr__(self, name, axis)

    def to_json(self) -> Axes:
        return cast(Axes, asdict(self))

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LaneAxes:
        return cls(**value)

    def widths(self) -> dict[str, int]:
        """How many numbers each column of this lane holds in one step."""
        gates, seeds = len(self.gates), self.seeds
        widths = {
            "loss": seeds,
            "error": seeds,
            "signal_gradient_norm": seeds * len(self.points),
            "activation_scale": seeds * len(self.points),
            "weight_gradient_norm": seeds * len(self.layers),
        }
        if gates:
            widths |= {"gate_mean": seeds * gates}
        if self.held_out:
            widths |= dict.fromkeys(HELD_OUT, seeds)
        return widths | {name: prod(self.map_shape(name)) for name in self.maps()}

    def maps(self) -> tuple[str, ...]:
        """The maps that this lane has."""
        if not self.cells:
            return ()
        if not self.units:
            return MAPS[2:] if self.gates else ()
        return MAPS if self.gates else MAPS[3:]

    def map_shape(self, name: str) -> tuple[int, ...]:
        """(K, U, C) of a map for samples, (U, C) of the others."""
        one = len(self.units or self.gates), self.cells
        return one if name in MAPS[:2] else (max(1, self.samples), *one)


def schema(experiment_json: str, tracks: Sequence[LaneAxes]) -> pa.Schema:
    """The schema of a run's frames."""
    fields = [pa.field("step", pa.int64()), pa.field("time_s", pa.float64())]
    for i, track in enumerate(tracks):
        for name, width in track.widths().items():
            number = pa.float32() if name in MAPS else pa.float64()
            kind = pa.list_(number) if name in MAPS else pa.list_(number, width)
            fields.append(pa.field(f"lane{i}_{name}", kind, nullable=name in SPARSE))
        fields.append(pa.field(f"lane{i}_diverged_at", pa.int64()))
    about = {
        "skipviz.experiment": experiment_json,
        "skipviz.tracks": dumps([track.to_json() for track in tracks]),
    }
    return pa.schema(fields, metadata=about)


def read_tracks(of: pa.Schema) -> tuple[LaneAxes, ...]:
    """The lanes' axes that a schema carries."""
    return tuple(LaneAxes.from_json(value) for value in json.loads(of.metadata[b"skipviz.tracks"]))


def to_batch(
    frames: Sequence[Frame],
    times: Sequence[float],
    of: pa.Schema,
    tracks: Sequence[LaneAxes] | None = None,
) -> pa.RecordBatch:
    """Frames and their times (seconds since the run's start) as one record batch; `tracks` are
    those of the schema, where they have been read."""
    columns = {
        "step": pa.array([frame.step for frame in frames], pa.int64()),
        "time_s": pa.array(list(times), pa.float64()),
    }
    for i, track in enumerate(read_tracks(of) if tracks is None else tracks):
        lanes = [frame.lanes[i] for frame in frames]
        for name, width in track.widths().items():
            rows = [getattr(lane, name) for lane in lanes]
            columns[f"lane{i}_{name}"] = _lists(f"lane{i}_{name}", rows, width)
        diverged = [lane.diverged_at for lane in lanes]
        columns[f"lane{i}_diverged_at"] = pa.array(diverged, pa.int64())
    return pa.record_batch([columns[name] for name in of.names], schema=of)


def _lists(name: str, rows: Sequence[Any], width: int) -> pa.Array:
    """One row of `width` numbers for each frame; None becomes null."""
    kind: Any = np.float32 if name.endswith(MAPS) else np.float64
    flat: list[Any] = [None if row is None else np.asarray(row, kind).reshape(-1) for row in rows]
    for row in flat:
        if row is not None and row.size != width:
            raise ValueError(f"{name} has {row.size} numbers, its track says {width}")
    if name.endswith(MAPS):  # of varying length, for only those store nothing for a null
        return pa.array(flat, pa.list_(pa.float32()))
    if any(row is None for row in flat):
        return pa.array(flat, pa.list_(pa.float64(), width))
    return pa.FixedSizeListArray.from_arrays(pa.array(np.concatenate(flat)), width)


class Writer:
    """Turns frames into the bytes of an Arrow IPC stream: the schema first, then batch by batch.

    There is no end mark: a reader takes the end of the file for it, so the stream can always grow.
    A resumed run goes on with the same schema and leaves `start` out.
    """

    def __init__(self, of: pa.Schema) -> None:
        self.schema = of
        self._tracks = read_tracks(of)

    def start(self) -> bytes:
        """The schema's message: the first bytes of the stream."""
        head: bytes = self.schema.serialize().to_pybytes()
        return head

    def batch(self, frames: Sequence[Frame], times: Sequence[float]) -> bytes:
        """The bytes to append for some frames and their times (seconds since the run's start)."""
        body: bytes = to_batch(frames, times, self.schema, self._tracks).serialize().to_pybytes()
        return body
