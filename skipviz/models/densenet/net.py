"""y = [x, H(x)]

Huang et al. 2016 (arXiv 1608.06993), section 3.

Shapes: B samples, C channels of H×W pixels, or F features; each unit adds k of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.models.backbones import assemble, sequence
from skipviz.models.densenet.plan import DensePlan, plan
from skipviz.models.plans import ChainPlan


class DenseUnit(nn.Module):
    """x_{l+1} = [x_l, H(x_l)]

    H = norm, activation, weight layer to k channels; with a bottleneck first the same to 4k
    channels by 1×1. Old channels come first, so the first ones are the input, unchanged.
    """

    def __init__(self, plan: DensePlan) -> None:
        super().__init__()
        self.branch = sequence(plan.branch)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) or (B, F)
        return torch.cat([x, self.branch(x)], dim=1)  # (B, C + k, H, W) or (B, F + k)


def _unit(plan: DensePlan | ChainPlan) -> nn.Module:
    """A dense unit, or the transition between two dense blocks."""
    return sequence(plan.steps) if isinstance(plan, ChainPlan) else DenseUnit(plan)


def build(settings: Mapping[str, Any]) -> nn.Module:
    return assemble(plan(settings), _unit, settings["init"])
