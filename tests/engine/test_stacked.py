"""The stacked engine holds the same numbers as the reference modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.fields import FIELDS
from skipviz.engine.batches import Batches
from skipviz.engine.grouping import stackable
from skipviz.engine.instruments import Instruments
from skipviz.engine.nets import make_net
from skipviz.engine.optimise import clip, optimiser
from skipviz.engine.precise_layers import carefully
from skipviz.engine.stacked import Stack, shape_of
from skipviz.engine.stacked.program import Step, places
from skipviz.engine.training import Training
from tests.models.nets import VARIANTS


@pytest.fixture(autouse=True)
def without_the_fused_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")


CASES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "pair": [("resnet", {}), ("resnet", {"plain_twin": True})],
    "one-layer branches": [("resnet", {"branch_layers": 1}), ("plain", {})],
    "a layer left over": [("resnet", {"depth": 8})],
    "tanh": [
        ("resnet", {"activation": "tanh", "init": "glorot"}),
        ("plain", {"activation": "tanh"}),
    ],
    "sigmoid": [("resnet", {"activation": "sigmoid", "init": "orthogonal"})],
    "he": [("plain", {"init": "he"}), ("plain", {"init": "torch_default"})],
    "highway": [("highway", {}), ("highway", {"gate_bias": 1.0})],
    "highway relu": [("highway", {"activation": "relu", "init": "he"})],
    "highway twin": [("highway", {"plain_twin": True})],
    "gates half open": [("highway", {"gate": 0.5}), ("highway", {"gate": 0.5, "gate_bias": 1.0})],
    "gates fixed, relu": [("highway", {"gate": 0.3, "carry": 1.0, "activation": "relu"})],
    "a residual net as highway": [
        ("highway", {"gate": 1.0, "carry": 1.0, "init": "glorot"}),
        ("resnet", {"variant": "relu_before_add", "branch_layers": 1, "activation": "tanh"}),
    ],
    "one layer": [("plain", {"depth": 1})],
}

DRAWN: dict[str, list[tuple[str, dict[str, Any]]]] = {
    **{
        f"{variant}{', BatchNorm' if norm == 'batch' else ''}": [
            ("resnet", {"variant": variant, "norm": norm, "depth": 8}),
            ("resnet", {"variant": variant, "norm": norm, "depth": 8, "init": "he"}),
        ]
        for variant in VARIANTS
        for norm in ("none", "batch")
        if (variant, norm) != ("original", "none")
    },
    "short branches": [("resnet", {"variant": "full_preact", "branch_layers": 1})],
    "twin of a pre-activation net": [
        ("resnet", {"variant": "full_preact", "plain_twin": True, "activation": "tanh"})
    ],
    "ReZero": [("resnet", {"branch_scale": "rezero"})],
    "ReZero, pre-activation": [
        ("resnet", {"branch_scale": "rezero", "variant": "full_preact", "norm": "batch"})
    ],
    "zero branches": [("resnet", {"branch_scale": "zero_init", "norm": "batch"})],
    "scaled branches": [
        ("resnet", {"branch_scale": "inv_sqrt_depth"}),
        ("resnet", {"branch_scale": 0.3}),
    ],
    "plain, BatchNorm": [
        ("plain", {"norm": "batch", "init": "he"}),
        ("plain", {"norm": "batch", "init": "orthogonal"}),
    ],
    "LayerNorm": [
        ("resnet", {"norm": "layer"}),
        ("resnet", {"norm": "layer", "init": "he"}),
    ],
    "LayerNorm, pre-activation": [("resnet", {"norm": "layer", "variant": "full_preact"})],
    "highway, LayerNorm": [("highway", {"norm": "layer"})],
    "DenseNet, LayerNorm": [
        ("densenet", {"growth_rate": 4, "norm": "layer"}),
        ("densenet", {"growth_rate": 4, "norm": "layer"}),
    ],
    "one layer, BatchNorm": [("plain", {"norm": "batch", "depth": 1})],
    "sigmoid, BatchNorm": [("plain", {"norm": "batch", "activation": "sigmoid"})],
    "highway, BatchNorm": [("highway", {"norm": "batch"}), ("highway", {"norm": "batch"})],
    "free gates": [("highway", {"carry": "learned", "gate_bias": -1.0})],
    "half-free gates": [("highway", {"gate": 0.5, "carry": "learned"})],
    "gates fixed, BatchNorm": [("highway", {"gate": 0.4, "norm": "batch"})],
    "highway twin, BatchNorm": [("highway", {"plain_twin": True, "norm": "batch"})],
    "dropout": [("plain", {"drop_rate": 0.2}), ("plain", {"drop_rate": 0.5, "init": "he"})],
    "dropout, BatchNorm": [("plain", {"drop_rate": 0.1, "norm": "batch", "activation": "tanh"})],
    "stochastic depth": [
        ("resnet", {"survival": 0.4}),
        ("resnet", {"survival": 0.8, "init": "he"}),
        ("resnet", {"survival": 0.6, "survival_rule": "uniform"}),
    ],
    "stochastic depth, BatchNorm": [
        ("resnet", {"survival": 0.4, "variant": "full_preact", "norm": "batch"})
    ],
    "stochastic depth behind an activation": [
        ("resnet", {"survival": 0.5, "variant": "relu_before_add", "branch_layers": 1})
    ],
    "stochastic depth, scaled branches": [
        ("resnet", {"survival": 0.5, "branch_scale": "rezero", "norm": "layer"})
    ],
    "DenseNet": [
        ("densenet", {"growth_rate": 5}),
        ("densenet", {"growth_rate": 5, "init": "glorot"}),
    ],
    "DenseNet, bottlenecks": [("densenet", {"growth_rate": 3, "bottleneck": True, "depth": 8})],
    "DenseNet, BatchNorm": [
        ("densenet", {"growth_rate": 4, "bottleneck": True, "norm": "batch"}),
        ("densenet", {"growth_rate": 4, "bottleneck": True, "norm": "batch"}),
    ],
}
"""Nets that are computed as they are drawn."""


def lanes(case: str) -> list[Lane]:
    base = {"backbone": "dense", "depth": 7}
    return [
        Lane(family=family, knobs=base | ({} if family == "densenet" else {"width": 12}) | knobs)
        for family, knobs in (CASES | DRAWN)[case]
    ]


def drawn_from(seed: int, step: int, key: tuple[int, ...]) -> np.random.Generator:
    return np.random.default_rng([seed, step, *key])


def reference(experiment: Experiment, lane: Lane, steps: int) -> tuple[np.ndarray, Any]:
    """The readings of every step and the net, by autograd through the reference module."""
    feed = Batches(experiment, torch.device("cpu"))
    net = make_net(lane, experiment.dataset, experiment.seed).double()
    wiring = lane.wiring(experiment.dataset)
    instruments = Instruments(net, wiring)
    update = optimiser(experiment, list(net.parameters()))
    rows, step = [], 0
    carefully(net, last=False, half=False, draw=lambda *key: drawn_from(experiment.seed, step, key))
    for step in range(steps):
        x, y = feed.batch(step, experiment.seed)
        instruments.watch()
        logits = net(x.double())
        loss = torch.nn.functional.cross_entropy(logits, y)
        net.zero_grad(set_to_none=True)
        loss.backward()
        error = (logits.argmax(1) != y).double().mean()
        head = torch.stack([loss.detach(), error])
        rows.append(torch.cat([head, instruments.reading()]).numpy())
        if experiment.clip:
            clip(list(net.parameters()), experiment.clip)
        update.step()
    return np.array(rows), net


@pytest.mark.parametrize("kind", FIELDS["optimiser"].choices)
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_equal_those_of_the_modules(case: str, kind: str) -> None:
    fields: dict[str, Any] = {"weight_decay": 0.001, "optimiser": kind, "batch_size": 32}
    compare(Experiment(lanes=lanes(case), lr=0.01, **fields))


@pytest.mark.parametrize("case", DRAWN)
def test_twenty_steps_of_a_net_as_it_is_drawn_equal_those_of_the_modules(case: str) -> None:
    compare(Experiment(lanes=lanes(case), lr=0.01, weight_decay=0.001, batch_size=32))


@pytest.mark.parametrize("kind", ["nesterov", "adam", "adamw"])
@pytest.mark.parametrize("case", ["ReZero, pre-activation", "DenseNet, BatchNorm"])
def test_any_optimiser_moves_all_parameters_of_a_drawn_net(case: str, kind: str) -> None:
    compare(Experiment(lanes=lanes(case), lr=0.01, weight_decay=0.001, optimiser=kind))


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("case", ["pair", "highway", "plain, BatchNorm", "DenseNet"])
def test_each_net_of_a_stack_is_clipped_by_its_own_norm_as_the_modules_are(
    case: str, kind: str
) -> None:
    lr = 0.05 if kind == "sgd" else 0.002
    made = Experiment(lanes=lanes(case), lr=lr, clip=0.3, optimiser=kind, batch_size=32)
    shown = compare(made)
    free = compare(made.with_(clip=0.0))
    np.testing.assert_array_equal(shown[0], free[0])  # what is shown is before clipping
    assert not np.allclose(shown[5], free[5], rtol=1e-3)


def compare(experiment: Experiment) -> np.ndarray:
    """Twenty steps of an experiment's stack against those of its modules; the stack's readings."""
    shapes = [shape_of(lane, experiment) for lane in experiment.lanes]
    assert all(shape == shapes[0] is not None for shape in shapes) or not shapes[0].program
    nets = [make_net(lane, experiment.dataset, 0).double() for lane in experiment.lanes]
    wirings = [lane.wiring(experiment.dataset) for lane in experiment.lanes]
    stack = Stack(experiment, nets, wirings, [shape for shape in shapes if shape])
    feed = Batches(experiment, torch.device("cpu"))
    # where a gradient is 0 but for rounding, Adam divides that by its ε of 1e-8
    noise = 1e-9 if experiment.optimiser.startswith("adam") else 1e-12
    rows = []
    for step in range(20):
        x, y = feed.batch(step, 0)
        n = len(nets)
        x = x.double().flatten(1).expand(n, -1, -1)
        finite, reads = stack.learn(x, y.expand(n, -1), measure=True, step=step)
        assert finite.all()
        rows.append(reads)
    stack.write()
    for i, lane in enumerate(experiment.lanes):
        expected, net = reference(experiment, lane, 20)
        np.testing.assert_allclose(np.array([row[i] for row in rows]), expected, rtol=1e-9)
        for name, weight in nets[i].state_dict().items():
            expected_weight = net.state_dict()[name]
            torch.testing.assert_close(weight, expected_weight, rtol=1e-9, atol=noise)
    return np.array([np.concatenate(row) for row in rows])


def test_what_it_does_not_claim_is_left_to_the_modules() -> None:
    grouped = Lane(family="resnext", knobs={"backbone": "cifar", "depth": 11})
    assert shape_of(grouped, Experiment(lanes=[grouped])) is None
    drawn = lanes("DenseNet")[0]
    of = Experiment(lanes=[drawn])
    assert stackable(drawn, of, torch.device("cpu")) == shape_of(drawn, of) is not None
    assert stackable(drawn, of, torch.device("cuda")) is None


CONCAT = Step("concat", (0, 1), 8)
LINEAR = Step("linear", (-1,), 4), Step("linear", (0,), 4)
ODD: dict[str, tuple[Step, ...]] = {
    "read again after it": (*LINEAR, CONCAT, Step("add", (1, 1), 4), Step("linear", (2,), 3)),
    "in the other order": (*LINEAR, Step("concat", (1, 0), 8), Step("concat", (0, 2), 12)),
}


@pytest.mark.parametrize("name", ODD)
def test_a_concatenation_that_cannot_lie_side_by_side_is_not_claimed(name: str) -> None:
    assert places((*LINEAR, CONCAT, Step("linear", (2,), 3))) is not None
    assert places(ODD[name]) is None


def test_a_drawing_that_leaves_a_parameter_out_is_refused() -> None:
    (lane,) = lanes("ReZero")
    of = Experiment(lanes=[lane])
    net, wiring, shape = make_net(lane, of.dataset, 0), lane.wiring(of.dataset), shape_of(lane, of)
    assert shape is not None
    net.extra = torch.nn.Parameter(torch.zeros(3))
    with pytest.raises(ValueError, match="does not show all of its parameters"):
        Stack(of, [net], [wiring], [shape])


SHOWN = ("signal_gradient_norm", "weight_gradient_norm", "activation_scale", "gate_mean")
WHOLE: dict[str, dict[str, Any]] = {
    "sigmoid, BatchNorm": {"evaluate_every": 2},
    "full_preact, BatchNorm": {"evaluate_every": 3},
    "dropout": {"seeds": 2},
    "stochastic depth, BatchNorm": {"seeds": 2, "evaluate_every": 2},
    "highway, LayerNorm": {},
    "free gates": {"optimiser": "adam", "lr": 0.001},
    "DenseNet, BatchNorm": {"evaluate_every": 3},
}


def trained(of: Experiment, engine: str, monkeypatch: pytest.MonkeyPatch) -> Training:
    """A training whose nets stand in stacks or are all left to the modules."""
    with monkeypatch.context() as patch:
        if engine == "modules":
            patch.setattr("skipviz.engine.training.stackable", lambda *args: None)
        made = Training(of)
    assert set(made.engines) == {engine}
    return made


def whole(case: str) -> Experiment:
    fields: dict[str, Any] = {"lr": 0.01, "batch_size": 32} | WHOLE[case]
    return Experiment(lanes=lanes(case), steps=6, device="cpu", **fields)


def assert_same(frames: list[Any], expected: list[Any]) -> None:
    """Readings to the rounding of float32, of every net and step."""
    assert len(frames) == len(expected) > 0
    for frame, other in zip(frames, expected, strict=True):
        for lane, wanted in zip(frame.lanes, other.lanes, strict=True):
            np.testing.assert_allclose(lane.loss, wanted.loss, rtol=2e-4)
            assert (lane.held_out_loss is None) == (wanted.held_out_loss is None)
            if wanted.held_out_loss is not None:
                np.testing.assert_allclose(lane.held_out_loss, wanted.held_out_loss, rtol=2e-4)
            for name in SHOWN:
                np.testing.assert_allclose(getattr(lane, name), getattr(wanted, name), rtol=2e-3)
            if wanted.output_map is not None:
                np.testing.assert_allclose(lane.output_map, wanted.output_map, atol=2e-3)


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_training_gets_the_frames_that_the_modules_get(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = (trained(whole(case), engine, monkeypatch) for engine in ("stacked", "modules"))
    assert_same(list(ours.frames()), list(theirs.frames()))
    for trainers, others in zip(ours.state()["lanes"], theirs.state()["lanes"], strict=True):
        for saved, other in zip(trainers, others, strict=True):
            for name, value in other["net"].items():
                torch.testing.assert_close(saved["net"][name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("first", "second"), [("stacked", "modules"), ("modules", "stacked")])
@pytest.mark.parametrize("case", WHOLE)
def test_either_goes_on_from_the_others_checkpoint(
    case: str, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, unbroken = (trained(whole(case), first, monkeypatch) for _ in range(2))
    steps = begun.steps()
    for _ in range(3):
        next(steps)
    continued = trained(whole(case), second, monkeypatch)
    continued.load(begun.state())
    assert_same(list(continued.frames()), list(unbroken.frames())[3:])


def test_a_checkpoint_from_before_the_first_step_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    of = whole("sigmoid, BatchNorm")
    fresh, unbroken = trained(of, "stacked", monkeypatch), trained(of, "stacked", monkeypatch)
    fresh.load(trained(of, "modules", monkeypatch).state())
    assert_same(list(fresh.frames()), list(unbroken.frames()))


@pytest.mark.parametrize("case", WHOLE)
def test_the_bits_depend_on_no_number_of_threads_outside(case: str) -> None:
    threads, losses = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            losses.append([frame.lanes[0].loss for frame in Training(whole(case)).frames()])
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*losses)


@pytest.mark.parametrize("case", WHOLE)
def test_a_drawn_net_keeps_its_numbers_whatever_stands_beside_it(case: str) -> None:
    of = whole(case)
    alone = of.with_(lanes=of.lanes[:1])
    beside = of.with_(lanes=[of.lanes[-1], lanes("pair")[0], of.lanes[0]])
    ours = [replace(frame, lanes=frame.lanes[2:]) for frame in Training(beside).frames()]
    assert_same(ours, list(Training(alone).frames()))


def test_a_lane_keeps_its_numbers_whatever_stands_in_its_stack() -> None:
    deep = {"backbone": "dense", "depth": 9}
    alone = Experiment(lanes=[Lane(family="resnet", knobs=deep)], steps=30, device="cpu")
    others = [
        Lane(family="resnet", knobs=deep | {"plain_twin": True}),
        Lane(family="plain", knobs=deep),
        Lane(family="resnet", knobs=deep | {"branch_layers": 1}),
    ]
    beside = alone.with_(lanes=[*others, *alone.lanes])
    training = Training(beside)
    assert sorted(len(trainers) for _, trainers in training.stacks) == [1, 3]
    ours = [frame.lanes[3].loss for frame in training.frames()]
    np.testing.assert_allclose(ours, [f.lanes[0].loss for f in Training(alone).frames()], rtol=1e-4)


@pytest.mark.parametrize("drawn", [{}, {"drop_rate": 0.1}], ids=["layers", "drawn"])
@pytest.mark.parametrize("kind", FIELDS["optimiser"].choices)
def test_a_net_that_diverges_leaves_its_neighbours_and_its_own_weights_alone(
    kind: str, drawn: dict[str, Any]
) -> None:
    deep = {"backbone": "dense", "depth": 6, "init": "he"}
    other = Lane(family="plain" if drawn else "resnet", knobs=deep | drawn | {"init": "glorot"})
    lanes = [Lane(family="plain", knobs=deep | drawn), other]
    experiment = Experiment(lanes=lanes, lr=3.0, steps=40, weight_decay=0.01, device="cpu")
    training = Training(experiment)
    frames = list(training.frames())
    dead = [i for i in range(2) if frames[-1].lanes[i].diverged_at is not None]
    assert dead, "this learning rate is meant to be too large for one of them"
    (stack, _), *_ = training.stacks
    before = [weight.clone() for weight in stack.weights.parts]
    x, y = training.batches.batch(0, 0)
    stack.learn(x.flatten(1).expand(2, -1, -1), y.expand(2, -1), measure=True)
    for i in dead:
        for weight, old in zip(stack.weights.parts, before, strict=True):
            mine, expected = weight.select(-3, i), old.select(-3, i)
            torch.testing.assert_close(mine, expected, equal_nan=True, rtol=0, atol=0)
