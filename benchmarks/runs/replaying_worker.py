"""A worker that trains nothing: its frames are made from a formula, as fast as they are taken. All
that lies behind a training is the program's own: session, recorder, checkpoint, pipe.

    python -m benchmarks.runs.replaying_worker
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment
from skipviz.core.frame import Frame, LaneFrame
from skipviz.store.frame_schema import Axis, LaneAxes
from skipviz.store.lane_axes import lane_axes
from skipviz.worker import __main__ as worker

VALUES = 500
"""So many steps' values, over and over."""

AT_ONCE = 100


class Replayed:
    """What a session needs of an `engine.Training`."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.device = torch.device("cpu")
        self.engines = ["replayed"] * len(experiment.lanes)
        self.step, self.spent_s, self.over = 0, 0.0, False
        axes = lane_axes(experiment)
        self._lanes = [tuple(_lane_frame(each, step) for each in axes) for step in range(VALUES)]

    def steps(self) -> Iterator[list[Frame]]:
        while not self.over:
            last = min(self.step + AT_ONCE, self.experiment.steps)
            frames = [Frame(step, self._lanes[step % VALUES]) for step in range(self.step, last)]
            self.step, self.over = last, last == self.experiment.steps
            yield frames

    def read(self) -> list[Frame]:
        return []

    def state(self) -> dict[str, Any]:
        return {"step": self.step}

    def load(self, state: dict[str, Any]) -> None:
        self.step = state["step"]


def _lane_frame(of: LaneAxes, step: int) -> LaneFrame:
    """A lane whose loss falls and whose gradient is lost on the way back, with some noise."""
    rng = np.random.default_rng([step, len(of.label)])

    def norms(axis: Axis) -> np.ndarray:
        depths = np.array([depth for _, depth in axis])
        values = 10 ** (rng.normal(-1, 0.05, (of.seeds, len(axis))) + depths / 10)
        return values if of.seeds > 1 else values[0]

    loss = 2.3 * np.exp(-step / 90 + rng.normal(0, 0.06, of.seeds))
    return LaneFrame(
        loss=loss if of.seeds > 1 else float(loss[0]),
        error=np.clip(loss / 2.6, 0, 1) if of.seeds > 1 else float(np.clip(loss[0] / 2.6, 0, 1)),
        signal_gradient_norm=norms(of.points),
        weight_gradient_norm=norms(of.layers),
        activation_scale=norms(of.points),
        gate_mean=norms(of.gates),
    )


if __name__ == "__main__":
    engine.Training = Replayed  # type: ignore[assignment,misc]
    worker.main()
