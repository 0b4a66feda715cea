"""What is read off a net while it trains: activations, gradients and gates, at the places its
wiring names. Norms are exact on every device (`engine/exact_sums.py`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from skipviz.core.wiring import Wiring
from skipviz.engine.exact_sums import norms


class Instruments:
    """Hooks on one net. `watch()` before the forward pass, `reading()` after the backward pass."""

    def __init__(self, net: nn.Module, wiring: Wiring) -> None:
        self.net, self.wiring = net, wiring
        self.on = False
        self._sizes: list[int] = []
        self._roots = torch.zeros(0)
        self._x: dict[int, torch.Tensor] = {}
        self._grad: dict[int, torch.Tensor] = {}
        self._gates: dict[int, torch.Tensor] = {}
        self.weights: list[Any] = [net.get_submodule(layer.path).weight for layer in wiring.layers]
        for i, point in enumerate(wiring.points):
            net.get_submodule(point.path).register_forward_hook(partial(self._saw_signal, i))
        for i, gate in enumerate(wiring.gates):
            net.get_submodule(gate.path).register_forward_hook(partial(self._saw_gate, i))

    @property
    def size(self) -> int:
        """The numbers of a reading."""
        return 2 * len(self.wiring.points) + len(self.weights) + len(self.wiring.gates)

    def watch(self) -> None:
        self.on = True

    def _saw_signal(self, i: int, module: nn.Module, args: Any, x: torch.Tensor) -> None:
        if self.on:
            self._x[i] = x.detach()
            x.register_hook(partial(self._grad.__setitem__, i))

    def _saw_gate(self, i: int, module: nn.Module, args: Any, t: torch.Tensor) -> None:
        if self.on:
            self._gates[i] = t.detach()

    def reading(self) -> torch.Tensor:
        """Signal-gradient norms (P), weight-gradient norms (L), activation scales (P), gate means
        (G), as one vector in the widest kind of the device."""
        signals = [self._grad[i] for i in range(len(self.wiring.points))]
        xs = [self._x[i] for i in range(len(self.wiring.points))]
        weights = [weight.grad for weight in self.weights]
        read = norms(signals + weights + xs)
        sizes = [x.numel() for x in xs]
        if sizes != self._sizes:  # kept: a CUDA graph must not be given numbers by the host
            self._sizes = sizes
            self._roots = torch.tensor(sizes, dtype=read.dtype, device=read.device).sqrt()
        read[len(signals) + len(weights) :] /= self._roots
        gates = [self._gates[i].mean() for i in range(len(self.wiring.gates))]
        if gates:
            read = torch.cat([read, torch.stack(gates).to(read.device).to(read.dtype)])
        self.on = False
        self._x, self._grad, self._gates = {}, {}, {}
        return read

    def split(self, read: np.ndarray) -> dict[str, np.ndarray]:
        """A reading as the fields of a LaneFrame."""
        points, layers = len(self.wiring.points), len(self.wiring.layers)
        signal, rest = read[:points], read[points:]
        weight, scale, gates = (
            rest[:layers],
            rest[layers : layers + points],
            rest[layers + points :],
        )
        return {
            "signal_gradient_norm": signal,
            "weight_gradient_norm": weight,
            "activation_scale": scale,
            "gate_mean": gates,
        }
