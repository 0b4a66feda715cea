"""What chance takes out at a step of drawn nets, for all layers of all nets at once.

Each net draws from streams of its own, by its seed and the step (`docs/batches.md`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from skipviz.engine.precise_layers import DROPOUT, SURVIVAL
from skipviz.engine.stacked.streams import Streams

Call = Callable[[], Any]


def draw_masks(calls: Any) -> Call:
    """Draws the masks of all dropout layers of a step: what each multiplies its input with."""
    nets, streams = calls.nets, Streams()
    layers = [(nets.dropouts[k], mask, k) for k, mask in calls.masks.items()]
    width = max((mask.shape[1] for mask in calls.masks.values()), default=0)
    numbers = np.empty(calls.batch * width, np.float32)

    def fill() -> None:
        keys = [
            (seed, calls.step, DROPOUT, number) for number, _, _ in layers for seed in nets.seeds
        ]
        generators = streams.of(keys)
        for _, mask, k in layers:
            shape = calls.batch, mask.shape[1]
            values = torch.from_numpy(numbers[: math.prod(shape)].reshape(shape))
            for i, modules in enumerate(nets.modules):
                keep = 1 - modules[k].p
                next(generators).random(out=values.numpy(), dtype=np.float32)
                mask[i].copy_(values.lt_(float(np.float32(keep))).T).div_(keep)

    return fill


def draw_branches(calls: Any) -> Call:
    """Draws which branches of each net take part in a step."""
    nets, streams = calls.nets, Streams()
    numbers = [nets.branches[k] for k in calls.survivals]
    survivals = np.array([[of[k].survival for k in calls.survivals] for of in nets.modules])
    drawn, most = np.empty(survivals.shape), max(numbers) + 1

    def fill() -> None:
        keys = [(seed, calls.step, SURVIVAL, 0) for seed in nets.seeds]
        for row, generator in zip(drawn, streams.of(keys), strict=True):
            row[:] = generator.random(most)[numbers]
        alive = torch.from_numpy((drawn < survivals).T).to(**nets.like)  # (units, N)
        for factor, values in zip(calls.survivals.values(), alive, strict=True):
            factor.copy_(values[:, None, None])

    return fill
