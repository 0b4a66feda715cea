"""y = f(h(x) + F(x))

He et al. 2015 (arXiv 1512.03385), section 3.2, and He et al. 2016 (arXiv 1603.05027), Fig. 4.

Shapes: B samples, C channels of H×W pixels (C', H/2, W/2 where a stage begins), or F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.models.backbones import assemble, sequence
from skipviz.models.plans import ChainPlan, NetPlan
from skipviz.models.resnet.plan import ResidualPlan, plan


class ResidualUnit(nn.Module):
    """x_{l+1} = f(h(x_l) + scale · F(x_l))

    F, the branch, and f, after the addition, for each variant (W weights, N norm, A activation):
        original          F = W N A W N      f = A     bn_after_add      F = W N A W      f = N A
        relu_before_add   F = W N A W N A    f = 1     relu_only_preact  F = A W N A W N  f = 1
        full_preact       F = N A W N A W    f = 1
    h, the shortcut, is the identity, zero-padding (A) or a 1×1 projection (B, C). Where the shape
    changes, a pre-activation is shared: it comes before the paths split (He 2016, appendix).
    """

    def __init__(self, plan: ResidualPlan) -> None:
        super().__init__()
        self.before_split = sequence(plan.before_split)
        self.branch = sequence(plan.branch)
        self.shortcut = None if plan.shortcut is None else sequence(plan.shortcut)
        self.after_add = sequence(plan.after_add)
        learned = plan.scale == "rezero"
        self.scale = nn.Parameter(torch.zeros(())) if learned else plan.scale  # None: a scale of 1
        self.zero_last = plan.zero_last

    def forward(self, x: Tensor) -> Tensor:
        x = self.before_split(x)  # (B, C, H, W) or (B, F)
        y = self.branch(x)  # (B, C', H', W')
        if self.shortcut is None:  # the plain twin: nothing to add
            return self.after_add(y)
        if self.scale is not None:
            y = y * self.scale
        return self.after_add(y + self.shortcut(x))

    @torch.no_grad()
    def start(self) -> None:
        """Sets what does not start like other weights: a learned scale, a branch that begins at 0.

        A zero branch has its last normalisation's gain at 0, or, where its last weight layer comes
        after the normalisation, that layer's weights and bias.
        """
        if isinstance(self.scale, nn.Parameter):
            self.scale.zero_()
        if self.zero_last:
            last = [layer for layer in self.branch if any(True for _ in layer.parameters())][-1]
            for parameter in last.parameters():
                parameter.zero_()


def _unit(plan: ResidualPlan | ChainPlan) -> nn.Module:
    return sequence(plan.steps) if isinstance(plan, ChainPlan) else ResidualUnit(plan)


def build_from(plan: NetPlan, init: str) -> nn.Module:
    net = assemble(plan, _unit, init)
    for module in net.modules():
        if isinstance(module, ResidualUnit):
            module.start()
    return net


def build(settings: Mapping[str, Any]) -> nn.Module:
    return build_from(plan(settings), settings["init"])
