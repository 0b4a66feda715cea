"""y = H(x)

He et al. 2015 (arXiv 1512.03385), section 3.3: the plain baseline.

Shapes: B samples, C channels of H×W pixels, or F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from skipviz.models.backbones import assemble, sequence
from skipviz.models.plain.family import plan
from skipviz.models.plans import ChainPlan


class PlainUnit(nn.Module):
    """x_{l+1} = H(x_l), with H = weight layer, [normalisation], activation.

    Nothing leads around H: what H does not pass on is lost to all later units, and a gradient
    that comes back is multiplied by H′ and by nothing else.
    """

    def __init__(self, plan: ChainPlan) -> None:
        super().__init__()
        self.transform = sequence(plan.steps)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) or (B, F)
        return self.transform(x)


def build(settings: Mapping[str, Any]) -> nn.Module:
    return assemble(plan(settings), PlainUnit, settings["init"])
