"""Norms are right at every size on every device, and a device without float64 is sent none.

No such device is at hand: the CPU stands for it, told that it has no float64, and every operation
that takes or makes a tensor of float64 is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from skipviz import engine
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import probe
from skipviz.engine import exact_sums
from skipviz.engine.batches import Batches
from skipviz.engine.choices import Choices
from skipviz.engine.cuda_graph import GraphedSteps
from skipviz.engine.fused.stack import FusedStack
from skipviz.engine.stacked import Stack
from skipviz.engine.trained import Trained, restore

SIZES = [1e-43, 1e-38, 3.5e-21, 1e-19, 1e-17, 1e-14, 1.0, 1e15, 1e18, 1e30]


class NoFloat64(TorchDispatchMode):
    """Refuses every tensor of float64."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for each in tree_leaves((args, kwargs, made)):
            if isinstance(each, torch.Tensor) and each.dtype == torch.float64:
                raise TypeError(f"{func}: this device has no float64")
        return made


@pytest.fixture
def without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU has no float64, but where something says that it is done on the CPU."""

    @contextmanager
    def apart() -> Iterator[None]:
        with _disable_current_modes():
            yield

    monkeypatch.setattr(exact_sums, "WITHOUT_FLOAT64", {"cpu"})
    monkeypatch.setattr(exact_sums, "on_cpu", apart)
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")


def values(shape: tuple[int, ...]) -> torch.Tensor:
    """One slice of random values for each of the sizes."""
    found = torch.randn(len(SIZES), *shape, generator=torch.Generator().manual_seed(0)).double()
    sizes = torch.tensor(SIZES, dtype=torch.float64)
    return (found * sizes.view(-1, *[1] * len(shape))).float()


def test_norms_without_float64_are_those_of_float64_at_every_size(without_float64: None) -> None:
    of = values((3, 5, 7))
    expected = [float(np.linalg.norm(each)) for each in of.numpy().astype(np.float64)]
    with NoFloat64():
        found = exact_sums.on_host(exact_sums.norms(list(of)))
        rows = exact_sums.on_host(exact_sums.norms_of(of.flatten(1)[:, None]))
        apart = exact_sums.on_host(exact_sums.norms_of(of))
        together = float(exact_sums.joint(list(of[:3])))
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-6)
    np.testing.assert_allclose(rows[1:], expected[1:], rtol=1e-6)
    assert found[0] == pytest.approx(expected[0], abs=2e-45)  # float32 has no smaller number
    assert together == pytest.approx(np.linalg.norm(expected[:3]), rel=1e-6)
    inner = np.linalg.norm(of.numpy().astype(np.float64), axis=(2, 3))
    np.testing.assert_allclose(apart[1:], inner[1:], rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, float("inf"), float("nan")])
def test_a_norm_without_float64_says_what_no_number_can_hold(
    value: float, without_float64: None
) -> None:
    of = torch.tensor([[3.0, value, 4.0]])
    expected = [5.0] if value == 0 else [value]
    np.testing.assert_array_equal(exact_sums.on_host(exact_sums.norms([of])), expected)
    assert float(exact_sums.joint([torch.zeros(3)])) == 0


DENSE = [
    Lane(family="resnet", knobs={"backbone": "dense", "depth": 6}),
    Lane(family="highway", knobs={"backbone": "dense", "depth": 6}),
    Lane(family="highway", knobs={"backbone": "dense", "depth": 6, "gate": 0.5}),
    Lane(family="plain", knobs={"backbone": "dense", "depth": 6, "norm": "batch"}),
]
CONVOLUTIONAL = [
    Lane(family="highway", knobs={"backbone": "cifar", "depth": 10}),
    Lane(family="densenet", knobs={"backbone": "cifar", "depth": 10}),
    Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8}),
]

DRAWING = [
    Lane(family="plain", knobs={"backbone": "dense", "depth": 5, "norm": "layer"}),
    Lane(family="plain", knobs={"backbone": "dense", "depth": 5, "drop_rate": 0.3}),
    Lane(family="resnet", knobs={"backbone": "dense", "depth": 5, "survival": 0.6}),
    Lane(family="highway", knobs={"backbone": "fitnet", "depth": 19, "dropout": True}),
    Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8, "survival": 0.6}),
]
"""With layer norm, dropout and stochastic depth, in stacks and as modules."""


def experiment(lanes: list[Lane], **fields: Any) -> Experiment:
    given = {"steps": 3, "batch_size": 16, "subset": 20, "clip": 0.5, "evaluate_every": 2}
    return Experiment(lanes=lanes, device="cpu", **(given | fields))


def finite(frames: list[Any]) -> bool:
    """Was everything measured, in NumPy's float64?"""
    lanes = [lane for frame in frames for lane in frame.lanes]
    assert all(lane.signal_gradient_norm.dtype == np.float64 for lane in lanes)
    return all(np.isfinite(lane.weight_gradient_norm).all() for lane in lanes)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_engines_maps_and_evaluation_send_no_float64_to_a_device_without_it(
    optimiser: str, without_float64: None
) -> None:
    of = experiment([*DENSE[:3], CONVOLUTIONAL[0]], optimiser=optimiser, augment="both")
    with NoFloat64():
        training = engine.Training(of)
        frames = list(training.frames())
    assert training.engines == ["stacked"] * 3 + ["modules"]
    assert finite(frames) and frames[-1].lanes[0].held_out_loss is not None
    assert frames[0].lanes[1].gate_map is not None and frames[0].lanes[3].gate_map is not None


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [DRAWING[:3], DRAWING[3:]], ids=["dense", "convolutional"])
def test_what_drops_and_what_normalises_layers_send_no_float64_to_a_device_without_it(
    lanes: list[Lane], without_float64: None
) -> None:
    with NoFloat64():
        frames = list(engine.train(experiment(lanes, data="shapes", evaluate_every=0)))
    assert len(frames) == 3 and finite(frames)


