"""The thought experiment of degradation done for real: identity layers in a trained net."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
    number,
    ratio,
)

DEPTH, INSERTED, STEPS, MORE = 6, 15, 400, 300
_HE = DENSE | {"init": "he"}
_NOISE_AT = 0.1
"""The noise, as a standard deviation, that the expectation speaks of."""


def _asked(name: str) -> Callable[[Evidence], list[float]]:
    return lambda evidence: [number(a["lanes"][0][name]) for a in evidence.ask("insert")]


def _noisy(evidence: Evidence) -> list[float]:
    answers = evidence.ask("insert")
    place = answers[0]["noise"].index(_NOISE_AT)
    return [number(answer["lanes"][0]["noisy"][place]) for answer in answers]


def _scratch(evidence: Evidence) -> list[float]:
    return evidence.final("loss", 0, "scratch")


def _losses(evidence: Evidence) -> Chart:
    rows = {
        "trained, shallow": _asked("loss")(evidence),
        "made deeper by identities": _asked("loss_deeper")(evidence),
        "the same, trained on": _asked("tuned")(evidence),
        "as deep, from scratch": _scratch(evidence),
    }
    series = [
        Series(name, [name] * len(losses), losses, "plain", "dots") for name, losses in rows.items()
    ]
    return Chart(
        "The same deep net, reached two ways",
        "net",
        "training loss (nats)",
        [Series("", one.x, one.y, one.family, one.style) for one in series],
        log_y=True,
        note="the first two on the same training samples; the others: mean of the last batches",
    )


def _correct_choice(evidence: Evidence) -> int:
    return 0 if float(np.median(_asked("difference")(evidence))) < 1e-3 else 1


def _numbers(evidence: Evidence) -> dict[str, float]:
    def middle(values: list[float]) -> float:
        return float(np.median(values))

    return {
        "difference": middle(_asked("difference")(evidence)),
        "accuracy": round(100 * middle(_asked("accuracy")(evidence)), 1),
        "accuracy_deeper": round(100 * middle(_asked("accuracy_deeper")(evidence)), 1),
        "noise": _NOISE_AT,
        "noisy": round(100 * middle(_noisy(evidence))),
        "tuned": float(f"{middle(_asked('tuned')(evidence)):.2g}"),
        "scratch": float(f"{middle(_scratch(evidence)):.2g}"),
    }


SCENE = Scene(
    title="Identity layers",
    question="We train a plain net, then insert 15 layers that do nothing: W = I, b = 0. What "
    "happens to its training error?",
    choices=("nothing at all", "it gets a little worse", "the net is destroyed"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[Lane(family="plain", knobs=_HE | {"depth": DEPTH})],
            steps=STEPS,
            lr=0.003,
            seeds=3,
        ),
        "scratch": Experiment(
            lanes=[Lane(family="plain", knobs=_HE | {"depth": DEPTH + INSERTED})],
            steps=STEPS + MORE,
            lr=0.003,
            seeds=3,
        ),
    },
    asks=(Ask("insert", "identity_insertion", {"insert": INSERTED, "steps": MORE}),),
    figures=(
        Figure("live", "The shallow net learns.", panels=("loss",)),
        Figure("probe", "Without noise nothing is lost, with a little all is.", ask="insert"),
        Figure("chart", "The same net, reached two ways: two losses.", chart=_losses),
    ),
    expects=(
        Expectation(
            "The shallow net has learned its training samples",
            _asked("accuracy"),
            at_least=0.95,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "The deeper net gives exactly the same logits",
            _asked("difference"),
            at_most=1e-5,
            over="every",
        ),
        Expectation(
            "Noise on the inserted weights destroys it",
            lambda evidence: ratio(_noisy(evidence), _asked("accuracy")(evidence)),
            at_most=0.6,
            unit="of the accuracy",
        ),
        Expectation(
            "Trained on from there, the deep net gets better",
            lambda evidence: ratio(_asked("tuned")(evidence), _asked("loss_deeper")(evidence)),
            at_most=0.8,
            unit="×",
        ),
        Expectation(
            "From a random start the same deep net ends with a higher training loss",
            lambda evidence: ratio(_scratch(evidence), _asked("tuned")(evidence)),
            at_least=2,
            unit="×",
        ),
    ),
    headline=1,
    saw="The largest difference of a logit is {difference}; training accuracy {accuracy} % before "
    "and {accuracy_deeper} % after. With noise of {noise} on the inserted weights it is {noisy} %. "
    "Trained on, the deep net reaches a loss of {tuned}; the same net from a random start, with "
    "as many steps in all, {scratch}.",
    numbers=_numbers,
    misconception="“Deep plain nets lack capacity” or “they cannot represent the solution”. They "
    "can: here it is. Finding it is the trouble.",
    caveat="The inserted identity is exact for ReLU, whose output is never negative; with tanh it "
    "is not. In its first steps of training on the deep net's loss jumps, because all layers move "
    "at once. From a random start it does learn too, only later: how far behind it is depends on "
    "the learning rate.",
    sources=(
        ("He et al. 2015, Deep Residual Learning", "section 1: the solution by construction"),
        ("He et al. 2015, Deep Residual Learning", "section 3.1: identities are hard to find"),
    ),
    seconds=8,
    notes="The ResNet paper begins with a thought experiment. Take a shallow net that works. Add "
    "layers that are the identity. The deeper net computes the same function, so a deeper net can "
    "never have to be worse. Everybody nods, nobody does it. We do. Vote: what happens to the "
    "training error if I insert fifteen layers into the trained net? Run. The logits are the same "
    "to the last digit. Now shake the inserted weights a little and watch the left figure: the "
    "identity is a needle in the haystack of weight matrices. That is the point: a random start "
    "is nowhere near it. The last figure: trained on from the identity, the deep net is better "
    "than the shallow one; from a random start, with as many steps in all, it is far behind. The "
    "solution exists; from elsewhere gradient descent is slow to find it. So build nets in which "
    "doing nothing is the easy thing: $x + F(x)$ with $F = 0$.",
    exercises=(
        (
            "Why is W = I, b = 0 an exact identity in a ReLU net but not in a tanh net?",
            "The signal comes out of a ReLU, so it is never negative and the next ReLU leaves it "
            "as it is. tanh bends every value towards zero, so that $\\tanh(x) \\ne x$.",
        ),
        (
            "How would you insert a layer that does nothing into a residual net, and why is that "
            "easier to find for gradient descent?",
            "Set the last weights of the branch to zero: $x + F(x) = x$. Zero is where weight "
            "decay and small initial weights already point; the identity matrix is not.",
        ),
    ),
    notices=(
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "he_gain_1",
        "one_batch",
    ),
    order=3,
)
