"""Runs made of formulas, for tests of the stream and the live charts. Nothing here is trained."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np

from skipviz.core.frame import Frame, LaneFrame
from skipviz.store.frame_log import FrameLog, LaneAxes, Writer, schema

EVALUATE_EVERY, SAMPLES = 10, 3


def track(
    label: str, family: str, depth: int, *, cells: int = 0, seeds: int = 1, held_out: bool = False
) -> LaneAxes:
    axis = [(f"layer {i}", i) for i in range(1, depth + 1)]
    gates = axis[1:] if cells else []
    return LaneAxes(
        label,
        family,
        points=axis,
        layers=axis,
        gates=gates,
        cells=cells,
        seeds=seeds,
        held_out=held_out,
        units=gates,
        samples=SAMPLES if cells else 0,
        averaged=64 if cells else 0,
        bias=-2.0 if cells else None,
    )


def lane_frame(of: LaneAxes, step: int, *, with_map: bool) -> LaneFrame:
    """Plain lanes vanish and stay at the loss of guessing; the others learn."""
    rng = np.random.default_rng([step, len(of.label)])
    depth, vanishes = len(of.points), of.family == "plain"
    layers = np.arange(1, depth + 1)
    shape = (of.seeds, depth)
    decades = -0.38 * (depth - layers) if vanishes else -0.004 * (depth - layers)
    noise = rng.normal(0, 0.05, shape)
    floor = 2.28 if vanishes else 2.3 * np.exp(-step / 90) + 0.02
    loss = floor * np.exp(rng.normal(0, 0.06, of.seeds))
    values: dict[str, Any] = {
        "loss": loss,
        "error": np.clip(loss / 2.6, 0, 1),
        "signal_gradient_norm": 10 ** (decades - 0.8 + noise - step / 900),
        "weight_gradient_norm": 10 ** (decades / 20 - 1 + noise),
        "activation_scale": 10 ** (0.002 * layers + noise),
    }
    if of.held_out and step % EVALUATE_EVERY == 0:
        held = (floor + 0.2) * np.exp(rng.normal(0, 0.1, of.seeds))
        values |= {"held_out_loss": held, "held_out_error": np.clip(held / 2.6, 0, 1)}
    values |= {"gate_mean": 0.13 + 0.001 * np.tile(layers[1:], (of.seeds, 1))} if of.gates else {}
    if of.seeds == 1:
        values = {name: value[0] for name, value in values.items()}
        single = ("loss", "error", "held_out_loss", "held_out_error")
        values |= {name: float(values[name]) for name in single if name in values}
    if of.gates and with_map:
        columns = np.random.default_rng(0).normal(-2, 2, of.cells)
        shape = (of.samples, len(of.gates), of.cells)
        drift = rng.normal(0, 0.4, shape) + step / 300
        gates = 1 / (1 + np.exp(-columns - drift))
        values["gate_bias_map"] = (-2 + 0.1 * drift[0]).astype(np.float32)
        values["gate_mean_map"] = gates.mean(0).astype(np.float16)
        values["gate_map"] = gates.astype(np.float16)
        values["output_map"] = np.tanh(columns + 0.2 * drift).astype(np.float16)
    return LaneFrame(**values)


class GrowingRun:
    """A run that has as many frames as it is told: a `LiveRun`."""

    def __init__(self, run_id: str, tracks: list[LaneAxes], steps: int, seconds: float = 0) -> None:
        self.id, self.tracks, self.steps = run_id, tracks, steps
        self.log, self.experiment = FrameLog(), None
        self.version = self.viewers = 0
        self.state: dict[str, Any] = {"state": "running", "steps_per_s": 80.0, "device": "cpu"}
        self.state["machine"] = "Made-up CPU"
        self._bell = asyncio.Event()
        experiment = {"steps": steps, "seconds": seconds, "seeds": tracks[0].seeds}
        self._writer = Writer(schema(json.dumps(experiment), tracks))
        self.log.append_bytes(self._writer.start())

    def status(self) -> dict[str, Any]:
        return {**self.state, "steps": self.steps}

    def grow(self, to: int) -> None:
        """Records frames up to `to` of them."""
        frames = []
        for step in range(self.log.n, min(to, self.steps)):
            lanes = tuple(lane_frame(t, step, with_map=step % 20 == 0) for t in self.tracks)
            frames.append(Frame(step=step, lanes=lanes))
        if frames:
            self.log.append_bytes(self._writer.batch(frames, [f.step / 80 for f in frames]))
        self.ring()

    def tell(self, **state: Any) -> None:
        self.state |= state
        self.ring()

    def ring(self) -> None:
        self.version += 1
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def viewer_came(self) -> None:
        self.viewers += 1

    def viewer_left(self) -> None:
        self.viewers -= 1

    async def changed(self, version: int) -> int:
        while self.version <= version:
            await self._bell.wait()
        return self.version
