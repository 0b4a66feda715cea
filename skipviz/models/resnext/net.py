"""y = f(h(x) + Σ_i T_i(x))

Xie et al. 2016 (arXiv 1611.05431), section 3.3, Fig. 3 (c): the sum over paths as one bottleneck
whose 3×3 convolution has groups. The unit is therefore ResNet's own.

Shapes: B samples, C channels of H×W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from skipviz.models.resnet.net import build_from
from skipviz.models.resnext.family import plan


def build(settings: Mapping[str, Any]) -> nn.Module:
    return build_from(plan(settings), settings["init"])
