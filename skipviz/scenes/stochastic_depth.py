"""Stochastic depth: what does a net learn whose branches are absent half of the time?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import (
    Ask,
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    Series,
    norms_off,
    number,
    ratio,
    seed_dots,
)

DEPTH, SURVIVAL = 51, 0.5
_KNOBS = DENSE | {"depth": DEPTH, "init": "he", "norm": "batch"}
_ALWAYS, _LINEAR, _UNIFORM = range(3)
_NETS = ("always all", "linear rule", "half of them")


def _there(evidence: Evidence, lane: int) -> list[dict[str, Any]]:
    """The lesions' answer of a lane, seed by seed."""
    return [answer["lanes"][lane] for answer in evidence.ask("lesion")]


def _whole(lane: int) -> Callable[[Evidence], list[float]]:
    """Accuracy of the trained net with all its branches, on training samples."""
    return lambda evidence: [number(there["base"]["accuracy"]) for there in _there(evidence, lane)]


def _half(lane: int) -> Callable[[Evidence], list[float]]:
    """Accuracy without a random half of the branches, the same for every net."""
    return lambda evidence: [number(there["half"]["accuracy"]) for there in _there(evidence, lane)]


def _lost(evidence: Evidence, lane: int) -> np.ndarray:
    """Accuracy that is lost with each branch taken out alone: (S, U)."""
    whole = np.array(_whole(lane)(evidence))
    without = [there["accuracy"] for there in _there(evidence, lane)]
    return whole[:, None] - np.array(without, float)


def _rise(lane: int) -> Callable[[Evidence], list[float]]:
    """By how much the loss rises with one branch taken out, mean over the branches."""

    def measure(evidence: Evidence) -> list[float]:
        return [
            float(np.mean(np.array(there["loss"], float))) - number(there["base"]["loss"])
            for there in _there(evidence, lane)
        ]

    return measure


def _first_gradient(lane: int) -> Callable[[Evidence], list[float]]:
    """The gradient's norm before the first unit at init, in the step that was drawn."""
    return lambda evidence: [
        float(v) for v in evidence.history("signal_gradient_norm", lane)[0, :, 0]
    ]


def _half_chart(evidence: Evidence) -> Chart:
    series = [seed_dots(name, _half(lane)(evidence), "resnet") for lane, name in enumerate(_NETS)]
    names = list(_NETS)
    guess = 1 / evidence.experiment().dataset.num_classes
    series.append(Series("guessing", names, [guess] * len(names), dashed=True))
    return Chart(
        "Half of the branches are taken out of the trained net",
        "branches that took part in training",
        "accuracy on training samples",
        series,
        note="one dot per seed; the same branches are taken out of each net",
    )


def _lost_chart(evidence: Evidence) -> Chart:
    depth = evidence.ask("lesion")[0]["lanes"][0]["depth"]
    series = [
        Series(
            name,
            depth,
            [100 * float(v) for v in final.median(_lost(evidence, lane))],
            "resnet",
        )
        for lane, name in enumerate(_NETS)
    ]
    return Chart(
        "One branch at a time is taken out",
        "layer",
        "percentage points lost",
        series,
        note="of the accuracy on training samples; median over seeds",
    )


def _correct_choice(evidence: Evidence) -> int:
    always, uniform = (float(np.median(_half(i)(evidence))) for i in (_ALWAYS, _UNIFORM))
    return 1 if uniform - always > 0.2 else 0 if uniform < 0.7 else 2


def _numbers(evidence: Evidence) -> dict[str, float | int]:
    numbers: dict[str, float | int] = {}
    for name, lane in (("always", _ALWAYS), ("linear", _LINEAR), ("uniform", _UNIFORM)):
        numbers[name] = round(100 * float(np.median(_whole(lane)(evidence))))
        numbers[f"{name}_half"] = round(100 * float(np.median(_half(lane)(evidence))))
    gradient = ratio(_first_gradient(_UNIFORM)(evidence), _first_gradient(_ALWAYS)(evidence))
    return numbers | {"gradient": round(float(np.median(gradient)), 2)}


