"""`docs/batches.md` rebuilds every batch: its code is executed as it stands, NumPy alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.datafiles import cache, splitting
from skipviz.engine.batches import Batches
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.precise_layers import depths
from skipviz.engine.stacked import Stack
from skipviz.engine.stacked.drawn import Drawn
from skipviz.engine.training import Training

PAGE = Path(__file__).parents[2] / "docs" / "batches.md"
CPU = torch.device("cpu")
DENSE = Lane(family="plain", knobs={"backbone": "dense", "depth": 5, "drop_rate": 0.3})


@pytest.fixture(autouse=True)
def without_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its masks are nowhere to be read; tests of its own compare it with the stacked engine."""
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The functions that the page shows."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert "skipviz" not in code and re.findall(r"import (\w+)", code) == ["numpy"]
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return names


@pytest.mark.parametrize(
    "fields",
    [{}, {"subset": 20}, {"pool": 2}, {"label_noise": 0.4}]
    + [{"augment": how, "data": "shapes"} for how in ("crop", "flip", "both")],
    ids=str,
)
def test_the_page_rebuilds_the_batches_of_a_training(
    fields: dict[str, Any], page: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    learn = Stack.learn
    monkeypatch.setattr(
        Stack,
        "learn",
        lambda self, x, y, *more: seen.append((x[0], y[0])) or learn(self, x, y, *more),
    )
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 2, "drop_rate": 0.1})
    of = Experiment(
        lanes=[lane], steps=25 if "subset" in fields else 3, seed=7, device="cpu", **fields
    )
    list(Training(of).frames())
    images, labels, *_ = cache.arrays(of.data, of.seed)
    if of.subset:
        rows = page["subset"](labels, of.subset)
        images, labels = images[rows], labels[rows]
    images = page["pooled"](np.asarray(images), of.pool)
    assert len(seen) == of.steps
    for step, (x, y) in enumerate(seen):
        ours, taught = page["batch"](
            images, labels, step, 7, augment=of.augment, label_noise=of.label_noise
        )
        np.testing.assert_allclose(x.view(ours.shape).numpy(), ours, atol=1e-6)
        np.testing.assert_array_equal(y.numpy(), taught)


@pytest.mark.parametrize("seed", [0, 5])
def test_the_page_rebuilds_what_is_held_out(seed: int, page: dict[str, Any]) -> None:
    labels = np.random.default_rng(0).integers(0, 4, 99)
    for ours, theirs in zip(
        page["split"](labels, 6, seed), splitting.rows(labels, 6, seed), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


LANES = [DENSE, Lane(family="highway", knobs={"backbone": "fitnet", "depth": 10})]


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.family)
def test_the_page_rebuilds_what_dropout_drops_at_each_step_and_layer(
    lane: Lane, page: dict[str, Any]
) -> None:
    data = "shapes" if lane.family == "highway" else "digits"
    of = Experiment(lanes=[lane], data=data, batch_size=8, seed=3, device="cpu")
    trainer, batches = NetTrainer(of, lane, 1, CPU), Batches(of, CPU)
    kept: list[tuple[nn.Dropout, torch.Tensor, torch.Tensor]] = []
    for module in trainer.net.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda m, x, y: kept.append((m, x[0].detach(), y)))
    for step in (0, 4):
        kept.clear()
        trainer.learn(*batches.batch(step, trainer.seed), step, False)
        assert len(kept) >= 2
        for k, (module, x, y) in enumerate(kept):
            mask = page["dropout"](tuple(x.shape), module.p, step, 4, k)
            np.testing.assert_allclose(y.detach().numpy(), x.numpy() * mask, rtol=1e-5)
            assert module.p / 2 < (mask == 0).mean() < 2 * module.p


def test_the_page_rebuilds_what_a_stack_drops_for_each_of_its_nets(page: dict[str, Any]) -> None:
    of = Experiment(lanes=[DENSE], batch_size=8, seed=3, seeds=2, steps=3, device="cpu")
    training = Training(of)
    list(training.frames())
    ((stack, _),) = training.stacks
    assert isinstance(stack, Stack) and isinstance(stack.body, Drawn) and stack.body._calls
    masks = stack.body._calls.masks
    assert len(masks) >= 2
    for number, (_, mask) in enumerate(sorted(masks.items())):
        for i, seed in enumerate((3, 4)):
            expected = page["dropout"]((8, mask.shape[1]), 0.3, 2, seed, number)
            np.testing.assert_allclose(mask[i].T.numpy(), expected, rtol=1e-6)


DEPTH = Lane(family="resnet", knobs={"backbone": "dense", "depth": 25, "survival": 0.4})
ALIKE = Lane(family="resnet", knobs=DEPTH.knobs | {"survival_rule": "uniform"})


@pytest.mark.parametrize("lane", [DEPTH, ALIKE], ids=["linear", "uniform"])
def test_the_page_rebuilds_which_branches_take_part_in_a_step(
    lane: Lane, page: dict[str, Any]
) -> None:
    of = Experiment(lanes=[lane], batch_size=8, seed=3, device="cpu")
    trainer, batches = NetTrainer(of, lane, 1, CPU), Batches(of, CPU)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    for layer in depths(trainer.net):
        layer.register_forward_hook(lambda m, x, y: seen.append((x[0].detach(), y.detach())))
    rule = "linear" if lane is DEPTH else "uniform"
    shares = [page["survival"](0.4, unit, 12, rule) for unit in range(1, 13)]
    survivors = []
    for step in (0, 4):
        seen.clear()
        trainer.learn(*batches.batch(step, trainer.seed), step, False)
        survivors.append([page["survives"](p, step, 4, k) for k, p in enumerate(shares)])
        for (x, y), survives in zip(seen, survivors[-1], strict=True):
            assert x.abs().max() > 0 and torch.equal(y, x if survives else torch.zeros_like(x))
    assert survivors[0] != survivors[1] and 2 <= sum(map(sum, survivors)) <= 22


def test_the_page_rebuilds_which_branches_of_each_net_a_stack_leaves_out(
    page: dict[str, Any],
) -> None:
    of = Experiment(lanes=[DEPTH, ALIKE], batch_size=8, seed=3, seeds=2, steps=3, device="cpu")
    training = Training(of)
    list(training.frames())
    ((stack, members),) = training.stacks
    assert isinstance(stack, Stack) and isinstance(stack.body, Drawn) and stack.body._calls
    factors = stack.body._calls.survivals
    assert len(factors) == 12 and len(members) == 4
    for k, (_, factor) in enumerate(sorted(factors.items())):
        for i, trainer in enumerate(members):
            share = page["survival"](0.4, k + 1, 12, "linear" if i < 2 else "uniform")
            assert float(factor[i]) == page["survives"](share, 2, trainer.seed, k)
