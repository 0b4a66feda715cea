"""Can one do without skips? Orthogonal weights, and what a net does to a small change."""

from __future__ import annotations

from collections.abc import Callable

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
    decades,
    final_loss,
    norms_off,
    ratio,
    scientific,
    seed_dots,
)

DEPTH = 51
_DEEP = DENSE | {"depth": DEPTH}
_ORTHOGONAL, _GLOROT, _HE, _RESIDUAL = range(4)
_NETS = (
    ("tanh, orthogonal", "plain"),
    ("tanh, Glorot", "plain"),
    ("ReLU, He", "plain"),
    ("residual", "resnet"),
)
_FLOOR = -40.0
"""Powers of ten below which the chart does not go: He's nets lose whole directions."""


def _powers(evidence: Evidence, lane: int) -> np.ndarray:
    """The singular values at init as powers of ten, the largest first: (S, K)."""
    answers = [answer["lanes"][lane]["log10"] for answer in evidence.ask("jacobian")]
    return np.nan_to_num(np.array(answers, float), nan=_FLOOR, neginf=_FLOOR).clip(_FLOOR)


def _middle(lane: int) -> Callable[[Evidence], list[float]]:
    """The median singular value at init, as a power of ten."""
    return lambda evidence: [float(v) for v in np.median(_powers(evidence, lane), axis=1)]


def _size_kept(evidence: Evidence) -> list[float]:
    """Decades between the gradient at the first and at the last layer of He's net, at init."""
    norms = evidence.history("signal_gradient_norm", _HE)[0]
    return [abs(value) for value in decades(norms)]


def _spectrum(evidence: Evidence) -> Chart:
    series = []
    for lane, (name, family) in enumerate(_NETS):
        middle = final.median(_powers(evidence, lane))
        y = [float(10**v) for v in middle]
        series.append(Series(name, list(range(1, len(y) + 1)), y, family))
    return Chart(
        "By how much each direction is stretched, at init",
        "singular value, the largest first",
        "stretched by",
        series,
        log_y=True,
        note="median over samples and seeds; values on the lower edge may be smaller still",
    )


def _losses(evidence: Evidence) -> Chart:
    series = [
        seed_dots(name, evidence.final("loss", lane), family)
        for lane, (name, family) in enumerate(_NETS)
    ]
    names = [name for name, _ in _NETS]
    guess = float(np.log(evidence.experiment().dataset.num_classes))
    series.append(Series("guessing", names, [guess] * len(names), dashed=True))
    return Chart("Training loss at the end", "", "training loss (nats)", series, log_y=True)


def _correct_choice(evidence: Evidence) -> int:
    orthogonal, he = (float(np.median(evidence.final("loss", lane))) for lane in (_ORTHOGONAL, _HE))
    if min(orthogonal, he) > 1:
        return 0
    return 1 if he < orthogonal else 2


def _numbers(evidence: Evidence) -> dict[str, float | str]:
    numbers: dict[str, float | str] = {}
    for name, lane in (
        ("orthogonal", _ORTHOGONAL),
        ("glorot", _GLOROT),
        ("he", _HE),
        ("residual", _RESIDUAL),
    ):
        numbers[name] = round(float(np.median(evidence.final("loss", lane))), 2)
        power = float(np.median(_middle(lane)(evidence)))
        numbers[f"{name}_middle"] = f"{10**power:.2g}" if power > -3 else scientific(10**power)
    return numbers


