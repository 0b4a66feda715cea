"""How fast a device multiplies, roughly: what the time of a step is reckoned with beforehand."""

from __future__ import annotations

import time

import torch
from torch import nn

_BATCH, _CHANNELS, _SIDE = 32, 16, 28
_ROUNDS = 6


def multiply_adds_per_s(device: str) -> float:
    """Multiply-adds per second of a small convolution there and back, the best of a few rounds."""
    conv = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, bias=False).to(device)
    x_BCHW = torch.zeros(_BATCH, _CHANNELS, _SIDE, _SIDE, device=device, requires_grad=True)
    fastest_s = min(_round_s(conv, x_BCHW) for _ in range(1 + _ROUNDS))
    products = _BATCH * _SIDE**2 * _CHANNELS**2 * conv.weight[0, 0].numel()
    return 3 * products / fastest_s


def _round_s(conv: nn.Module, x_BCHW: torch.Tensor) -> float:
    began = time.perf_counter()
    loss = conv(x_BCHW).square().sum()
    loss.backward()
    loss.item()  # waits for the device
    return time.perf_counter() - began
