"""Does the order inside a residual unit matter? Five orders at 100 layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import Chart, Evidence, Expectation, Figure, Scene, Series, curve, ratio

DEPTH = 101
STEPS = 100
_DEEP = DENSE | {"depth": DEPTH, "init": "he", "norm": "batch"}
_MAIN = ("full_preact", "relu_only_preact", "original", "relu_before_add")
_NAMES = ("full pre-activation", "ReLU-only pre-activation", "original", "ReLU before addition",
          "BatchNorm after addition")  # fmt: skip


def _finals(evidence: Evidence) -> list[list[float]]:
    """The final loss of each order, of each seed, in the order of the names."""
    last = evidence.final("loss", 0, "after")
    return [*(evidence.final("loss", lane) for lane in range(len(_MAIN))), last]


def _behind(order: int) -> Callable[[Evidence], list[float]]:
    """How many times the full pre-activation's loss this order's is."""
    return lambda evidence: ratio(_finals(evidence)[order], _finals(evidence)[0])


def _curves(evidence: Evidence) -> Chart:
    lanes = [(lane, "main") for lane in range(len(_MAIN))] + [(0, "after")]
    return Chart(
        "Five orders of the same layers",
        "step",
        "training loss (nats)",
        [
            curve(evidence, "loss", lane, label=name, family="resnet", run=run)
            for name, (lane, run) in zip(_NAMES, lanes, strict=True)
        ],
        log_y=True,
        note="median over seeds, mean of ten steps",
    )


def _bars(evidence: Evidence) -> Chart:
    return Chart(
        "Training loss at the end",
        "",
        "training loss (nats)",
        [
            Series("", [name for name in _NAMES for _ in finals], list(np.ravel(_finals(evidence))),
                   "resnet", style="dots")
            for finals in [_finals(evidence)[0]]
        ],
        log_y=True,
        note="one dot per seed",
    )  # fmt: skip


def _correct_choice(evidence: Evidence) -> int:
    median = [float(np.median(each)) for each in _finals(evidence)]
    return (0, 0, 1, 2, 2)[int(np.argmin(median))] if max(median) > 2 * min(median) else 3


def _numbers(evidence: Evidence) -> dict[str, float]:
    names = ("full", "relu_only", "original", "relu_before", "after")
    return {n: float(np.median(f)) for n, f in zip(names, _finals(evidence), strict=True)}


SCENE = Scene(
    title="The order inside the unit",
    question="BatchNorm, ReLU and weights can stand in five orders around the addition. At 100 "
    "residual layers, which order trains best?",
    choices=(
        "normalise and activate first, then the weights",
        "the original: ReLU after the addition",
        "an order that puts something on the shortcut",
        "it makes no difference",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[Lane(family="resnet", knobs=_DEEP | {"variant": v}) for v in _MAIN],
            steps=STEPS,
            lr=0.1,
            seeds=3,
        ),
        "after": Experiment(
            lanes=[Lane(family="resnet", knobs=_DEEP | {"variant": "bn_after_add"})],
            steps=STEPS,
            lr=0.1,
            seeds=3,
        ),
    },
    figures=(
        Figure(
            "live", "The same layers in four orders: which curve falls at once?", panels=("loss",)
        ),
        Figure("chart", "A clean shortcut wins.", chart=_curves),
        Figure(
            "chart",
            "Where each order ended: the lowest dots are the full pre-activation.",
            chart=_bars,
        ),
    ),
    expects=(
        Expectation(
            "Full pre-activation learns the task in these few steps",
            lambda evidence: _finals(evidence)[0],
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Full pre-activation ends lower than the original order",
            _behind(2),
            at_least=2,
            over="every",
            unit="×",
        ),
        Expectation(
            "and lower than the ReLU before the addition",
            _behind(3),
            at_least=2,
            over="every",
            unit="×",
        ),
        Expectation(
            "With BatchNorm on the shortcut the net hardly learns",
            lambda evidence: _finals(evidence)[4],
            at_least=2,
            at_most=2.6,
            unit="nats",
        ),
        Expectation(
            "The ReLU-only pre-activation lies behind the full one",
            _behind(1),
            at_least=1.5,
            unit="×",
        ),
    ),
    headline=1,
    saw="Training loss at the end: full pre-activation {full}, ReLU-only pre-activation "
    "{relu_only}, original {original}, ReLU before the addition {relu_before}, BatchNorm after the "
    "addition {after}.",
    numbers=_numbers,
    misconception="“The order inside the unit is cosmetic.” At this depth it decides whether the "
    "net learns within this budget.",
    caveat="The budget is short and the learning rate is high, so the differences are far larger "
    "than in the paper, where all five reach a good error in the end (He et al. 2016, Table 2). At "
    "a gentler learning rate the original order comes closer. The rank of the original order "
    "against the ReLU-only one depends on the budget.",
    sources=(
        ("He et al. 2016, Identity Mappings in Deep Residual Networks", "section 4, Fig. 4"),
        ("He et al. 2016, Identity Mappings in Deep Residual Networks", "Table 2"),
    ),
    seconds=45,
    notes="Draw the unit with three boxes and an arrow around them, and let the room order the "
    "boxes. Same weights, same number of layers, same batches. While it trains, point at the one "
    "curve that falls at once. Then ask what the slow ones have in common: something stands on the "
    "way around. A ReLU after the addition cuts negative signals at every unit; BatchNorm after "
    "the addition rescales the shortcut itself, and over a hundred layers that multiplies. The "
    "lesson of the paper in one line: keep the shortcut clean, and put everything else into the "
    "branch. Be fair in the end: with time and a smaller learning rate all of them can be "
    "trained, and the paper's own differences are a few points of error.",
    exercises=(
        (
            "Why does a branch that ends in a ReLU, as in “ReLU before the addition”, make the "
            "signal grow with depth?",
            "A ReLU's output is never negative, so that every unit can only add. Nothing can be "
            "taken away again, and the sum grows from unit to unit.",
        ),
        (
            "With BatchNorm after the addition the gradient that comes back along the shortcut is "
            "multiplied by a factor at every unit. If that factor were 0.9, what would be left "
            "after 50 units?",
            "$0.9^{50} \\approx 0.005$: half a percent. A shortcut that is scaled is a plain net "
            "again.",
        ),
    ),
    notices=("rate_0",),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
    },
    order=10,
)
