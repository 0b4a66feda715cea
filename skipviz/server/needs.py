"""What training an experiment takes: parameters, memory, time. Worked out from its wirings, before
anything is allocated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipviz.core.experiment import Experiment, Lane

_FLOAT = 4
_BASE = 300 * 2**20
"""What a step needs beside its nets: the library's own buffers, a batch."""

_BACKWARD = 3
"""A step costs about three passes forward."""

_UNIT_S = 2e-4
"""What a unit costs however small it is: calls, and the instruments at work."""

SPEED = 4e9
"""Multiply-adds per second of a slow core: what is reckoned with before a worker has said more."""


@dataclass(frozen=True)
class Needs:
    """What an experiment needs, over all its nets and seeds.

    parameters        of all nets
    weight_bytes      weights, gradients and optimiser state
    activation_bytes  what the backward pass needs of a batch, and its gradient
    image_bytes       the data set
    multiply_adds     of one step, forward
    units             layers of all nets
    """

    parameters: int
    weight_bytes: int
    activation_bytes: int
    image_bytes: int
    multiply_adds: int
    units: int

    @property
    def memory_bytes(self) -> int:
        return self.weight_bytes + self.activation_bytes + self.image_bytes + _BASE

    def step_s(self, multiply_adds_per_s: float = SPEED) -> float:
        """About how many seconds a step takes."""
        return _BACKWARD * self.multiply_adds / multiply_adds_per_s + _UNIT_S * self.units


def needs(experiment: Experiment) -> Needs:
    """What an experiment needs.

    Per net: weights, gradients and optimiser state (SGD one copy, Adam two) in float32; for each
    sample of a batch every activation that the backward pass needs, and its gradient. Dense nets
    may train all seeds as one batch of products, which holds the activations of all.
    """
    copies = 4 if experiment.optimiser in ("adam", "adamw") else 3
    counts = [lane.wiring(experiment.dataset).describe() for lane in experiment.lanes]
    units = sum(len(lane.wiring(experiment.dataset).units) for lane in experiment.lanes)
    parameters = sum(each["parameters"] for each in counts) * experiment.seeds
    activations = experiment.batch_size * sum(
        each["activation_bytes"] * (experiment.seeds if _is_dense(lane, experiment) else 1)
        for lane, each in zip(experiment.lanes, counts, strict=True)
    )
    products = sum(each["multiply_adds"] for each in counts)
    of = experiment.dataset
    return Needs(
        parameters=parameters,
        weight_bytes=parameters * _FLOAT * copies,
        activation_bytes=2 * activations,
        image_bytes=(of.train_size + of.test_size) * math.prod(of.input_shape),
        multiply_adds=products * experiment.batch_size * experiment.seeds,
        units=units * experiment.seeds,
    )


def _is_dense(lane: Lane, experiment: Experiment) -> bool:
    return bool(lane.settings(experiment.dataset).get("backbone") == "dense")


def reduce(experiment: Experiment) -> str:
    """What to reduce where the memory does not suffice: that which takes most of it."""
    need = needs(experiment)
    lanes = ", or fewer lanes" if len(experiment.lanes) > 1 else ""
    if need.activation_bytes >= need.weight_bytes:
        return f"take a smaller batch (now {experiment.batch_size}), less depth or width{lanes}"
    seeds = f"fewer seeds (now {experiment.seeds}), " if experiment.seeds > 1 else ""
    return f"take {seeds}less width or depth{lanes}"


def reduce_time(experiment: Experiment) -> str:
    """What to reduce where a step takes too long."""
    seeds = f"fewer seeds (now {experiment.seeds}), " if experiment.seeds > 1 else ""
    lanes = ", or fewer lanes" if len(experiment.lanes) > 1 else ""
    return f"take a smaller batch (now {experiment.batch_size}), {seeds}less depth or width{lanes}"
