"""y = H(x) + x / 2

An example of a family's net. Shapes: B samples, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from skipviz.models.backbones import assemble, sequence
from skipviz.models.toynet.family import ToyPlan, plan


class ToyUnit(nn.Module):
    """y = H(x) + x / 2, with H = weight layer, [normalisation], activation."""

    def __init__(self, plan: ToyPlan) -> None:
        super().__init__()
        self.transform = sequence(plan.transform)
        self.scale = plan.scale

    def forward(self, x: Tensor) -> Tensor:  # (B, F)
        return self.transform(x) + x * self.scale


def build(settings: Mapping[str, Any]) -> nn.Module:
    return assemble(plan(settings), ToyUnit, settings["init"])
