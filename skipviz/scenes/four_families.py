"""Four families on one task, at nearly the same number of parameters."""

from __future__ import annotations

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
    best,
    carried_gradient,
    least_gradient,
    norms_off,
    ratio,
    seed_dots,
)

DEPTH = 26
RATES = {"main": 0.1, "middle": 0.03, "slow": 0.01}
_DEEP = DENSE | {"depth": DEPTH}
_LANES = (
    Lane(family="plain", knobs=_DEEP | {"init": "he"}),
    Lane(family="resnet", knobs=_DEEP),
    Lane(family="highway", knobs=_DEEP | {"width": 35}),
    Lane(family="densenet", knobs=_DEEP | {"growth_rate": 13}),
)
_NAMES = ("plain", "residual", "highway", "dense")
_FAMILIES = ("plain", "resnet", "highway", "densenet")


def _parameters() -> list[int]:
    return [lane.wiring("digits").describe()["parameters"] for lane in _LANES]


def _finals(evidence: Evidence, lane: int) -> list[float]:
    return best(evidence, lane, tuple(RATES))


def _dots(evidence: Evidence) -> Chart:
    series = []
    for lane, (name, family) in enumerate(zip(_NAMES, _FAMILIES, strict=True)):
        finals = _finals(evidence, lane)
        series.append(seed_dots(name, finals, family, name))
    return Chart(
        f"Training loss after {evidence.experiment().steps} steps, {DEPTH} layers, nearly equal"
        " parameters",
        "",
        "training loss (nats)",
        series,
        log_y=True,
        note="one dot per seed, at the best of three learning rates",
    )


def _worst_skip(evidence: Evidence) -> list[float]:
    """The highest final of the three families with skips, seed by seed."""
    return [max(each) for each in zip(*(_finals(evidence, i) for i in (1, 2, 3)), strict=True)]


def _spread(evidence: Evidence) -> list[float]:
    low = [min(each) for each in zip(*(_finals(evidence, i) for i in (1, 2, 3)), strict=True)]
    return ratio(_worst_skip(evidence), low)


def _correct_choice(evidence: Evidence) -> int:
    """The family whose loss is many times that of the next one; the last choice without one."""
    medians = [float(np.median(_finals(evidence, lane))) for lane in range(4)]
    next_highest, highest = sorted(medians)[-2:]
    return int(np.argmax(medians)) if highest > 5 * next_highest else 4


def _numbers(evidence: Evidence) -> dict[str, float | int]:
    counts = _parameters()
    numbers: dict[str, float | int] = {
        name: float(np.median(_finals(evidence, lane))) for lane, name in enumerate(_NAMES)
    }
    return numbers | {"fewest": min(counts), "most": max(counts)}


SCENE = Scene(
    title="Four families, one task",
    question=f"Plain, residual, highway and dense, {DEPTH} layers each, with nearly the same "
    "number of parameters. Which one ends far above the other three?",
    choices=("plain", "residual", "highway", "dense", "none: they end close together"),
    correct_choice=_correct_choice,
    runs={
        run: Experiment(lanes=_LANES, steps=400, lr=rate, seeds=3) for run, rate in RATES.items()
    },
    asks=(Ask("check", "cross_check"),),
    figures=(
        Figure(
            "live",
            "The largest of three learning rates, too large for the plain net.",
            panels=("loss", "profile"),
        ),
        Figure("chart", "Each family at its best rate: which one stands apart?", chart=_dots),
    ),
    expects=(
        Expectation(
            "Every family with skips ends lower than the plain net",
            lambda e: ratio(_finals(e, 0), _worst_skip(e)),
            at_least=5,
            unit="×",
        ),
        Expectation(
            "All three families with skips learn the task",
            _worst_skip,
            at_most=0.1,
            over="every",
        ),
        Expectation(
            "The highway net's gradient shrinks at init as its gates say, by 1 − T a layer",
            carried_gradient(2),
            at_least=0.7,
            at_most=1.8,
            over="every",
            unit="×",
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
    saw="Training loss, each family at its best learning rate: plain {plain}, residual {residual}, "
    "highway {highway}, dense {dense}, with {fewest} to {most} parameters.",
    numbers=_numbers,
    misconception="“The newest family is the best one.” On a task that all three can learn, their "
    "order depends on the budget, the learning rate and the seed.",
    caveat="An easy task, small fully connected nets and a short budget. What is robust is the gap "
    "between the plain net and the other three; the order of the three is not, and it says nothing "
    "about error on large pictures. A highway net has two matrices a layer, so that it is narrower "
    "here at the same number of parameters.",
    sources=(
        (
            "Juliani 2016, ResNets, HighwayNets, and DenseNets, Oh My!",
            "last paragraph: all three trained on CIFAR-10",
        ),
        ("He et al. 2015, Deep Residual Learning", "section 4.1"),
        ("Huang et al. 2016, Densely Connected Convolutional Networks", "section 5"),
    ),
    seconds=30,
    notes="Say how the comparison was made fair: the same depth, nearly the same number of "
    "parameters, the same batches, and each family at its best of three learning rates. Let the "
    "room bet. Run, and wait for the last dots. Then ask which differences one may believe: the "
    "plain net is far above the rest, in every seed. Between the three families with a way around "
    "the layers the dots overlap or change places when the budget changes: press reset, run again "
    "with other seeds if there is time. The message is modest. A way around the layers matters; "
    "which way matters much less, at least on a task like this.",
    exercises=(
        (
            "A plain layer of width 50 has about 2,500 weights. How wide is a highway layer with "
            "as many?",
            "It has two matrices: $2 w^2 = 2500$, so $w \\approx 35$.",
        ),
        (
            "Why must each family have its own learning rate in such a comparison?",
            "Their gradients differ in size by design. At one common rate the winner would be the "
            "family that the rate happens to suit.",
        ),
    ),
    notices=("no_skip_in_module", "norms_times_batch", "scale_off", "gradients_exchanged"),
    tolerates={
        "he_gain_1": "from the smaller init the plain net stays behind as well",
        "one_batch": "what is judged is the training loss, which one batch for ever lowers as well",
    },
    order=17,
)  # fmt: skip
