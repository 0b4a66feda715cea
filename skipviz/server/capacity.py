"""Does an experiment fit into memory? Worked out from its wirings, before anything is allocated."""

from __future__ import annotations

import math

import psutil

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError

_FLOAT = 4
_BASE = 300 * 2**20
"""What a step needs beside its nets: the library's own buffers, a batch."""


def needed_bytes(experiment: Experiment) -> int:
    """About how much memory training takes, in bytes.

    Per net: weights, gradients and optimiser state (SGD one copy, Adam two) in float32; for each
    sample of a batch every activation that the backward pass needs, and its gradient.
    """
    copies = 4 if experiment.optimiser in ("adam", "adamw") else 3
    total = 0
    for lane in experiment.lanes:
        counts = lane.wiring(experiment.dataset).describe()
        weights = counts["parameters"] * _FLOAT * copies * experiment.seeds
        activations = counts["activation_bytes"] * experiment.batch_size
        total += weights + 2 * activations
    of = experiment.dataset
    images = (of.train_size + of.test_size) * math.prod(of.input_shape)
    return int(total) + images + _BASE


def check(experiment: Experiment, free: int | None = None) -> None:
    """SpecError where the experiment needs more memory than is free (`free` bytes, default: of
    this machine)."""
    room = psutil.virtual_memory().available if free is None else free
    needed = needed_bytes(experiment)
    if needed > room:
        raise SpecError(
            f"experiment too large: it needs about {needed / 2**30:.1f} GB of memory and"
            f" {room / 2**30:.1f} GB are free; take less depth, width, batch size or fewer lanes"
        )
