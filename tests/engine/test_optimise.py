"""The updates equal those of torch.optim."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.fields import FIELDS
from skipviz.engine.optimise import clip, optimiser


def twins() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    made = [torch.randn(shape, dtype=torch.float64) for shape in ((3, 4), (5,), (2, 2, 3, 3))]
    return [t.clone().requires_grad_() for t in made], [t.clone().requires_grad_() for t in made]


def pair(name: str, weight_decay: float, ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Our optimiser and torch's, by the same name."""
    lanes = [Lane(family="plain")]
    fields: dict[str, Any] = {"lr": 0.01, "weight_decay": weight_decay}
    momentum = 0.0 if name == "no momentum" else 0.9
    kind = "sgd" if name == "no momentum" else name
    mine = optimiser(Experiment(lanes=lanes, optimiser=kind, momentum=momentum, **fields), ours)
    if kind in ("sgd", "nesterov"):
        sgd = torch.optim.SGD(theirs, momentum=momentum, nesterov=kind == "nesterov", **fields)
        return mine, sgd
    return mine, {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](theirs, **fields)


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("name", ["no momentum", *FIELDS["optimiser"].choices])
def test_twenty_steps_equal_those_of_torch(name: str, weight_decay: float) -> None:
    torch.manual_seed(0)
    ours, theirs = twins()
    mine, other = pair(name, weight_decay, ours, theirs)
    for _ in range(20):
        for weights in (ours, theirs):
            for weight in weights:
                weight.grad = None
            sum((w.sin() * w).sum() for w in weights).backward()
        mine.step()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["no momentum", *FIELDS["optimiser"].choices])
def test_an_update_told_by_tensors_equals_the_step_told_by_the_host(name: str) -> None:
    torch.manual_seed(0)
    ours, theirs = twins()
    by_tensors, by_host = pair(name, 0.01, ours, theirs)[0], pair(name, 0.01, theirs, ours)[0]
    for step in range(20):
        rate = 2.0 ** -(6 + step % 3)  # float32 holds it exactly
        by_host.lr = rate
        for weights in (ours, theirs):
            for weight in weights:
                weight.grad = None
            sum((w.sin() * w).sum() for w in weights).backward()
        by_tensors.update(torch.tensor(rate), torch.tensor(step + 1.0), torch.tensor(0.0))
        by_host.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["no momentum", *FIELDS["optimiser"].choices])
def test_where_a_net_has_ended_no_update_moves_its_weights_or_their_averages(name: str) -> None:
    weights, other = twins()
    made = pair(name, 0.01, weights, other)[0]
    for weight in weights:
        weight.grad = torch.full_like(weight, float("nan"))
    made.update(torch.tensor(0.1), torch.tensor(1.0), torch.tensor(1.0))
    for a, b in zip(weights, other, strict=True):
        assert torch.equal(a, b)
    kept = [value for value in made.state().values() if isinstance(value, list)]
    assert kept and all(not tensor.any() for tensors in kept for tensor in tensors)


@pytest.mark.parametrize("most", [1e-3, 0.5, 1e6])
def test_a_clipped_gradient_equals_that_of_torch_and_is_left_alone_below_the_bound(
    most: float,
) -> None:
    torch.manual_seed(0)
    ours, theirs = twins()
    for a, b in zip(ours, theirs, strict=True):
        a.grad, b.grad = a.detach().clone(), b.detach().clone()
    clip(ours, most)
    torch.nn.utils.clip_grad_norm_(theirs, most)
    grads = [a.grad for a in ours if a.grad is not None]
    for mine, other in zip(grads, [b.grad for b in theirs], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=0)  # torch adds 1e-6 to the norm
    assert torch.cat([g.flatten() for g in grads]).norm() <= most * (1 + 1e-12)


def test_a_gradient_of_nothing_is_clipped_to_nothing() -> None:
    weights = [torch.zeros(3, requires_grad=True)]
    weights[0].grad = torch.zeros(3)
    clip(weights, 1.0)
    assert weights[0].grad.tolist() == [0, 0, 0]
