"""The papers' own figure, small: convolutional nets of two depths, plain and residual."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import NARROW, SMALL_PICTURES
from skipviz.core.scene import (
    Ask,
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    Series,
    curve,
    decades,
    highest,
    loss_over,
    norms_off,
    number,
    profile,
    seed_dots,
)

SHALLOW, DEEP = 20, 56
_NAMES = (
    (f"plain-{SHALLOW}", "plain", False),
    (f"plain-{DEEP}", "plain", True),
    (f"residual-{SHALLOW}", "resnet", False),
    (f"residual-{DEEP}", "resnet", True),
)
_LANES = tuple(
    Lane(family=family, knobs=NARROW | {"depth": depth})
    for family in ("plain", "resnet")
    for depth in (SHALLOW, DEEP)
)
_BUDGET = SMALL_PICTURES | {"steps": 200, "seeds": 3, "record_every": 4}


def _under_guessing(evidence: Evidence) -> list[float]:
    """By how much the deep plain net's final loss is below that of guessing."""
    guess = float(np.log(evidence.experiment().dataset.num_classes))
    return [guess - loss for loss in evidence.final("loss", 1)]


def _held_out(lane: int) -> Callable[[Evidence], list[float]]:
    """The share of the held-out pictures that a lane gets wrong at the end."""
    return lambda evidence: [
        number(answer["lanes"][lane]["error"]) for answer in evidence.ask("held_out")
    ]


def _risen(evidence: Evidence) -> list[float]:
    """By how many powers of ten the deep plain net's dLoss/dx is larger at its first point than at
    its last, at init."""
    return decades(evidence.history("signal_gradient_norm", 1)[0])


def _curves(evidence: Evidence) -> Chart:
    series = [
        curve(evidence, "loss", lane, label=label, family=family, dashed=dashed)
        for lane, (label, family, dashed) in enumerate(_NAMES)
    ]
    return Chart(
        "Training loss of two depths on pictures",
        "step",
        "training loss (nats)",
        series,
        note="dashed: deep, solid: shallow; median over seeds, mean of ten recorded steps",
    )


def _errors(evidence: Evidence) -> Chart:
    """What each net gets wrong of the held-out pictures at the end, a dot for each seed."""
    labels = [label for label, *_ in _NAMES]
    series = [
        seed_dots(label, _held_out(lane)(evidence), family)
        for lane, (label, family, _) in enumerate(_NAMES)
    ]
    classes = evidence.experiment().dataset.num_classes
    series.append(Series("guessing", labels, [1 - 1 / classes] * len(labels), dashed=True))
    return Chart(
        "Pictures that were not trained on", "net", "share that is classified wrongly", series
    )


def _norms(evidence: Evidence) -> Chart:
    series = [
        profile(evidence, "signal_gradient_norm", lane, label=label, family=family, dashed=dashed)
        for lane, (label, family, dashed) in enumerate(_NAMES)
    ]
    return Chart(
        "Gradient of the signal at init",
        "layer (1 = nearest the input)",
        "norm of dLoss/dx",
        series,
        log_y=True,
    )


def _correct_choice(evidence: Evidence) -> int:
    quotient = float(np.median(loss_over(1, 0)(evidence)))
    return 0 if quotient < 0.9 else 1 if quotient <= 1.2 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    loss = [float(np.median(evidence.final("loss", lane))) for lane in range(4)]
    wrong = [round(100 * float(np.median(_held_out(lane)(evidence)))) for lane in range(4)]
    return {
        "shallow": round(loss[0], 2),
        "deep": round(loss[1], 2),
        "residual_shallow": round(loss[2], 2),
        "residual_deep": round(loss[3], 2),
        "guess": round(float(np.log(evidence.experiment().dataset.num_classes)), 2),
        "wrong": wrong[1],
        "wrong_residual": wrong[3],
        "risen": round(float(np.median(_risen(evidence))), 1),
    }


