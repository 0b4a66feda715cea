"""Which nets are trained together: those of one shape stand in one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.wiring import Wiring
from skipviz.engine.fused.stack import FusedStack, claims
from skipviz.engine.stacked import Stack, StackShape, shape_of


def grouped(shapes: Sequence[StackShape]) -> list[list[int]]:
    """The nets of each stack, by number, from the shape of each net.

    A chain without shortcuts stands in the stack of a residual one of its shape: a plain twin
    beside its source.
    """
    groups: dict[StackShape, list[int]] = {}
    for number, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(number)
    for shape in [shape for shape in groups if shape.skips and max(shape.skips) < 0]:
        hosts = [other for other in groups if replace(other, skips=shape.skips) == shape != other]
        if hosts:
            groups[hosts[0]] += groups.pop(shape)
    return list(groups.values())


def stackable(lane: Lane, experiment: Experiment, device: torch.device) -> StackShape | None:
    """The shape of a lane whose nets can stand in a stack on a device; None: they are trained as
    modules.

    Apple's GPU is left to the modules, and so are, on CUDA, nets that are computed as they are
    drawn: there a graph of the modules saves the same. Convolutional nets stand in stacks of the
    fused kernel alone.
    """
    shape = shape_of(lane, experiment) if device.type != "mps" else None
    if shape is None or (shape.program and device.type != "cpu"):
        return None
    return None if shape.sides and not claims(experiment, shape, device) else shape


def stack_of(
    experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
    shapes: Sequence[StackShape], seeds: Sequence[int], device: torch.device,
) -> Stack | FusedStack:  # fmt: skip
    """A stack of nets that `grouped` put together, fused where the kernel is there and claims them;
    each with the seed of what it draws while it trains."""
    if claims(experiment, shapes[0], device):
        return FusedStack(experiment, nets, wirings, shapes, seeds=seeds)
    return Stack(experiment, nets, wirings, shapes, seeds)
