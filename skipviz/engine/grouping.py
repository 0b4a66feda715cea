"""Which nets are trained together: those of one shape stand in one stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import Wiring
from skipviz.engine.fused.stack import FusedStack, claims
from skipviz.engine.stacked import Stack, StackShape


def grouped(shapes: Sequence[StackShape]) -> list[list[int]]:
    """The nets of each stack, by number, from the shape of each net.

    A chain without shortcuts stands in the stack of a residual one of its shape: a plain twin
    beside its source.
    """
    groups: dict[StackShape, list[int]] = {}
    for number, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(number)
    for shape in [shape for shape in groups if max(shape.skips) < 0]:
        hosts = [other for other in groups if replace(other, skips=shape.skips) == shape != other]
        if hosts:
            groups[hosts[0]] += groups.pop(shape)
    return list(groups.values())


def stack_of(
    experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
    shapes: Sequence[StackShape], device: torch.device,
) -> Stack | FusedStack:  # fmt: skip
    """A stack of nets that `grouped` put together: fused where the kernel is there and claims
    them."""
    fusible = shapes[0].fixed is None and claims(experiment, shapes[0], device)
    kind = FusedStack if fusible else Stack
    return kind(experiment, nets, wirings, shapes)