SCENE = Scene(
    title="Plain-56 on pictures",
    question=f"The papers' convolutional nets, made small: plain-{SHALLOW} and plain-{DEEP} on "
    f"pictures, both with BatchNorm. What is plain-{DEEP}'s training loss after 200 steps?",
    choices=(
        f"lower than plain-{SHALLOW}'s",
        f"about that of plain-{SHALLOW}",
        "about that of guessing",
    ),
    correct_choice=_correct_choice,
    runs={"main": Experiment(lanes=_LANES, **_BUDGET)},
    asks=(
        Ask("held_out", "predictions", {"pictures": 1}),
        Ask("check", "cross_check", {"points": 2}),
    ),
    figures=(
        Figure("live", "Which curve stays at the loss of guessing?", panels=("loss",)),
        Figure("chart", "Three of four nets learn; the deep plain one does not.", chart=_curves),
        Figure("chart", "Plain-56 guesses, the others do not.", chart=_errors),
        Figure(
            "chart",
            "Not a vanishing gradient: towards the input the dashed orange line rises.",
            chart=_norms,
        ),
    ),
    expects=(
        Expectation(
            f"Plain-{DEEP}'s training loss is above plain-{SHALLOW}'s",
            loss_over(1, 0),
            at_least=1.2,
            unit="×",
        ),
        Expectation(
            f"Plain-{DEEP} is still at the loss of guessing",
            _under_guessing,
            at_least=-0.3,
            at_most=0.3,
            over="every",
            unit="nats below",
        ),
        Expectation(
            "With shortcuts the same layers learn",
            loss_over(1, 3),
            at_least=1.5,
            unit="×",
        ),
        Expectation(
            "The shallow nets learn, with shortcuts and without",
            highest(("main", 0), ("main", 2)),
            at_most=1.9,
            unit="nats",
        ),
        Expectation(
            f"Of pictures that were not trained on, plain-{DEEP} gets most wrong",
            _held_out(1),
            at_least=0.7,
            at_most=0.97,
            over="every",
        ),
        Expectation(
            f"and residual-{DEEP} fewer than half",
            _held_out(3),
            at_most=0.5,
        ),
        Expectation(
            f"Plain-{DEEP}'s gradient at init does not vanish towards the input, it grows",
            _risen,
            at_least=1,
            over="every",
            unit="decades",
        ),
        Expectation(
            "The norms drawn are right: autograd in float64 gives the same; not said of the deep "
            "plain net, whose gradients multiply rounding as they grow",
            lambda evidence: norms_off(evidence, "check", (0, 2, 3)),
            at_most=0.05,
            over="every",
            unit="of the norm off",
        ),
    ),
    saw="Training loss at the end: plain-20 {shallow}, plain-56 {deep} (guessing: {guess}); with "
    "shortcuts {residual_shallow} and {residual_deep}. Of pictures that were not trained on, "
    "plain-56 gets {wrong} % wrong, residual-56 {wrong_residual} %. At init the gradient in "
    "plain-56 is {risen} powers of ten larger at the input than at the output.",
    numbers=_numbers,
    misconception="“BatchNorm made deep plain nets trainable, so only very deep ones need "
    "shortcuts.” Here are 56 layers with BatchNorm behind every convolution, and they have not "
    "begun to learn.",
    caveat="Small and short: pictures of 16×16, half of the papers' channels, 200 steps at one "
    "learning rate. In the papers plain-56 does learn, later and to a higher error than plain-20 "
    "(He et al. 2015, Fig. 1); nothing here says where it would end. Nor does it show that depth "
    "helps: in so few steps the shallow residual net is ahead of the deep one.",
    sources=(("He et al. 2015, Deep Residual Learning", "Fig. 1 and section 4.2"),),
    seconds=20,
    notes="This is the figure with which the residual paper begins, only small enough to be "
    "trained while you watch. Four convolutional nets: twenty and fifty-six layers, without and "
    "with shortcuts, the same convolutions, BatchNorm behind each of them. Vote first. Run. Watch "
    "the dashed orange curve: it lies on the loss of guessing and stays there, while the solid one "
    "falls. The deeper net has the shallow one inside it and does worse, in training. Now the blue "
    "dashed curve: the same fifty-six layers with an addition around every two of them; it waits "
    "a moment and then falls like the others. Last figure: somebody will say that the gradient "
    "vanishes. Look at it: towards the input it grows, because BatchNorm keeps the signal at one "
    "size and the gradient pays for it. Say what this does not show: where the plain net would end "
    "after an hour, and that deeper is better.",
    exercises=(
        (
            "Both 56-layer nets have BatchNorm and the same number of weights. What does the "
            "shortcut change at the first step?",
            "The signal reaches the head by a path without any layer, so the head sees the input "
            "from the start, and the gradient reaches every layer by the same path. In the plain "
            "net both must go through all layers, each of which mixes what it gets.",
        ),
        (
            "Open the run in the Lab and multiply the learning rate by three. Which of the four "
            "nets mind?",
            "With two seeds that we tried, residual-20 learned faster, plain-20 started later, and "
            "residual-56 had not begun at the end. A comparison at one rate is no more than that: "
            "it has to be made for each net at its best one.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "zero_pad_0",
        "one_batch",
        "no_batchnorm",
        "gradients_exchanged",
        "norms_times_batch",
        "scale_off",
        "seeds_same",
    ),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
    },
    order=24,
    proof_seed=2000,
)
