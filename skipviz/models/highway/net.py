"""y = H(x) · T(x) + x · C(x)

Srivastava, Greff & Schmidhuber 2015 (arXiv 1505.00387), equation (2); C = 1 − T, equation (3).

Shapes: B samples, C channels of H×W pixels, or F features. Gates have the shape of the signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.models.backbones import assemble, sequence
from skipviz.models.highway.plan import HighwayPlan, plan
from skipviz.models.plans import ChainPlan


class HighwayUnit(nn.Module):
    """y = H(x) · T(x) + x · C(x)

    For each cell: T = sigmoid(W_T x + b_T) in (0, 1), and C = 1 − T unless it has a gate of its
    own or is fixed. T = 0 carries (y = x), T = 1 transforms (y = H(x)).
    """

    def __init__(self, plan: HighwayPlan) -> None:
        super().__init__()
        self.transform = sequence(plan.transform)
        self.transform_gate = None if plan.gate is None else sequence(plan.gate)
        self.carry_gate = None if plan.carry is None else sequence(plan.carry)
        self.gate_bias = plan.gate_bias

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) or (B, F)
        h = self.transform(x)
        if self.transform_gate is None:  # the plain twin: H alone
            return h
        t = self.transform_gate(x)
        c = 1 - t if self.carry_gate is None else self.carry_gate(x)
        return h * t + x * c

    @torch.no_grad()
    def start(self) -> None:
        """Biases the gates: T towards carrying, a carry gate of its own the opposite way."""
        gates = (self.transform_gate, self.gate_bias), (self.carry_gate, -self.gate_bias)
        for gate, bias in gates:
            for layer in gate or ():
                if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None:
                    layer.bias.fill_(bias)


def _unit(plan: HighwayPlan | ChainPlan) -> nn.Module:
    return sequence(plan.steps) if isinstance(plan, ChainPlan) else HighwayUnit(plan)


def build(settings: Mapping[str, Any]) -> nn.Module:
    net = assemble(plan(settings), _unit, settings["init"])
    for module in net.modules():
        if isinstance(module, HighwayUnit):
            module.start()
    return net
