"""Activations and their slopes as calls that write where they are told."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

aten = torch.ops.aten

ACTIVATIONS: dict[str, Any] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""In place."""

ACTIVATED: dict[str, Any] = {
    "relu": aten.relu.out,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
"""Into `out`."""

SLOPES: dict[str, Any] = {
    "relu": partial(aten.threshold_backward.grad_input, threshold=0),
    "tanh": aten.tanh_backward.grad_input,
    "sigmoid": aten.sigmoid_backward.grad_input,
}
"""dLoss/dz from dLoss/dy and y = act(z), written into `grad_input`."""
