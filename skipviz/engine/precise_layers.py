"""Layers that torch's own kernels compute too coarsely, or not at all, done another way.

Four kinds, on the modules of a net that is to be trained; the classes that the app shows stay as
they are.

BatchNorm on feature maps with channels last, on the CPU: torch adds up the N·H·W values of a
channel one after the other in float32, which is a hundred times as coarse as the same with channels
first. Here parts of at most ROWS values are added up by the very same kernels, as channels of their
own, and the parts in float64 (Chan et al. 1983, for the variance).

Convolutions in bfloat16 of whose kernel some taps never meet the map, such as 3×3 on a map of 1×1:
torch's kernels for the CPU leave the gradient of such taps unset; and, now and then, that of a
channel where the stride is larger than the map. They stay in float32.

Dropout on the CPU: what is dropped comes from a documented stream (`docs/batches.md`), not from
torch's, which differs between makes of processors. So does which branches of a residual net take
part in a step.

N samples, C channels, H and W sides of a map.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.engine.exact_sums import has_float64
from skipviz.models.backbones import StochasticDepth

ROWS = 256
"""So many values are added up in float32, one after the other, before float64 goes on."""

DROPOUT, SURVIVAL = 3, 4
"""Tell these random streams of a seed from those of order, label noise and augmentation."""

Draw = Callable[..., np.random.Generator]


def carefully(net: nn.Module, *, last: bool, half: bool, draw: Draw | None) -> None:
    """Makes the modules of a net do their work as described above.

    last    its feature maps lie with channels last on the CPU
    half    it is trained in bfloat16
    draw    the random stream of the present step: draw(DROPOUT, k) of the k-th dropout layer,
            counted from 0, draw(SURVIVAL) of all branches; None: torch's own
    """
    if draw is not None:
        for k, dropout in enumerate(dropouts(net)):
            dropout.__dict__["forward"] = partial(_dropped, dropout, partial(draw, DROPOUT, k))
        for k, depth in enumerate(depths(net)):
            depth.__dict__["forward"] = partial(_survived, depth, partial(draw, SURVIVAL), k)
    modules: list[Any] = list(net.modules())
    for module in modules:
        if last and isinstance(module, nn.BatchNorm2d):
            module.__dict__["forward"] = partial(_normalised, module)
        if half and isinstance(module, nn.Conv2d):
            module.__dict__["forward"] = partial(_convolved, module)


# --- what chance takes out


def dropouts(net: nn.Module) -> list[nn.Dropout]:
    """The layers of a net that drop values, in the order in which their streams are counted."""
    return [m for m in net.modules() if isinstance(m, nn.Dropout) and m.p > 0]


def depths(net: nn.Module) -> list[StochasticDepth]:
    """What takes branches out of some steps, in the order in which they are counted."""
    return [m for m in net.modules() if isinstance(m, StochasticDepth)]


def _dropped(module: nn.Dropout, stream: Callable[[], np.random.Generator], x: Tensor) -> Tensor:
    """x / (1 − p) where a uniform number is below 1 − p, else 0."""
    if not module.training:
        return x
    keep = 1 - module.p
    mask = torch.from_numpy(stream().random(x.shape, dtype=np.float32) < np.float32(keep))
    return x * (mask.to(x.dtype) / keep)


def _survived(
    module: StochasticDepth, stream: Callable[[], np.random.Generator], k: int, x: Tensor
) -> Tensor:
    """x where the k-th number of the stream, from 0, is below the branch's survival, else 0."""
    if not module.training:
        return StochasticDepth.forward(module, x)
    return x * float(stream().random(k + 1)[k] < module.survival)


# --- convolution


def unmet(conv: nn.Conv2d, sides: tuple[int, int]) -> bool:
    """Do some taps of the kernel meet nothing but padding, on a map of these sides?"""
    pads: Any = conv.padding
    axes = zip(sides, conv.kernel_size, conv.stride, pads, conv.dilation, strict=True)
    return any(_unmet(*axis) for axis in axes)


@cache
def _unmet(side: int, kernel: int, stride: int, pad: int, dilation: int) -> bool:
    out = (side + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    return not all(
        any(0 <= place * stride + tap * dilation - pad < side for place in range(out))
        for tap in range(kernel)
    )


def _convolved(conv: nn.Conv2d, x: Tensor) -> Tensor:
    sides = x.shape[2], x.shape[3]
    beyond = any(step > side for step, side in zip(conv.stride, sides, strict=True))
    if not (beyond or unmet(conv, sides)):
        return nn.Conv2d.forward(conv, x)
    with torch.autocast(x.device.type, enabled=False):
        return nn.Conv2d.forward(conv, x.float())


# --- BatchNorm


def _normalised(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    careful = norm.training and x.dtype == torch.float32 and _is_last(x) and has_float64(x.device)
    if not careful:
        return nn.BatchNorm2d.forward(norm, x)
    y, mean, var = _Normalise.apply(x, norm.weight, norm.bias, norm.eps)
    _remember(norm, mean, var * (x.numel() / x.shape[1] / max(x.numel() / x.shape[1] - 1, 1)))
    return y


def _is_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> None:
    """Running statistics as torch keeps them; with momentum None their average."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked.add_(1)
    share = norm.momentum
    if share is None:
        share = 1 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(var, share)


@cache
def _groups(count: int) -> int:
    """Into so many parts of at most ROWS values a channel's values are cut."""
    return next(count // size for size in range(min(ROWS, count), 0, -1) if count % size == 0)


def _flat(x: Tensor, groups: int) -> Tensor:
    """(N, C, H, W) with channels last as (N·H·W / groups, groups · C): the same memory."""
    return x.permute(0, 2, 3, 1).reshape(-1, groups * x.shape[1])


class _Normalise(torch.autograd.Function):
    """y = (x − mean) / √(var + ε) · γ + β, and the mean and variance (C,) of this batch."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        groups = _groups(x.numel() // x.shape[1])
        parts = torch.batch_norm_update_stats(_flat(x, groups), None, None, 0.0)
        means, variances = (part.view(groups, -1).double() for part in parts)
        centre = means.mean(0)
        spread = variances.mean(0) + (means - centre).square().mean(0)
        mean, var = centre.float(), spread.float()
        y = torch.batch_norm(x, weight, bias, mean, var, False, 0.0, eps, False)
        ctx.save_for_backward(x, weight, mean, var)
        ctx.eps, ctx.groups = eps, groups
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, dy: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, var = ctx.saved_tensors
        groups, count = ctx.groups, x.numel() // x.shape[1]
        dy = dy.contiguous(memory_format=torch.channels_last)
        wide = mean.repeat(groups), var.repeat(groups)
        _, scaled, plain = torch.ops.aten.native_batch_norm_backward(
            _flat(dy, groups), _flat(x, groups), torch.ones_like(wide[0]), *wide, None, None,
            False, ctx.eps, [False, True, True],
        )  # fmt: skip
        grad_weight, grad_bias = (s.view(groups, -1).double().sum(0) for s in (scaled, plain))
        root = (var.double() + ctx.eps).rsqrt()
        by_dy = weight.double() * root
        by_x = -by_dy * root * grad_weight / count
        rest = -by_dy * grad_bias / count - by_x * mean
        zero, one = torch.zeros_like(mean), torch.ones_like(mean)
        dx = torch.batch_norm(dy, by_dy.float(), rest.float(), zero, one, False, 0.0, 0.0, False)
        dx.addcmul_(x, by_x.float()[:, None, None])
        return dx, grad_weight.float(), grad_bias.float(), None
