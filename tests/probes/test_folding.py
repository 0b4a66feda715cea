"""Skips folded into weights, beside steps by hand; what no matrix gives, beside NumPy's fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import probe
from skipviz.engine.hooks import sample_batch
from skipviz.engine.trained import Trained, restore
from skipviz.engine.training import Training
from skipviz.figures.answers import of
from skipviz.store.lane_axes import families, labels

DENSE = {"backbone": "dense", "depth": 6, "branch_layers": 1}
LANES = [
    Lane(family="resnet", knobs=DENSE),
    Lane(family="resnet", knobs=DENSE | {"branch_layers": 2}),
    Lane(family="resnet", knobs=DENSE | {"plain_twin": True}),
]
STEPS = 20


def _trained(lanes: list[Lane], **fields: Any) -> Trained:
    given = {"steps": STEPS, "lr": 0.02, "device": "cpu", "seed": 5} | fields
    training = Training(Experiment(lanes=lanes, **given))
    for _ in training.frames():
        pass
    return restore(training.experiment, training.state(), training.batches, 0)


def _asked(trained: Trained, **options: Any) -> list[Any]:
    declared = probe("folding")
    lanes: list[Any] = trained.ask(declared, {"steps": STEPS, "samples": 300} | options)["lanes"]
    return lanes


@pytest.fixture(scope="module")
def trained() -> Trained:
    return _trained(LANES)


@pytest.fixture(scope="module")
def lanes(trained: Trained) -> list[Any]:
    return _asked(trained)


def _by_hand(trained: Trained, decay: float, start: float) -> list[float]:
    """Losses of lane 0 in NumPy, written down as relu(V x + b) with V = W + I: decay pulls V to
    `start` times I."""
    state = {k: v.double().numpy().copy() for k, v in trained.fresh(0).state_dict().items()}
    keys = list(state)
    weights = [state[key] for key in keys if state[key].ndim == 2]
    biases = [state[key] for key in keys if state[key].ndim == 1]
    eyes = [np.eye(len(w)) if 0 < i < len(weights) - 1 else 0 * w for i, w in enumerate(weights)]
    for weight, eye in zip(weights, eyes, strict=True):
        weight += eye
    speed = [np.zeros_like(each) for each in weights + biases]
    losses = []
    for step in range(STEPS):
        images, labels_ = trained.batches.batch(step, trained.seed)
        x, y = images.flatten(1).double().numpy(), labels_.numpy()
        signals = [x]
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            signals.append(np.maximum(signals[-1] @ weight.T + bias, 0))
        logits = signals[-1] @ weights[-1].T + biases[-1]
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        losses.append(float(-np.log(shares[np.arange(len(y)), y]).mean()))
        back = shares.copy()
        back[np.arange(len(y)), y] -= 1
        back /= len(y)
        grads: list[Any] = [None] * len(speed)
        for i in range(len(weights) - 1, -1, -1):
            pull = decay * (weights[i] - start * eyes[i])
            grads[i] = back.T @ signals[i] + pull
            grads[len(weights) + i] = back.sum(0) + decay * biases[i]
            back = (back @ weights[i]) * (signals[i] > 0)
        for value, v, grad in zip(weights + biases, speed, grads, strict=True):
            v *= trained.experiment.momentum
            v += grad
            value -= trained.experiment.lr * v
    return losses


def test_both_nets_make_the_steps_that_were_made_by_hand(
    trained: Trained, lanes: list[Any]
) -> None:
    by_hand = _by_hand(trained, 0.0, 0.0)
    assert by_hand[-1] < by_hand[0] - 0.3
    np.testing.assert_allclose(lanes[0]["with_skips"], by_hand, rtol=6e-6)
    np.testing.assert_allclose(lanes[0]["folded"], by_hand, rtol=6e-6)
    assert max(lanes[0]["distance"]) < 1e-12 and lanes[0]["weights"] < 1e-12


def test_weight_decay_pulls_the_one_to_its_skips_and_the_other_to_nothing() -> None:
    decayed = _trained(LANES[:1], weight_decay=0.3)
    (lane,) = _asked(decayed)
    np.testing.assert_allclose(lane["with_skips"], _by_hand(decayed, 0.3, 1.0), rtol=6e-6)
    np.testing.assert_allclose(lane["folded"], _by_hand(decayed, 0.3, 0.0), rtol=6e-6)
    assert lane["distance"][0] < 1e-12 and lane["distance"][-1] > 0.05


@pytest.mark.parametrize("optimiser", ["nesterov", "adam", "adamw"])
def test_optimisers_that_see_gradients_alone_make_the_same_steps(optimiser: str) -> None:
    fields = {"optimiser": optimiser, "lr": 0.002, "weight_decay": 0.0}
    (lane,) = _asked(_trained(LANES[:1], **fields))
    assert max(lane["distance"]) < 1e-10
    if optimiser == "adamw":
        (decayed,) = _asked(_trained(LANES[:1], **(fields | {"weight_decay": 1.0})))
        assert decayed["distance"][-1] > 1e-3


def test_in_float32_they_begin_together_up_to_its_rounding(trained: Trained) -> None:
    distance = _asked(trained, precision="float32")[0]["distance"]
    assert 1e-9 < max(distance[:10]) < 1e-5


def test_what_a_matrix_leaves_of_a_branch_is_what_numpy_leaves(
    trained: Trained, lanes: list[Any]
) -> None:
    x, _ = sample_batch(trained, 300)
    net: Any = trained.nets[1].double()
    with torch.no_grad():
        x = net.stem(x.double())
        for unit, left in zip(net.stages[0][:2], lanes[1]["left"], strict=True):
            first, last = unit.branch[0], unit.branch[-1]
            branch = torch.relu(x @ first.weight.T + first.bias) @ last.weight.T + last.bias
            centred, wanted = ((each - each.mean(0)).numpy() for each in (x, branch))
            basis, sizes, _ = np.linalg.svd(centred, full_matrices=False)
            basis = basis[:, sizes > 1e-9 * sizes[0]]
            rest = wanted - basis @ (basis.T @ wanted)
            assert left == pytest.approx(np.linalg.norm(rest) / np.linalg.norm(wanted), rel=1e-4)
            x = torch.relu(x + branch)
    net.float()
    assert min(lanes[1]["left"] + lanes[1]["left_init"]) > 0.05
    assert max(lanes[0]["left"] + lanes[0]["left_init"]) < 1e-10


def test_too_few_samples_say_nothing_of_a_fit(trained: Trained) -> None:
    few = _asked(trained, samples=51, steps=1)
    assert few[1]["left"] == [None, None] and not few[1]["folds"]


@pytest.mark.parametrize(
    ("knobs", "folds"),
    [
        ({"norm": "batch"}, False),
        ({"variant": "relu_before_add"}, False),
        ({"branch_scale": "inv_sqrt_depth"}, False),
        ({"activation": "tanh"}, True),
        ({"backbone": "cifar", "depth": 8}, None),
    ],
)
def test_a_branch_that_is_more_than_one_layer_does_not_fold(
    knobs: dict[str, Any], folds: bool | None
) -> None:
    lane = Lane(family="resnet", knobs=DENSE | knobs)
    training = Training(Experiment(lanes=[lane], device="cpu"))
    at_init = restore(training.experiment, training.state(), training.batches, 0)
    (answer,) = _asked(at_init, steps=2)
    assert answer is None if folds is None else answer["folds"] is folds
    if folds:
        assert max(answer["distance"]) < 1e-12


def test_only_what_has_skips_around_dense_layers_is_asked_and_the_figure_skips_others(
    trained: Trained, lanes: list[Any]
) -> None:
    assert lanes[0]["folds"] and "folded" not in lanes[1]
    assert lanes[2] is None
    named = list(zip(labels(trained.experiment), families(trained.experiment), strict=True))
    for dark in (False, True):
        figure = of("folding")([{"lanes": lanes}, {"lanes": lanes}], named, dark)
        names = {trace.legendgroup for trace in figure.data}
        assert names == {"with skips", "without, from W + I", "distance", named[1][0]}
        nothing = of("folding")([{"lanes": [None] * 3}], named, dark)
        assert not nothing.data
