"""The loss around a trained net: how wide is the valley, with skips and without?"""

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
    final_loss,
    number,
    ratio,
    seed_dots,
    steps_to,
)

DEPTH = 21
_DEEP = DENSE | {"depth": DEPTH}
_NAMES = ("plain ReLU, He", "plain tanh, Glorot", "residual")
_FAMILIES = ("plain", "plain", "resnet")
_RELU, _TANH, _RESIDUAL = range(3)


def _read(lane: int, name: str) -> Callable[[Evidence], list[float]]:
    return lambda evidence: [number(a["lanes"][lane][name]) for a in evidence.ask("landscape")]


def _above(lane: int, name: str) -> Callable[[Evidence], list[float]]:
    """How many times the residual net's value a lane's is."""
    return lambda evidence: ratio(_read(lane, name)(evidence), _read(_RESIDUAL, name)(evidence))


def _learned_after(evidence: Evidence) -> list[float]:
    """The steps after which the loss of the last net fell below 1, seed by seed. The plain net's
    has setbacks: where it ends differs with the rounding of an engine."""
    each = [steps_to(evidence, lane, 1.0) for lane in (_RELU, _TANH, _RESIDUAL)]
    return [max(steps) for steps in zip(*each, strict=True)]


def _bars(evidence: Evidence) -> Chart:
    series = []
    for lane, (name, family) in enumerate(zip(_NAMES, _FAMILIES, strict=True)):
        values = _read(lane, "worse")(evidence)
        series.append(seed_dots(name, values, family, name))
    return Chart(
        "Share of the plane on which the net is worse than guessing",
        "",
        "share of the plane",
        series,
        note="one dot per seed",
    )


def _correct_choice(evidence: Evidence) -> int:
    plain = min(float(np.median(_read(lane, "worse")(evidence))) for lane in (_RELU, _TANH))
    residual = float(np.median(_read(_RESIDUAL, "worse")(evidence)))
    return 0 if residual < plain - 0.1 else 2 if residual > plain + 0.1 else 1


def _numbers(evidence: Evidence) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for lane, name in enumerate(("relu", "tanh", "residual")):
        numbers[name] = round(100 * float(np.median(_read(lane, "worse")(evidence))))
        numbers[f"{name}_sharp"] = float(np.median(_read(lane, "sharpest")(evidence)))
    return numbers


SCENE = Scene(
    title="Loss landscape",
    question="Take three trained nets and walk away from their weights in a random plane. Whose "
    "valley is wider?",
    choices=(
        "the net with skips sits in the widest valley",
        "they are about the same",
        "the plain nets sit in wider valleys",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=_DEEP | {"init": "he"}),
                Lane(family="plain", knobs=_DEEP | {"init": "glorot", "activation": "tanh"}),
                Lane(family="resnet", knobs=_DEEP),
            ],
            steps=400,
            lr=0.01,
            seeds=3,
        )
    },
    asks=(Ask("landscape", "landscape", {"points": 15, "samples": 256}),),
    figures=(
        Figure("live", "Train first, then look around.", panels=("loss",)),
        Figure(
            "probe",
            "One colour scale for all: inside the white line a net is better than guessing.",
            ask="landscape",
        ),
        Figure("chart", "On how much of the plane is each net worse than guessing?", chart=_bars),
    ),
    expects=(
        Expectation(
            "All three nets have learned something of the task before anybody looks around: their "
            "losses fell below 1",
            _learned_after,
            at_most=390,
            over="every",
            unit="steps",
        ),
        Expectation(
            "The residual net has learned it",
            final_loss(_RESIDUAL),
            at_most=0.1,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The plain ReLU net is worse than guessing on most of the plane",
            _read(_RELU, "worse"),
            at_least=0.75,
        ),
        Expectation(
            "The residual net on less of it than either plain net",
            lambda e: [
                min(a, b) - c
                for a, b, c in zip(
                    _read(_RELU, "worse")(e),
                    _read(_TANH, "worse")(e),
                    _read(_RESIDUAL, "worse")(e),
                    strict=True,
                )
            ],
            at_least=0.1,
        ),
        Expectation(
            "The median loss on the plane is higher around the plain ReLU net",
            _above(_RELU, "median"),
            at_least=4,
            unit="×",
        ),
        Expectation(
            "Its valley is sharper: the Hessian's largest eigenvalue is larger",
            _above(_RELU, "sharpest"),
            at_least=1.5,
            unit="×",
        ),
    ),  # fmt: skip
    headline=4,
    saw="Worse than guessing on {relu} % of the plane around the plain ReLU net, {tanh} % around "
    "the plain tanh net, {residual} % around the residual net. Largest eigenvalue of the "
    "Hessian: {relu_sharp}, {tanh_sharp} and {residual_sharp}.",
    numbers=_numbers,
    misconception="“This is the loss landscape.” It is one plane through a space of tens of "
    "thousands of directions.",
    caveat="The plain nets stopped at a higher loss, and nets from different initial weights are "
    "hard to compare. The ragged, “chaotic” pictures of the paper are of convolutional nets of 56 "
    "and more layers (Li et al. 2018, Fig. 1): what shows here is a narrow valley beside a wide "
    "one, no more.",
    sources=(
        ("Li et al. 2018, Visualizing the Loss Landscape of Neural Nets", "section 4"),
        ("Li et al. 2018, Visualizing the Loss Landscape of Neural Nets", "section 6"),
    ),
    seconds=25,
    notes="Train the three nets first. Then choose two random directions, each filter as long as "
    "the net's own, and draw the training loss on that plane; the net we trained sits in the "
    "middle. All three share one colour scale. Let the room say what it sees before you do: a "
    "small spot inside the white line against a broad one. Then take the picture apart again. It "
    "is two directions of many thousands; the plain nets had not finished; and width is not the "
    "same as error on new pictures. What one may say: a random step of this size ruins the plain "
    "ReLU net and hurts the residual one less. Whether that is why a net trains well, this picture "
    "does not say.",
    exercises=(
        (
            "Why are the directions scaled filter by filter?",
            "A ReLU net whose filters are doubled in one layer and halved in the next computes the "
            "same function. Without the scaling the same net would look narrow or wide at will.",
        ),
        (
            "What does a large eigenvalue of the Hessian say about the learning rate?",
            "Along that direction the loss is a parabola of that curvature. Gradient descent with "
            "a rate above 2 divided by the eigenvalue would overshoot it and diverge.",
        ),
    ),
    notices=("labels_shuffled",),
    order=16,
)
