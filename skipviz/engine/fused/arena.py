"""What the kernel reads and writes of the nets of a stack: one row of floats for each net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from skipviz.engine.fused.native import OPTIMISERS, Net
from skipviz.engine.optimise import Adam, Sgd

SPARE = 16
"""Floats behind each row: a vector that begins in a row may end there."""


class Arena:
    """Weights and what the optimiser keeps of them, (N, floats) float32 each.

    kept      by the names of `optimise`: "velocity", or "mean" and "square"
    grads     where the update waits for all gradients of a net; else nothing
    """

    def __init__(self, optimiser: Sgd | Adam, clip: float, nets: int, floats: int) -> None:
        self.floats, self.clip = floats, clip
        self.weights = torch.zeros(nets, floats + SPARE)[:, :floats]
        names = ("mean", "square") if isinstance(optimiser, Adam) else ("velocity",)
        self.kept = {name: torch.zeros(nets, floats) for name in names}
        self.grads = torch.zeros(nets, floats) if clip else None

    def fill(self, net: Net, i: int, kind: str, optimiser: Sgd | Adam) -> None:
        """Tells a net's struct where its rows are, and how it learns."""
        first, *rest = self.kept.values()
        net.floats, net.weights = self.floats, self.weights[i].data_ptr()
        net.velocity = first[i].data_ptr()
        net.square = rest[0][i].data_ptr() if rest else None
        net.grads = self.grads[i].data_ptr() if self.grads is not None else None
        net.optimiser, net.clip = OPTIMISERS.index(kind), self.clip
        net.momentum = optimiser.momentum if isinstance(optimiser, Sgd) else 0.0
        net.weight_decay = optimiser.weight_decay


def aligned(room: Tensor) -> int:
    """The address in a row of floats from which whole vectors begin; 16 floats are spare for it."""
    return -(-room.data_ptr() // 64) * 64


def parts_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Of an optimiser's state what it keeps of the weights."""
    return {name: of for name, of in state.items() if name != "steps"}
