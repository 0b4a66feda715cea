"""The updates equal those of torch.optim."""

from __future__ import annotations

import pytest
import torch

from skipviz.engine.optimise import Adam, Sgd


def twins() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    made = [torch.randn(shape, dtype=torch.float64) for shape in ((3, 4), (5,), (2, 2, 3, 3))]
    return [t.clone().requires_grad_() for t in made], [t.clone().requires_grad_() for t in made]


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam"])
def test_twenty_steps_equal_those_of_torch(name: str, weight_decay: float) -> None:
    torch.manual_seed(0)
    ours, theirs = twins()
    if name == "adam":
        mine: Sgd | Adam = Adam(ours, 0.01, weight_decay)
        other: torch.optim.Optimizer = torch.optim.Adam(theirs, 0.01, weight_decay=weight_decay)
    else:
        momentum = 0.9 if name == "momentum" else 0.0
        mine = Sgd(ours, 0.01, weight_decay, momentum)
        other = torch.optim.SGD(theirs, 0.01, momentum=momentum, weight_decay=weight_decay)
    for _ in range(20):
        for weights in (ours, theirs):
            for weight in weights:
                weight.grad = None
            sum((w.sin() * w).sum() for w in weights).backward()
        mine.step()
        other.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
