"""Each kind of operation of a drawn net: what it calls on the way forward, and on the way back.

`calls` is the `Calls` that is being written, k the step's number. Signals are (N, C, B).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from skipviz.engine.stacked.kernels import ACTIVATED, ACTIVATIONS, SLOPES

aten = torch.ops.aten


def _sources(calls: Any, k: int) -> list[Tensor]:
    return [calls.out[source] for source in calls.program[k].sources]


# --- weight layers


def linear(calls: Any, k: int) -> None:
    """z = W x + b, or W x."""
    (source,), out = calls.program[k].sources, calls.out[k]
    weight, bias = calls.nets.part(k, "weight"), calls.nets.part(k, "bias")
    product = partial(torch.bmm, weight) if bias is None else partial(torch.baddbmm, bias, weight)
    if source < 0:
        calls.then(lambda: product(calls.x.mT, out=out))
    else:
        calls.then(product, calls.out[source], out=out)


def linear_back(calls: Any, k: int, grad: Tensor) -> None:
    (source,) = calls.program[k].sources
    weight, weight_grad = (calls.nets.part(k, "weight", grad=of) for of in (False, True))
    bias_grad = calls.nets.part(k, "bias", grad=True)
    if source < 0:
        calls.back(lambda: torch.bmm(grad, calls.x, out=weight_grad))
    else:
        calls.back(torch.bmm, grad, calls.out[source].mT, out=weight_grad)
    if bias_grad is not None:
        calls.back(torch.sum, grad, 2, keepdim=True, out=bias_grad)
    calls.send(
        source,
        lambda out: calls.back(torch.bmm, weight.mT, grad, out=out),
        lambda out: calls.back(out.baddbmm_, weight.mT, grad),
    )


# --- one value for each value


def activate(calls: Any, k: int) -> None:
    kind, (x,), out = calls.program[k].kind, _sources(calls, k), calls.out[k]
    if calls.inside[k]:
        calls.then(ACTIVATIONS[kind], out)
    else:
        calls.then(ACTIVATED[kind], x, out=out)


def activate_back(calls: Any, k: int, grad: Tensor) -> None:
    slope, (source,) = SLOPES[calls.program[k].kind], calls.program[k].sources
    if calls.free(source) and calls.own[k]:
        calls.back(slope, grad, calls.out[k], grad_input=grad)
        calls.hand(k, source)
    else:
        calls.send(source, lambda out: calls.back(slope, grad, calls.out[k], grad_input=out))


def _times(calls: Any, k: int, factor: Tensor, grad: Tensor) -> None:
    """The way back of y = x · factor."""
    source = calls.program[k].sources[0]
    if calls.free(source) and calls.own[k]:
        calls.back(grad.mul_, factor)
        calls.hand(k, source)
    else:
        calls.send(
            source,
            lambda out: calls.back(torch.mul, grad, factor, out=out),
            lambda out: calls.back(out.addcmul_, grad, factor),
        )


def scale(calls: Any, k: int) -> None:
    calls.then(torch.mul, *_sources(calls, k), calls.nets.values[k], out=calls.out[k])


def scale_back(calls: Any, k: int, grad: Tensor) -> None:
    _times(calls, k, calls.nets.values[k], grad)


def rezero(calls: Any, k: int) -> None:
    """y = α x with a learned α."""
    calls.then(torch.mul, *_sources(calls, k), calls.nets.part(k, "scale"), out=calls.out[k])


def rezero_back(calls: Any, k: int, grad: Tensor) -> None:
    part = calls.spare(calls.program[k].channels)
    calls.back(torch.mul, grad, *_sources(calls, k), out=part)
    alpha_grad = calls.nets.part(k, "scale", grad=True)
    calls.back(torch.sum, part, (1, 2), keepdim=True, out=alpha_grad)
    calls.release(part)
    _times(calls, k, calls.nets.part(k, "scale"), grad)


def dropout(calls: Any, k: int) -> None:
    """y = x / (1 - p) where a number of the documented stream is below 1 - p, else 0."""
    calls.masks[k] = mask = torch.empty_like(calls.out[k])
    calls.then(torch.mul, *_sources(calls, k), mask, out=calls.out[k])


def dropout_back(calls: Any, k: int, grad: Tensor) -> None:
    _times(calls, k, calls.masks[k], grad)


def stochastic_depth(calls: Any, k: int) -> None:
    """y = x in a net whose branch takes part in the step, else 0."""
    calls.survivals[k] = factor = torch.empty(calls.count, 1, 1, **calls.nets.like)
    calls.then(torch.mul, *_sources(calls, k), factor, out=calls.out[k])


def stochastic_depth_back(calls: Any, k: int, grad: Tensor) -> None:
    _times(calls, k, calls.survivals[k], grad)


def complement(calls: Any, k: int) -> None:
    """1 - x"""
    (x,), out = _sources(calls, k), calls.out[k]
    calls.then(lambda: torch.neg(x, out=out).add_(1))


def complement_back(calls: Any, k: int, grad: Tensor) -> None:
    calls.send(
        calls.program[k].sources[0],
        lambda out: calls.back(torch.neg, grad, out=out),
        lambda out: calls.back(out.sub_, grad),
    )


def constant(calls: Any, k: int) -> None:
    """The same number everywhere; written once."""
    calls.out[k].copy_(calls.nets.values[k])


def constant_back(calls: Any, k: int, grad: Tensor) -> None:
    """Nothing flows through a number."""


# --- joins


def add(calls: Any, k: int) -> None:
    calls.then(torch.add, *_sources(calls, k), out=calls.out[k])


def add_back(calls: Any, k: int, grad: Tensor) -> None:
    sources = calls.program[k].sources
    heir = next((source for source in sources if calls.free(source)), None)
    for source in sources:
        if source != heir:
            calls.send(
                source,
                lambda out: calls.back(out.copy_, grad),
                lambda out: calls.back(out.add_, grad),
            )
    if heir is not None:
        calls.hand(k, heir)


def multiply(calls: Any, k: int) -> None:
    calls.then(torch.mul, *_sources(calls, k), out=calls.out[k])


def multiply_back(calls: Any, k: int, grad: Tensor) -> None:
    first, second = calls.program[k].sources
    for source, other in ((first, second), (second, first)):
        if calls.program[source].kind != "constant":
            calls.send(
                source,
                lambda out, by=calls.out[other]: calls.back(torch.mul, grad, by, out=out),
                lambda out, by=calls.out[other]: calls.back(out.addcmul_, grad, by),
            )


def concat(calls: Any, k: int) -> None:
    """What it joins lies side by side already."""


def concat_back(calls: Any, k: int, grad: Tensor) -> None:
    start = 0
    for source in calls.program[k].sources:
        channels = calls.program[source].channels
        calls.grad[source] = grad[:, start : start + channels]
        start += channels


# --- normalisation


def norm(calls: Any, k: int) -> None:
    """BatchNorm: each channel of each net with mean and variance of its B values."""
    nets, (x,) = calls.nets, _sources(calls, k)
    module, out = nets.modules[0][k], calls.out[k]
    rows = calls.count * calls.program[k].channels
    seen, made = (_one_after_the_other(each).view(1, rows, -1) for each in (x, out))
    if seen.data_ptr() != x.data_ptr():
        calls.then(seen.view(x.shape).copy_, x)
    gain, shift = (nets.part(k, name).view(rows) for name in ("weight", "bias"))
    mean, root = (torch.empty(rows, **nets.like) for _ in range(2))
    calls.normalised[k] = seen, gain, mean, root
    running = nets.running[k].view(2, rows)
    calls.then(
        aten.native_batch_norm.out, seen, gain, shift, running[0], running[1], True,
        module.momentum, module.eps, out=made, save_mean=mean, save_invstd=root,
    )  # fmt: skip
    if made.data_ptr() != out.data_ptr():
        calls.then(out.copy_, made.view(out.shape))


def _one_after_the_other(x: Tensor) -> Tensor:
    """x itself, or room for it, without gaps."""
    return x if x.is_contiguous() else torch.empty(x.shape, dtype=x.dtype, device=x.device)


def norm_back(calls: Any, k: int, grad: Tensor) -> None:
    nets, (source,), eps = calls.nets, calls.program[k].sources, calls.nets.modules[0][k].eps
    seen, gain, mean, root = calls.normalised[k]
    gain_grad, shift_grad = (nets.part(k, n, grad=True).view(-1) for n in ("weight", "bias"))

    def way_back(put: Any, shape: torch.Size) -> None:
        x, scaled, plain = aten.native_batch_norm_backward.default(
            grad.reshape(seen.shape), seen, gain, None, None, mean, root, True, eps, [True] * 3
        )
        put(x.view(shape))
        gain_grad.copy_(scaled)
        shift_grad.copy_(plain)

    calls.send(
        source,
        lambda out: calls.back(way_back, out.copy_, out.shape),
        lambda out: calls.back(way_back, out.add_, out.shape),
    )


def layer_norm(calls: Any, k: int) -> None:
    """Each sample of each net with mean and variance of its C values."""
    (x,), out, eps = _sources(calls, k), calls.out[k], calls.nets.modules[0][k].eps
    gain, shift = (calls.nets.part(k, name) for name in ("weight", "bias"))
    even, (mean, root) = torch.empty_like(out), (torch.empty_like(out[:, :1]) for _ in range(2))
    calls.normalised[k] = even, gain, root

    def normalise() -> None:
        torch.mean(x, 1, keepdim=True, out=mean)
        torch.sub(x, mean, out=even)
        torch.mul(even, even, out=out)
        torch.mean(out, 1, keepdim=True, out=root).add_(eps).rsqrt_()
        even.mul_(root)
        torch.addcmul(shift, even, gain, out=out)

    calls.then(normalise)


def layer_norm_back(calls: Any, k: int, grad: Tensor) -> None:
    (source,), (even, gain, root) = calls.program[k].sources, calls.normalised[k]
    gain_grad, shift_grad = (calls.nets.part(k, n, grad=True) for n in ("weight", "bias"))
    part = calls.spare(calls.program[k].channels)

    def way_back(out: Tensor) -> None:
        torch.mul(grad, even, out=part)
        torch.sum(part, 2, keepdim=True, out=gain_grad)
        torch.sum(grad, 2, keepdim=True, out=shift_grad)
        mean_by = part.mul_(gain).mean(1, keepdim=True)
        torch.mul(grad, gain, out=out)
        out.sub_(out.mean(1, keepdim=True)).addcmul_(even, mean_by, value=-1).mul_(root)

    calls.send(source, lambda out: calls.back(way_back, out))
    calls.release(part)


FORWARD: dict[str, Any] = {
    **dict.fromkeys(ACTIVATIONS, activate), "linear": linear, "norm": norm,
    "layer_norm": layer_norm, "scale": scale,
    "rezero": rezero, "dropout": dropout, "stochastic_depth": stochastic_depth,
    "complement": complement, "constant": constant, "add": add, "multiply": multiply,
    "concat": concat,
}  # fmt: skip

BACKWARD: dict[str, Any] = {
    **dict.fromkeys(ACTIVATIONS, activate_back), "linear": linear_back, "norm": norm_back,
    "layer_norm": layer_norm_back,
    "scale": scale_back, "rezero": rezero_back, "dropout": dropout_back,
    "stochastic_depth": stochastic_depth_back,
    "complement": complement_back, "constant": constant_back, "add": add_back,
    "multiply": multiply_back, "concat": concat_back,
}  # fmt: skip
