"""What is read off a net while it trains: activations, gradients and gates, at the places its
wiring names.

Norms are accumulated in float64: in float32 the square of anything below about 1e-23 is 0, and a
vanished gradient would be shown as none at all. Devices without float64 divide by the largest
entry first, which is as safe.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from skipviz.wiring import Wiring

LARGE = 20_000
"""Values of a tensor whose copy in float64 would cost more than its norm in parts."""


def norms(tensors: list[torch.Tensor]) -> torch.Tensor:
    """The L2 norm of each tensor, (n,) float64, on the tensors' device (float64-less devices: on
    the CPU)."""
    if not tensors:
        return torch.zeros(0, dtype=torch.float64)
    if tensors[0].device.type == "cpu":
        small = [tensor for tensor in tensors if tensor.numel() < LARGE]
        found = iter(torch._foreach_norm(small, 2, dtype=torch.float64) if small else ())
        return torch.stack([_norm(t) if t.numel() >= LARGE else next(found) for t in tensors])
    if tensors[0].device.type != "mps":
        return torch.stack(list(torch._foreach_norm(tensors, 2, dtype=torch.float64)))
    peaks = torch.stack([tensor.abs().amax() for tensor in tensors])
    safe = torch.where(peaks > 0, peaks, torch.ones_like(peaks))
    scaled = torch.stack(
        [(tensor / peak).norm() for tensor, peak in zip(tensors, safe, strict=True)]
    )
    return peaks.cpu().double() * scaled.cpu().double()


def _norm(tensor: torch.Tensor) -> torch.Tensor:
    """The L2 norm of a large tensor, float64, whichever way it lies in memory."""
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    if tensor.dtype != torch.float64:
        tensor = tensor.float()
    return norms_of(tensor.reshape(1, -1))


PART = 640
"""So many squares are added up in float32 before float64 goes on."""


@cache
def _part(count: int) -> int:
    """The largest divisor of a count that is at most PART."""
    return next(size for size in range(min(PART, count), 0, -1) if count % size == 0)


def _in_parts(rows: torch.Tensor) -> torch.Tensor:
    """The L2 norm of each row, (n,) float64: its parts in float32, their sum in float64."""
    parts = rows.unflatten(1, (-1, _part(rows.shape[1])))
    return torch.linalg.vector_norm(
        torch.linalg.vector_norm(parts, dim=2), dim=1, dtype=torch.float64
    )


def norms_of(values: torch.Tensor) -> torch.Tensor:
    """The L2 norm over the last two axes, float64.

    Parts of some hundred squares are added up in float32, which keeps seven digits as long as the
    squares stay in its range, and the parts in float64. Where a norm is below 1e-16 they may not:
    there all values are first multiplied by 2^100, which is exact. Nor may they above 1e17: there
    all squares are added up in float64.
    """
    if values.dtype == torch.float64 or not values.is_contiguous():
        return torch.linalg.vector_norm(values, dim=(-2, -1), dtype=torch.float64)
    count = values.shape[-2] * values.shape[-1]
    flat = values.view(-1, count)
    found = _in_parts(flat)
    known = found.cpu().numpy()
    small, large = np.flatnonzero(known < 1e-16), np.flatnonzero(~(known < 1e17))
    if len(small):
        rows = torch.from_numpy(small).to(flat.device)
        found[rows] = _in_parts(flat.index_select(0, rows).mul_(2.0**100)).div_(2.0**100)
    if len(large):
        rows = torch.from_numpy(large).to(flat.device)
        found[rows] = torch.linalg.vector_norm(flat[rows], dim=1, dtype=torch.float64)
    return found.view(values.shape[:-2])


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
        (G), as one vector."""
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
