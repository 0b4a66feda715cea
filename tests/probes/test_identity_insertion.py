"""Identities inserted into a trained net: exact with ReLU, not with tanh, and asked of no other."""

from __future__ import annotations

from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.engine.trained import restore
from skipviz.engine.training import Training
from skipviz.figures.answers import of
from skipviz.probes.identity_insertion import NOISE, PROBE, _deeper
from skipviz.store.lane_axes import families, labels

DENSE = {"backbone": "dense", "depth": 3, "init": "he"}
LANES = [
    Lane(family="plain", knobs=DENSE),
    Lane(family="plain", knobs=DENSE | {"activation": "tanh"}),
    Lane(family="plain", knobs=DENSE | {"norm": "batch"}),
    Lane(family="resnet", knobs=DENSE),
]
EXPERIMENT = Experiment(lanes=LANES, steps=150, lr=0.03)


@pytest.fixture(scope="module")
def answer() -> dict[str, Any]:
    training = Training(EXPERIMENT)
    for _ in training.frames():
        pass
    trained = restore(EXPERIMENT, training.state(), training.batches, 0)
    before = {name: value.clone() for name, value in trained.nets[0].state_dict().items()}
    measured = PROBE.measure(trained, **PROBE.options({"insert": 4, "steps": 40}))
    after = trained.nets[0].state_dict()
    assert all(value.equal(after[name]) for name, value in before.items())
    return measured


def test_a_relu_net_with_identities_says_exactly_what_it_said(answer: dict[str, Any]) -> None:
    relu = answer["lanes"][0]
    assert (relu["depth"], relu["deeper"]) == (3, 7)
    assert relu["difference"] == 0
    assert relu["loss"] == relu["loss_deeper"] < 0.5
    assert relu["accuracy"] == relu["accuracy_deeper"]
    assert relu["noisy"][0] == pytest.approx(relu["accuracy"], abs=1e-5)


def test_large_noise_on_the_inserted_weights_destroys_it(answer: dict[str, Any]) -> None:
    noisy = answer["lanes"][0]["noisy"]
    assert len(noisy) == len(NOISE) == len(answer["noise"])
    assert noisy[-1] < 0.5 < noisy[1]


def test_with_tanh_the_inserted_layer_is_no_identity(answer: dict[str, Any]) -> None:
    tanh = answer["lanes"][1]
    assert tanh["difference"] > 0.01 and tanh["loss_deeper"] > tanh["loss"]


def test_training_on_goes_on_learning(answer: dict[str, Any]) -> None:
    curve = answer["lanes"][0]["curve"]
    assert len(curve) == 40 and min(curve[-25:]) < curve[0]
    assert answer["lanes"][0]["tuned"] == pytest.approx(sum(curve[-5:]) / 5, rel=1e-4)


def test_training_goes_on_at_the_rate_at_which_the_schedule_ended() -> None:
    """A cosine has come down to next to nothing: what it trains on for moves next to nothing."""
    experiment = Experiment(lanes=LANES[:1], steps=60, lr=0.03)
    tuned = {}
    for schedule in ("constant", "cosine"):
        training = Training(experiment.with_(schedule=schedule))
        for _ in training.frames():
            pass
        trained = restore(training.experiment, training.state(), training.batches, 0)
        deeper = _deeper(trained, 0, 2)
        start = [weight.detach().clone() for weight in deeper.parameters()]
        trained.losses_of(deeper, trained.step, 5)
        moved = zip(deeper.parameters(), start, strict=True)
        tuned[schedule] = max(float((now.detach() - then).abs().max()) for now, then in moved)
    assert tuned["cosine"] < tuned["constant"] / 100


def test_only_plain_nets_without_normalisation_are_asked_and_the_figure_skips_others(
    answer: dict[str, Any],
) -> None:
    assert answer["lanes"][2] is None and answer["lanes"][3] is None
    lanes = list(zip(labels(EXPERIMENT), families(EXPERIMENT), strict=True))
    for dark in (False, True):
        figure = of("identity_insertion")([answer, answer], lanes, dark)
        assert {trace.legendgroup for trace in figure.data} == {lanes[0][0], lanes[1][0]}