def test_the_choices_of_a_class_send_no_float64_to_a_device_without_it(
    without_float64: None,
) -> None:
    of = [experiment(DENSE[:2], clip=0.0, lr=lr) for lr in (0.01, 0.1)]
    with NoFloat64():
        ended = [outcome for _, some in Choices(of).train() for outcome in some]
    assert sorted(outcome["choice"] for outcome in ended) == [0, 1]
    assert all(np.isfinite(loss) for outcome in ended for loss in outcome["losses"])


@pytest.mark.slow
def test_a_recorded_step_sends_no_float64_to_a_device_without_it(without_float64: None) -> None:
    with NoFloat64():
        training = engine.Training(experiment([*CONVOLUTIONAL, DENSE[3]]))
        training._graphed = GraphedSteps(
            training._module_trainers, training.batches, lambda body: body
        )
        frames = list(training.frames())
    assert len(frames) == 3 and finite(frames)


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Nets that training left: of every family and backbone that probes tell apart."""
    of = experiment([DENSE[1], DENSE[0], CONVOLUTIONAL[1]], steps=20)
    training = engine.Training(of)
    list(training.frames())
    return restore(of, training.state(), Batches(of, training.device), 0)


OPTIONS: dict[str, dict[str, Any]] = {
    "classify": {"pixels": "00" * 64},
    "landscape": {"points": 3, "samples": 8},
    "paths": {"samples": 4, "draws": 1},
    "shattering": {"lines": 1},
}
"""Of what would take long under a mode that looks at every operation, little."""


@pytest.mark.slow
@pytest.mark.parametrize("key", list(registry.probes()))
def test_a_probe_sends_no_float64_to_a_device_without_it_and_answers_as_ever(
    key: str, trained: Trained, without_float64: None
) -> None:
    declared = probe(key)
    options = declared.options(OPTIONS.get(key, {}))
    expected = declared.measure(trained, **options)
    with NoFloat64():
        same(declared.measure(trained, **options), expected)


def same(found: Any, expected: Any) -> None:
    """The same numbers to five digits, however deep they stand."""
    assert type(found) is type(expected)
    if isinstance(found, dict):
        assert list(found) == list(expected)
        found, expected = list(found.values()), list(expected.values())
    if isinstance(found, (list, tuple)):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(found, float):
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6, nan_ok=True)
    else:
        assert found == expected


def test_what_refuses_float64_sees_it_come_and_go() -> None:
    wide, narrow = torch.ones(2, dtype=torch.float64), torch.ones(2)
    with NoFloat64():
        for act in (lambda: narrow.double(), lambda: wide.sum(), lambda: wide.float()):
            with pytest.raises(TypeError, match="no float64"):
                act()
        narrow.sum()


@pytest.mark.parametrize("scale", [1e-10, 1e-23])
def test_vanished_gradients_of_a_net_are_the_same_with_and_without_float64(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 30})

    def norms() -> np.ndarray:
        training = engine.Training(experiment([lane], steps=1, clip=0.0, evaluate_every=0))
        for stack, _ in training.stacks:
            assert isinstance(stack, Stack) and not isinstance(stack, FusedStack)
            stack.weights.parts[-2].mul_(scale)
        (frame,) = training.frames()
        return frame.lanes[0].signal_gradient_norm

    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    expected = norms()
    assert 0 < expected[0] < 1e-11 * scale
    monkeypatch.setattr(exact_sums, "WITHOUT_FLOAT64", {"cpu"})
    np.testing.assert_allclose(norms(), expected, rtol=1e-5)
