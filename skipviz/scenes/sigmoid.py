"""Deep sigmoid nets: what can make them learn?"""

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
    least_gradient,
    norms_off,
)

DEPTH = 21
_SIGMOID = DENSE | {"depth": DEPTH, "activation": "sigmoid", "init": "glorot"}
_TANH = DENSE | {"depth": DEPTH, "activation": "tanh", "init": "orthogonal"}
_ROWS = (
    ("plain", "plain", 0, "main"),
    ("plain, Adam", "plain", 0, "adam"),
    ("plain + BatchNorm", "plain", 0, "norm"),
    ("residual", "resnet", 1, "main"),
    ("highway", "highway", 2, "main"),
    ("dense", "densenet", 3, "main"),
    ("plain tanh, orthogonal", "plain", 0, "tanh"),
)


def _final(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    return lambda evidence: evidence.final("loss", lane, run)


def _ends(evidence: Evidence) -> Chart:
    series = []
    for name, family, lane, run in _ROWS:
        losses = evidence.final("loss", lane, run)
        series.append(Series(name, [name] * len(losses), losses, family, style="dots"))
    return Chart(
        f"Training loss at the end, sigmoid nets of {DEPTH} layers",
        "",
        "training loss (nats)",
        series,
        log_y=True,
        note="one dot per seed; the last column is a tanh net",
    )


def _correct_choice(evidence: Evidence) -> int:
    """Whether Adam got the plain net below half of guessing."""
    return 0 if float(np.median(evidence.final("loss", 0, "adam"))) < 1.15 else 1


def _numbers(evidence: Evidence) -> dict[str, float]:
    names = ("plain", "adam", "norm", "residual", "highway", "dense", "tanh")
    return {
        name: float(np.median(evidence.final("loss", lane, run)))
        for name, (_, _, lane, run) in zip(names, _ROWS, strict=True)
    }


SCENE = Scene(
    title="Sigmoid nets",
    question="A plain net of sigmoid layers does not move from guessing. Can a better optimiser, "
    "Adam, save it?",
    choices=("yes", "no"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=_SIGMOID),
                Lane(
                    family="resnet",
                    knobs=_SIGMOID | {"variant": "full_preact", "branch_layers": 1},
                ),
                Lane(family="highway", knobs=_SIGMOID),
                Lane(family="densenet", knobs=_SIGMOID),
            ],
            steps=400,
            lr=0.1,
            seeds=3,
        ),
        "adam": Experiment(
            lanes=[Lane(family="plain", knobs=_SIGMOID)],
            optimiser="adam",
            steps=400,
            lr=0.003,
            seeds=3,
        ),
        "tanh": Experiment(lanes=[Lane(family="plain", knobs=_TANH)], steps=400, lr=0.01, seeds=3),
        "norm": Experiment(
            lanes=[Lane(family="plain", knobs=_SIGMOID | {"norm": "batch"})],
            steps=250,
            lr=0.1,
            seeds=3,
        ),
    },
    asks=(Ask("check", "cross_check"),),
    figures=(
        Figure("live", "Three curves fall, one stands still.", panels=("loss", "profile")),
        Figure("chart", "What helped, and what did not.", chart=_ends),
    ),
    expects=(
        Expectation(
            "The plain net stays at guessing", _final(0), at_least=2, at_most=2.5, over="every"
        ),
        Expectation(
            "With Adam the plain net stays at guessing, too",
            _final(0, "adam"),
            at_least=2,
            at_most=2.5,
            over="every",
        ),
        Expectation("The residual net learns", _final(1), at_most=0.3, over="every"),
        Expectation("The highway net learns", _final(2), at_most=0.4, over="every"),
        Expectation("The dense net learns", _final(3), at_most=0.3, over="every"),
        Expectation("BatchNorm alone helps the plain net, too", _final(0, "norm"), at_most=1),
        Expectation(
            "A plain tanh net from orthogonal weights learns without any skip",
            _final(0, "tanh"),
            at_most=0.3,
        ),
        Expectation(
            "Every layer of the dense net gets a gradient in the first step",
            least_gradient(3),
            at_least=0.001,
            over="every",
            unit="dLoss/dW",
        ),
        Expectation(
            "The norms drawn are right: autograd in float64 gives the same",
            lambda evidence: norms_off(evidence, "check", range(4)),
            at_most=0.01,
            over="every",
            unit="of the norm off",
        ),
    ),
    headline=1,
    saw="Training loss at the end: plain {plain}, plain with Adam {adam}, plain with BatchNorm "
    "{norm}; residual {residual}, highway {highway}, dense {dense}. A plain tanh net from "
    "orthogonal weights: {tanh}.",
    numbers=_numbers,
    misconception="“ReLU solved everything”, and its mirror, “only skips can save a sigmoid net”. "
    "Skips do; so do BatchNorm and, for tanh, the right initial weights.",
    caveat="The slope of a sigmoid is at most a quarter, so that each layer "
    "of a plain net takes at least three quarters of the gradient unless the weights are large "
    "(Hochreiter 1991, and Bengio et al. 1994). That is a statement on this activation: it says "
    "nothing of plain ReLU nets.",
    sources=(
        ("Glorot and Bengio 2010, Understanding the Difficulty of Training Deep Nets", "section 3"),
        ("Hochreiter 1991, Untersuchungen zu dynamischen neuronalen Netzen", "on vanishing errors"),
        ("Srivastava et al. 2015, Highway Networks", "section 1"),
        ("Saxe et al. 2014, Exact Solutions to the Nonlinear Dynamics of Learning", "section 4"),
    ),
    seconds=35,
    notes="Ask whether Adam can save it. Adam divides each gradient by its own size, so why not? "
    "Run. Three curves fall, the plain one does not move. Look at the gradient chart: what arrives "
    "at the first layers is far smaller than the ε that Adam adds to what it divides by, so that "
    "nothing is divided and nothing moves. Then show what helped. A path around the sigmoid, of "
    "any kind: added, gated or appended. But also BatchNorm: the sigmoid stood in its steep middle "
    "already, yet the samples had become all alike, and BatchNorm brings their differences back to "
    "size. And at the right end the cell that textbooks leave out: a tanh net without any skip, "
    "from orthogonal weights. Skips are one way to keep a signal alive, not the only one.",
    exercises=(
        (
            "The steepest slope of a sigmoid is 1/4. With weights that keep the length of a "
            "vector, how many layers until a gradient is a millionth of what it was?",
            "$4^{10} \\approx 10^6$: after 10 layers at the latest. In truth sooner, because few "
            "cells sit at the steepest point.",
        ),
        (
            "Why does a residual unit help, although its branch contains the same sigmoid?",
            "The gradient has a way around the branch, with a factor of 1 at every unit. What the "
            "branch adds to it may be tiny.",
        ),
    ),
    notices=("no_skip_in_module", "norms_times_batch", "scale_off", "gradients_exchanged"),
    tolerates={
        "one_batch": "what is judged is the training loss, which one batch for ever lowers as well",
    },
    order=11,
)