SCENE = Scene(
    title="Stochastic depth",
    question="In every training step a coin decides for each branch of a residual net whether it "
    "takes part. When training is over we take half of the branches out for good. What is left?",
    choices=(
        "nearly nothing, as of a net that trained with all of them",
        "nearly all, while a net that trained with all of them loses much",
        "nearly all in both",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_KNOBS),
                Lane(family="resnet", knobs=_KNOBS | {"survival": SURVIVAL}),
                Lane(
                    family="resnet",
                    knobs=_KNOBS | {"survival": SURVIVAL, "survival_rule": "uniform"},
                ),
            ],
            steps=300,
            lr=0.03,
            seeds=3,
            record_every=3,
        )
    },
    asks=(Ask("lesion", "lesion", {"samples": 1000}), Ask("check", "cross_check")),
    figures=(
        Figure("live", "All three learn; the coin makes a curve rough.", panels=("loss",)),
        Figure("chart", "Half of the branches are gone: compare the dots.", chart=_half_chart),
        Figure("chart", "One branch at a time: which net notices?", chart=_lost_chart),
    ),
    expects=(
        Expectation(
            "With all branches every net knows its training samples",
            lambda evidence: [
                min(accuracies)
                for accuracies in zip(*(_whole(i)(evidence) for i in range(3)), strict=True)
            ],
            at_least=0.9,
            over="every",
        ),
        Expectation(
            "The usual net loses a quarter of it or more without half of its branches",
            _half(_ALWAYS),
            at_most=0.75,
        ),
        Expectation(
            "The net whose branches took part half of the time keeps nearly all",
            _half(_UNIFORM),
            at_least=0.85,
        ),
        Expectation(
            "The paper's linear rule, by which early branches nearly always take part, keeps more "
            "than the usual net",
            lambda evidence: [
                linear - always
                for linear, always in zip(
                    _half(_LINEAR)(evidence), _half(_ALWAYS)(evidence), strict=True
                )
            ],
            at_least=0.05,
        ),
        Expectation(
            "and less than the uniform rule",
            lambda evidence: [
                uniform - linear
                for uniform, linear in zip(
                    _half(_UNIFORM)(evidence), _half(_LINEAR)(evidence), strict=True
                )
            ],
            at_least=0.05,
        ),
        Expectation(
            "A single branch is missed far less",
            lambda evidence: ratio(_rise(_ALWAYS)(evidence), _rise(_UNIFORM)(evidence)),
            at_least=4,
            unit="× less",
        ),
        Expectation(
            "The gradient that reaches the first unit at init is not larger for it",
            lambda evidence: ratio(
                _first_gradient(_UNIFORM)(evidence), _first_gradient(_ALWAYS)(evidence)
            ),
            at_most=1,
            over="every",
            unit="×",
        ),
        Expectation(
            "The norms shown of the usual net are those of autograd in float64",
            lambda evidence: norms_off(evidence, "check", [_ALWAYS]),
            at_most=0.01,
            over="every",
            unit="off",
        ),
    ),
    headline=2,
    saw="Of the samples that it knows, {always} %, the usual net keeps {always_half} % without "
    "half of its branches; with the linear rule {linear_half} % of {linear} %, with half of the "
    "branches in every step {uniform_half} % of {uniform} %. The gradient at the first unit at "
    "init is {gradient} times the usual net's.",
    numbers=_numbers,
    misconception="“Stochastic depth trains deep nets because short nets have stronger gradients.” "
    "In this net the gradient at the first unit is smaller for it, not larger. What it changes is "
    "that no branch may rely on another one being there.",
    caveat="A small fully connected net, few steps and training samples only: nothing is said here "
    "about its error on new ones, for which the paper recommends it, nor about gradients late in "
    "training. Here all branches are computed and some are multiplied by 0, so no time is saved; "
    "programs that leave them out save their share. The paper's rule keeps early branches nearly "
    "always; the uniform one shows the effect more strongly and trains more slowly.",
    sources=(
        ("Huang et al. 2016, Deep Networks with Stochastic Depth", "abstract"),
        ("Veit et al. 2016, Residual Networks Behave Like Ensembles", "abstract"),
    ),
    seconds=30,
    notes="We have taken units out of a trained net before; it complained, but lived. Now we train "
    "for it. In each step toss a coin for every branch: heads, it takes part; tails, the unit only "
    "hands on its input. In testing all branches are there, each scaled by how often it took part. "
    "Vote: when training is over, I take half of the branches out, for good. Run: three nets of "
    "the same size. The first always had all its branches. The second follows the paper's rule: "
    "the early ones nearly always, the last one half of the time. The third tosses a fair coin for "
    "each. All three learn the task. Now the dots: the first net falls apart, the third hardly "
    "notices. It was never allowed to count on any one of them. And look at a common claim, that "
    "the gradient arrives better because the net is shorter: in this net, at the start, it does "
    "not. The effect is real, the reason is another one.",
    exercises=(
        (
            "A net has n branches, and each takes part with probability p. How many take part on "
            "average, and how many different nets are trained?",
            "On average $n p$; each subset of the branches is a net, so $2^n$ of them, which share "
            "their weights.",
        ),
        (
            "Why is each branch multiplied by its survival p in testing?",
            "In training the next unit sees the branch with probability p, so p times it on "
            "average. With all branches at full size the sum would be larger than anything it was "
            "trained on.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "one_batch",
        "no_batchnorm",
        "gradients_exchanged",
        "norms_times_batch",
        "scale_off",
    ),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
    },
    order=20,
    proof_seed=3000,
)
