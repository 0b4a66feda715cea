"""`python -m skipviz.engine.fused.trial library`: a library's first steps against those of the
stacked engine, or of the modules where that has none, in a process that may die of them. Exit
status 1 and a sentence where they differ."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.engine.fused.native import Kernel
from skipviz.engine.fused.stack import FusedStack
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, StackShape, shape_of

Case = tuple[str, dict[str, Any], dict[str, Any]]
"""A family, its knobs, and what else the experiment is to be."""

MAPS = {"backbone": "cifar", "depth": 8}

CASES: tuple[Case, ...] = (
    ("resnet", {"depth": 8, "width": 13}, {"optimiser": "adam"}),
    ("plain", {"depth": 3, "width": 50, "activation": "tanh"}, {"optimiser": "nesterov"}),
    ("highway", {"depth": 4, "width": 21, "activation": "sigmoid"}, {"clip": 0.5}),
    ("resnet", {"depth": 6, "width": 11, "variant": "full_preact", "norm": "batch"}, {}),
    ("resnet", {"depth": 5, "width": 17, "branch_scale": "rezero", "norm": "layer"}, {}),
    ("plain", {"depth": 3, "width": 9, "drop_rate": 0.2}, {"optimiser": "adamw"}),
    ("densenet", {"depth": 5, "growth_rate": 3, "norm": "batch"}, {"clip": 0.5}),
    ("highway", {"depth": 3, "width": 7, "carry": "learned", "norm": "layer"}, {}),
    ("resnet", MAPS | {"base_channels": 5, "shortcut": "B"}, {}),
    ("resnet", MAPS | {"base_channels": 9, "variant": "full_preact"}, {"optimiser": "adam"}),
    ("densenet", MAPS | {"depth": 10, "growth_rate": 3, "bottleneck": True}, {}),
    ("highway", MAPS | {"depth": 10, "base_channels": 4}, {"clip": 0.5}),
    ("resnet", {"backbone": "imagenet", "depth": 18, "base_channels": 8}, {"data": "shapes"}),
)


def gives_the_same_readings(
    kernel: Kernel, family: str, knobs: dict[str, Any], fields: dict[str, Any]
) -> bool:
    """Do three steps on random inputs give the readings of the other engine?"""
    lane = Lane(family=family, knobs={"backbone": "dense", **knobs})
    made = {"lr": 0.002, "weight_decay": 0.01, "batch_size": 19, "device": "cpu"} | fields
    experiment = Experiment(lanes=[lane], **made)
    settings, shape = lane.settings(experiment.dataset), shape_of(lane, experiment)
    assert shape is not None
    nets = [make_net(lane, experiment.dataset, 0)]
    wirings = [architecture(family).wiring(settings)]
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 19, shape.inputs, generator=rng)
    y = torch.randint(shape.classes, (1, 19), generator=rng)
    theirs = _modules(experiment) if shape.sides else _stacked(experiment, nets, wirings, shape)
    ours = FusedStack(experiment, nets, wirings, [shape], kernel)
    for step in range(3):
        expected, (reading,) = theirs(x, y, step), ours.learn(x, y, True, step)[1]
        if not np.allclose(reading, expected, rtol=1e-4, atol=0):
            return False
    return True


Learn = Callable[[torch.Tensor, torch.Tensor, int], Any]
"""From inputs (1, B, F), labels (1, B) and the number of the step to the net's reading."""


def _stacked(experiment: Experiment, nets: Any, wirings: Any, shape: StackShape) -> Learn:
    stack = Stack(experiment, nets, wirings, [shape])
    return lambda x, y, step: stack.learn(x, y, True, step)[1][0]


def _modules(experiment: Experiment) -> Learn:
    (lane,) = experiment.lanes
    trainer = NetTrainer(experiment, lane, 0, torch.device("cpu"))
    sides = lane.settings(experiment.dataset)["input_shape"]
    return lambda x, y, step: trainer.learn(x[0].unflatten(1, sides), y[0], step, True)


if __name__ == "__main__":
    built = Kernel(ctypes.CDLL(sys.argv[1]))
    for family, knobs, fields in CASES:
        if not gives_the_same_readings(built, family, knobs, fields):
            sys.exit(
                f"a {family} net does not get the numbers of the other engines: {knobs}, {fields}"
            )
