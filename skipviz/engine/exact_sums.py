"""Where sums are made exactly: the one place that says it, for engines, maps and probes.

In float32 the square of anything below about 1e-23 is 0, and a vanished gradient would be shown as
none at all. So norms are accumulated in float64 where the device has it. Apple's GPU has none:
there every value is divided by the largest of its tensor first, so that no square is too small, and
the norm comes out in float32, which holds seven digits down to 1e-38. All other sums are made on
the host, in NumPy's float64. No tensor in float64 is ever made on, or for, a device without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from torch import Tensor

WITHOUT_FLOAT64 = {"mps"}
"""Types of devices that have no float64."""

LARGE = 20_000
"""Values of a tensor whose copy in float64 would cost more than its norm in parts."""

PART = 640
"""So many squares are added up in float32 before float64 goes on."""


def has_float64(device: torch.device) -> bool:
    return device.type not in WITHOUT_FLOAT64


def widest(device: torch.device) -> torch.dtype:
    """What norms are made in on a device."""
    return torch.float64 if has_float64(device) else torch.float32


def on_host(values: Tensor) -> np.ndarray:
    """A tensor of any kind on any device as a NumPy array of float64."""
    values = values.detach()
    values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
    return values.cpu().numpy().astype(np.float64)


@contextmanager
def on_cpu() -> Iterator[None]:
    """What is done in here is done with tensors of the CPU, whatever the device of the run is: they
    may be in float64."""
    with torch.device("cpu"):
        yield


def norms(tensors: list[Tensor]) -> Tensor:
    """The L2 norm of each tensor, (n,) in the widest kind of the tensors' device, and there."""
    if not tensors:
        return torch.zeros(0)
    device = tensors[0].device
    if not has_float64(device):
        return torch.stack([_scaled(tensor.reshape(1, -1))[0] for tensor in tensors])
    if device.type == "cpu":
        small = [tensor for tensor in tensors if tensor.numel() < LARGE]
        small_norms = iter(torch._foreach_norm(small, 2, dtype=torch.float64) if small else ())
        return torch.stack([_norm(t) if t.numel() >= LARGE else next(small_norms) for t in tensors])
    return torch.stack(list(torch._foreach_norm(tensors, 2, dtype=torch.float64)))


def joint(tensors: list[Tensor]) -> Tensor:
    """The L2 norm of all tensors together, a number in the widest kind of their device."""
    return norms([norms(tensors)])[0]


def _norm(tensor: Tensor) -> Tensor:
    """The L2 norm of a large tensor, float64, whichever way it lies in memory."""
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        tensor = tensor.permute(0, 2, 3, 1)
    if tensor.dtype != torch.float64:
        tensor = tensor.float()
    return norms_of(tensor.reshape(1, -1))


def _scaled(rows: Tensor) -> Tensor:
    """The L2 norm of each row, (n,) float32, with the largest value of each taken out first."""
    rows = rows.float()
    peaks = rows.abs().amax(1)
    safe = torch.where((peaks > 0) & peaks.isfinite(), peaks, torch.ones_like(peaks))
    return safe * (rows / safe[:, None]).square().sum(1).sqrt()


@cache
def _part(count: int) -> int:
    """The largest divisor of a count that is at most PART."""
    return next(size for size in range(min(PART, count), 0, -1) if count % size == 0)


def _in_parts(rows: Tensor) -> Tensor:
    """The L2 norm of each row, (n,) float64: its parts in float32, their sum in float64."""
    parts = rows.unflatten(1, (-1, _part(rows.shape[1])))
    return torch.linalg.vector_norm(
        torch.linalg.vector_norm(parts, dim=2), dim=1, dtype=torch.float64
    )


def norms_of(values: Tensor) -> Tensor:
    """The L2 norm over the last two axes, in the widest kind of the device.

    Parts of some hundred squares are added up in float32, which keeps seven digits as long as the
    squares stay in its range, and the parts in float64. Where a norm is below 1e-16 they may not:
    there all values are first multiplied by 2^100, which is exact. Nor may they above 1e17: there
    all squares are added up in float64.
    """
    if not has_float64(values.device):
        return _scaled(values.flatten(-2).flatten(0, -2)).view(values.shape[:-2])
    if values.dtype == torch.float64 or not values.is_contiguous():
        return torch.linalg.vector_norm(values, dim=(-2, -1), dtype=torch.float64)
    count = values.shape[-2] * values.shape[-1]
    flat = values.view(-1, count)
    parts = _in_parts(flat)
    norms_on_host = parts.cpu().numpy()
    small, large = np.flatnonzero(norms_on_host < 1e-16), np.flatnonzero(~(norms_on_host < 1e17))
    if len(small):
        rows = torch.from_numpy(small).to(flat.device)
        parts[rows] = _in_parts(flat.index_select(0, rows).mul_(2.0**100)).div_(2.0**100)
    if len(large):
        rows = torch.from_numpy(large).to(flat.device)
        parts[rows] = torch.linalg.vector_norm(flat[rows], dim=1, dtype=torch.float64)
    return parts.view(values.shape[:-2])
