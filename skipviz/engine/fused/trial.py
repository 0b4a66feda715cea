"""`python -m skipviz.engine.fused.trial library`: a library's first steps against the stacked
engine's, in a process that may die of them. Exit status 1 and a sentence where they differ."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import numpy as np
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.engine.fused.native import Kernel
from skipviz.engine.fused.stack import FusedStack
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, shape_of

LANES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("resnet", {"depth": 8, "width": 13}),
    ("plain", {"depth": 3, "width": 50, "activation": "tanh"}),
    ("highway", {"depth": 4, "width": 21, "activation": "sigmoid"}),
)


def gives_the_stacked_readings(kernel: Kernel, family: str, knobs: dict[str, Any]) -> bool:
    """Do three steps on random inputs give the readings of the stacked engine?"""
    lane = Lane(family=family, knobs={"backbone": "dense", **knobs})
    experiment = Experiment(lanes=[lane], lr=0.01, batch_size=19, device="cpu")
    settings, shape = lane.settings(experiment.dataset), shape_of(lane, experiment)
    assert shape is not None
    nets = [make_net(lane, experiment.dataset, 0)]
    wirings = [architecture(family).wiring(settings)]
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 19, shape.inputs, generator=rng)
    y = torch.randint(shape.classes, (1, 19), generator=rng)
    stack = Stack(experiment, nets, wirings, [shape])
    ours = FusedStack(experiment, nets, wirings, [shape], kernel)
    for _ in range(3):
        (expected,), (reading,) = stack.learn(x, y, True)[1], ours.learn(x, y, True)[1]
        if not np.allclose(reading, expected, rtol=1e-4, atol=0):
            return False
    return True


if __name__ == "__main__":
    built = Kernel(ctypes.CDLL(sys.argv[1]))
    for family, knobs in LANES:
        if not gives_the_stacked_readings(built, family, knobs):
            sys.exit(f"a {family} net does not get the stacked engine's numbers")