SCENE = Scene(
    title="Can one do without skips?",
    question="Fifty layers and not a single skip. Does one of these plain nets learn the digits in "
    "a few hundred steps?",
    choices=(
        "no, none without skips",
        "ReLU with He's init: it keeps the size of signal and gradient",
        "tanh with orthogonal weights",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=_DEEP | {"activation": "tanh", "init": "orthogonal"}),
                Lane(family="plain", knobs=_DEEP | {"activation": "tanh", "init": "glorot"}),
                Lane(family="plain", knobs=_DEEP | {"init": "he"}),
                Lane(
                    family="resnet",
                    knobs=_DEEP
                    | {"variant": "full_preact", "init": "he", "branch_scale": "inv_sqrt_depth"},
                ),
            ],
            steps=300,
            lr=0.003,
            seeds=3,
            record_every=3,
        )
    },
    asks=(
        Ask("jacobian", "jacobian", {"when": "init", "samples": 16}),
        Ask("check", "cross_check"),
    ),
    figures=(
        Figure("live", "The residual net learns first. Which plain net follows?", panels=("loss",)),
        Figure(
            "chart",
            "A flat line near 1 lets every change through; a falling one crushes nearly all.",
            chart=_spectrum,
        ),
        Figure("chart", "Where they end: compare the order with the curves before.", chart=_losses),
    ),
    expects=(
        Expectation(
            "The residual net passes changes on at their size: its median singular value at init "
            "is near 1",
            _middle(_RESIDUAL),
            at_least=-0.15,
            at_most=0.15,
            over="every",
            unit="decades",
        ),
        Expectation(
            "Orthogonal tanh shrinks them by about ten in all fifty layers together",
            _middle(_ORTHOGONAL),
            at_least=-1.5,
            at_most=-0.3,
            over="every",
            unit="decades",
        ),
        Expectation(
            "With Glorot's init most changes are gone",
            _middle(_GLOROT),
            at_most=-5,
            over="every",
            unit="decades",
        ),
        Expectation(
            "In He's ReLU net nearly all of them are",
            _middle(_HE),
            at_most=-12,
            over="every",
            unit="decades",
        ),
        Expectation(
            "though its gradient has about the same size at the first and the last layer",
            _size_kept,
            at_most=1,
            unit="decades apart",
        ),
        Expectation(
            "The residual net learns",
            final_loss(_RESIDUAL),
            at_most=0.15,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Orthogonal tanh learns without any skip",
            final_loss(_ORTHOGONAL),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "several times further than Glorot's in the same steps",
            lambda evidence: ratio(
                evidence.final("loss", _GLOROT), evidence.final("loss", _ORTHOGONAL)
            ),
            at_least=2,
            unit="× the loss",
        ),
        Expectation(
            "He's ReLU net hardly begins",
            final_loss(_HE),
            at_least=1,
            at_most=2.5,
            unit="nats",
        ),
        Expectation(
            "The norms shown are those of autograd in float64",
            lambda evidence: norms_off(evidence, "check", [_ORTHOGONAL, _GLOROT, _RESIDUAL]),
            at_most=0.01,
            over="every",
            unit="off",
        ),
    ),
    headline=6,
    saw="Median singular value at init: residual {residual_middle}, tanh with orthogonal weights "
    "{orthogonal_middle}, with Glorot's {glorot_middle}, ReLU with He's {he_middle}. Training loss "
    "at the end: {residual}, {orthogonal}, {glorot} and {he}.",
    numbers=_numbers,
    misconception="“Without skips fifty layers cannot be trained” and “it is enough that gradients "
    "keep their size.” Orthogonal tanh trains without skips. And He's ReLU net keeps the size, but "
    "of one direction only: all others are crushed, so that different inputs look alike.",
    caveat="A small task, a small learning rate and few steps; at larger rates orthogonal tanh "
    "falls behind sooner than the residual net. It is slower than the residual net here as well. "
    "The papers train nets of thousands of layers in this way, with more care for the variance of "
    "weights and biases. Singular values are those at single samples, at init.",
    sources=(
        (
            "Xiao et al. 2018, Dynamical Isometry and a Mean Field Theory of CNNs",
            "abstract",
        ),
        (
            "Martens et al. 2021, Rapid Training of Deep Neural Networks without Skip Connections "
            "or Normalization Layers using Deep Kernel Shaping",
            "abstract",
        ),
        ("Saxe et al. 2014, Exact Solutions to the Nonlinear Dynamics of Learning", "section 4"),
    ),
    seconds=25,
    notes="A fair question at the end of a course on skips: do we need them? Vote. Run: three "
    "plain nets and a residual one, fifty layers each. The residual one goes first, as ever. But "
    "look at the second: a plain net, no skip, no norm, and it learns. What is special about it? "
    "Its weights are orthogonal: they turn a vector and do not stretch it. So take a small change "
    "of the signal at the bottom and ask what arrives at the top, in each direction. That is the "
    "next figure. The residual net is flat, near one. Orthogonal tanh is nearly flat, a little "
    "lower. Glorot's falls over many powers of ten, though its average size is right. And He's "
    "ReLU net, whose gradient norms looked so healthy in our first demonstration, lets one "
    "direction through and crushes the rest. A norm is one number; it cannot tell you that. So "
    "skips are not the only way. They are the one that works without care for anything else.",
    exercises=(
        (
            "A layer has the singular values 2 and 1/2, and n such layers stand upon each other, "
            "with their directions in line. What do they do to a change, and what is the product "
            "of both?",
            "They stretch one direction by $2^n$ and the other by $2^{-n}$; the product stays 1. "
            "The average size of all says nothing about what is lost.",
        ),
        (
            "Why is an orthogonal matrix not enough with ReLU?",
            "At init ReLU sets about half of the values to 0 in each layer, whatever the weights: "
            "directions are lost for good. tanh is nearly linear around 0 and loses little.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "he_gain_1",
        "one_batch",
        "gradients_exchanged",
        "norms_times_batch",
        "scale_off",
    ),
    order=21,
)
