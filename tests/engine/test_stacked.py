"""The stacked engine holds the same numbers as the reference modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.fields import FIELDS
from skipviz.engine.batches import Batches
from skipviz.engine.instruments import Instruments
from skipviz.engine.nets import make_net
from skipviz.engine.optimise import clip, optimiser
from skipviz.engine.stacked import Stack, shape_of
from skipviz.engine.training import Training


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


def lanes(case: str) -> list[Lane]:
    base = {"backbone": "dense", "depth": 7, "width": 12}
    return [Lane(family=family, knobs=base | knobs) for family, knobs in CASES[case]]


def reference(experiment: Experiment, lane: Lane, steps: int) -> tuple[np.ndarray, Any]:
    """The readings of every step and the net, by autograd through the reference module."""
    feed = Batches(experiment, torch.device("cpu"))
    net = make_net(lane, experiment.dataset, experiment.seed).double()
    wiring = lane.wiring(experiment.dataset)
    instruments = Instruments(net, wiring)
    update = optimiser(experiment, list(net.parameters()))
    rows = []
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


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("case", ["pair", "highway"])
def test_each_net_of_a_stack_is_clipped_by_its_own_norm_as_the_modules_are(
    case: str, kind: str
) -> None:
    made = Experiment(lanes=lanes(case), lr=0.05, clip=0.3, optimiser=kind, batch_size=32)
    shown = compare(made)
    free = compare(made.with_(clip=0.0))
    np.testing.assert_array_equal(shown[0], free[0])  # what is shown is before clipping
    assert not np.allclose(shown[5], free[5], rtol=1e-3)


def compare(experiment: Experiment) -> np.ndarray:
    """Twenty steps of an experiment's stack against those of its modules; the stack's readings."""
    shapes = [shape_of(lane, experiment) for lane in experiment.lanes]
    assert all(shape is not None for shape in shapes)
    nets = [make_net(lane, experiment.dataset, 0).double() for lane in experiment.lanes]
    wirings = [lane.wiring(experiment.dataset) for lane in experiment.lanes]
    stack = Stack(experiment, nets, wirings, [shape for shape in shapes if shape])
    feed = Batches(experiment, torch.device("cpu"))
    rows = []
    for step in range(20):
        x, y = feed.batch(step, 0)
        n = len(nets)
        x = x.double().flatten(1).expand(n, -1, -1)
        finite, reads = stack.learn(x, y.expand(n, -1), measure=True)
        assert finite.all()
        rows.append(reads)
    stack.write()
    for i, lane in enumerate(experiment.lanes):
        expected, net = reference(experiment, lane, 20)
        np.testing.assert_allclose(np.array([row[i] for row in rows]), expected, rtol=1e-9)
        for name, weight in nets[i].state_dict().items():
            torch.testing.assert_close(weight, net.state_dict()[name], rtol=1e-9, atol=1e-12)
    return np.array([np.concatenate(row) for row in rows])


@pytest.mark.parametrize(
    ("family", "knobs"),
    [
        ("resnet", {"variant": "full_preact"}),
        ("resnet", {"norm": "batch"}),
        ("resnet", {"branch_scale": "rezero"}),
        ("highway", {"carry": "learned"}),
        ("highway", {"gate": 0.5, "carry": "learned"}),
        ("densenet", {}),
        ("plain", {"drop_rate": 0.1}),
        ("resnet", {"backbone": "cifar", "depth": 8}),
    ],
)
def test_what_it_does_not_claim_is_left_to_the_modules(family: str, knobs: dict[str, Any]) -> None:
    lane = Lane(family=family, knobs={"backbone": "dense", "depth": 7} | knobs)
    assert shape_of(lane, Experiment(lanes=[lane])) is None


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


@pytest.mark.parametrize("kind", FIELDS["optimiser"].choices)
def test_a_net_that_diverges_leaves_its_neighbours_and_its_own_weights_alone(kind: str) -> None:
    deep = {"backbone": "dense", "depth": 6, "init": "he"}
    lanes = [Lane(family="plain", knobs=deep), Lane(family="resnet", knobs=deep)]
    experiment = Experiment(lanes=lanes, lr=3.0, steps=40, weight_decay=0.01, device="cpu")
    training = Training(experiment)
    frames = list(training.frames())
    dead = [i for i in range(2) if frames[-1].lanes[i].diverged_at is not None]
    assert dead, "this learning rate is meant to be too large for one of them"
    (stack, _), *_ = training.stacks
    before = [weight.clone() for weight in stack.weights]
    x, y = training.batches.batch(0, 0)
    stack.learn(x.flatten(1).expand(2, -1, -1), y.expand(2, -1), measure=True)
    for i in dead:
        torch.testing.assert_close(stack.stem[i], before[0][i], equal_nan=True, rtol=0, atol=0)
