"""Do nets with skips learn faster: how many steps until the loss is low?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.picks import Pick
from skipviz.core.presets import DENSE
from skipviz.core.scene import (
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    carried_gradient,
    curve,
    gates_off_bias,
    seed_dots,
    steps_to,
)

DEPTH = 21
LEVEL = 0.3
STEPS = 400
RATES = {"main": 0.01, "middle": 0.03, "fast": 0.1}
_DEEP = DENSE | {"depth": DEPTH}
_LANES = (
    Lane(family="plain", knobs=_DEEP | {"init": "he"}),
    Lane(family="plain", knobs=_DEEP | {"init": "glorot", "activation": "tanh"}),
    Lane(family="resnet", knobs=_DEEP),
    Lane(family="highway", knobs=_DEEP),
)
_NAMES = ("plain ReLU, He", "plain tanh, Glorot", "residual", "highway")
_FAMILIES = ("plain", "plain", "resnet", "highway")


def _needed(evidence: Evidence, lane: int) -> list[float]:
    """Steps to the level at the lane's best learning rate (the one with the lowest median)."""
    each = [steps_to(evidence, lane, LEVEL, run) for run in RATES]
    return min(each, key=lambda steps: float(np.median(steps)))


def _times(lane: int, than: int = 2) -> Callable[[Evidence], list[float]]:
    """How many times the steps of the residual net a lane needs, seed by seed; a net that never
    arrives counts as the whole budget."""

    def measure(evidence: Evidence) -> list[float]:
        mine, others = _needed(evidence, lane), _needed(evidence, than)
        return [min(a, STEPS) / b for a, b in zip(mine, others, strict=True)]

    return measure


def _dots(evidence: Evidence) -> Chart:
    series = []
    for lane, (name, family) in enumerate(zip(_NAMES, _FAMILIES, strict=True)):
        steps = [min(step, STEPS) for step in _needed(evidence, lane)]
        series.append(seed_dots(name, steps, family, name))
    return Chart(
        f"Steps until the training loss is below {LEVEL}, at each net's best learning rate",
        "",
        "steps",
        series,
        note=f"one dot per seed; at {STEPS}: it did not get there",
    )


def _best_rate(evidence: Evidence, lane: int) -> str:
    return min(RATES, key=lambda run: float(np.median(steps_to(evidence, lane, LEVEL, run))))


def _curves(evidence: Evidence) -> Chart:
    best = [_best_rate(evidence, lane) for lane in range(len(_LANES))]
    return Chart(
        "Training loss at each net's best learning rate",
        "step",
        "training loss (nats)",
        [
            curve(evidence, "loss", i, label=f"{name}, rate {RATES[run]:g}", family=family, run=run,
                  dashed=i == 1)
            for i, (name, family, run) in enumerate(zip(_NAMES, _FAMILIES, best, strict=True))
        ],
        log_y=True,
    )  # fmt: skip


def _correct_choice(evidence: Evidence) -> int:
    plain = min(float(np.median(_needed(evidence, lane))) for lane in (0, 1))
    share = plain / float(np.median(_needed(evidence, 2)))
    return 0 if share < 1.3 else 1 if share < 5 else 2


def _numbers(evidence: Evidence) -> dict[str, str]:
    names = ("relu", "tanh", "residual", "highway")
    median = [float(np.median(_needed(evidence, lane))) for lane in range(len(_LANES))]
    return {n: f"{m:.0f}" if m < STEPS else "more than the budget of" for n, m in
            zip(names, median, strict=True)}  # fmt: skip


SCENE = Scene(
    title="Faster with skips",
    question=f"Four nets of {DEPTH} layers, each at its best learning rate. How much sooner does "
    f"the residual net reach a training loss of {LEVEL} than the better plain one?",
    choices=("about as soon", "in a half to a fifth of the steps", "far sooner still"),
    correct_choice=_correct_choice,
    runs={
        run: Experiment(lanes=_LANES, steps=STEPS, lr=rate, seeds=3) for run, rate in RATES.items()
    },
    figures=(
        Figure("chart", "Each net at its best rate: which curve falls first?", chart=_curves),
        Figure("chart", "How many steps does each net need to the same loss?", chart=_dots),
    ),
    expects=(
        Expectation(
            "The plain ReLU net needs more steps than the residual one",
            _times(0),
            at_least=2,
            unit="×",
        ),
        Expectation(
            "and so does the plain tanh net",
            _times(1),
            at_least=1.3,
            unit="×",
        ),
        Expectation(
            "The residual net arrives in every seed",
            lambda evidence: _needed(evidence, 2),
            at_most=200,
            over="every",
            unit="steps",
        ),
        Expectation(
            "and so does the highway net",
            lambda evidence: _needed(evidence, 3),
            at_most=250,
            over="every",
            unit="steps",
        ),
        Expectation(
            "The plain tanh net arrives as well, only later",
            lambda evidence: _needed(evidence, 1),
            at_most=350,
            unit="steps",
        ),
        Expectation(
            "The highway net's gradient shrinks at init as its gates say, by 1 − T a layer",
            carried_gradient(3),
            at_least=0.7,
            at_most=1.8,
            over="every",
            unit="×",
        ),
        Expectation(
            "The highway net's gates begin at σ(gate bias): so far from it is the mean T",
            lambda evidence: gates_off_bias(evidence, 3),
            at_most=0.02,
            over="every",
        ),
    ),
    saw="Steps to the same training loss, each net at its best learning rate: plain ReLU {relu} "
    "steps, plain tanh {tanh} steps, residual {residual} steps, highway {highway} steps.",
    numbers=_numbers,
    misconception="“Skips only matter where plain nets fail.” At this depth a plain tanh net "
    "trains well, and the residual net is still sooner there.",
    caveat="One learning rate for all would make the comparison a matter of taste: each net has "
    "its best of a small search, and the search is the same for all. Steps are not seconds: a "
    "highway step costs about two plain ones. What is compared is the training loss.",
    sources=(
        ("He et al. 2015, Deep Residual Learning", "section 4.1: converges faster at 18 layers"),
        ("Srivastava et al. 2015, Highway Networks", "section 3.1, Fig. 1"),
    ),
    seconds=25,
    notes="Say what is fair: every net may choose among the same learning rates, and the best one "
    "counts. Run: what grows first is the smallest of the rates, good for the plain nets. "
    "Then show each net at its own best rate. The question is not whether the plain "
    "net arrives, but when. He and colleagues saw the same in their small nets: where the plain "
    "net is not too deep, the residual one ends about as well, but is there sooner. Ask why the "
    "residual net can use a larger rate. A usual answer: its gradient is not one product over all "
    "layers, so that one step does not turn the whole net over. This run does not test that.",
    exercises=(
        (
            "Why is a comparison at one common learning rate unfair?",
            "The rate that suits one net may be far too large or too small for another. Whoever "
            "picks the common rate picks the winner.",
        ),
        (
            "A colleague compares seconds, not steps, and finds the highway net slower than the "
            "plain one. Is she wrong?",
            "No: a highway layer has two matrix products where a plain one has one. Steps measure "
            "how well the loss can be lowered, seconds what it costs on one machine.",
        ),
    ),
    pick=Pick(
        asks="Pick a learning rate. A plain net (ReLU, He's init) and a residual net of 20 layers "
        "are trained with it, 200 steps: where do both end?",
        knob="lr",
        label="learning rate",
        low=0.0003,
        high=3.0,
        log=True,
        experiment=Experiment(
            lanes=[
                Lane(family="plain", knobs=DENSE | {"depth": 20, "init": "he"}),
                Lane(family="resnet", knobs=DENSE | {"depth": 20}),
            ],
            steps=200,
            record_every=5,
        ),
        says="how wide is the range of rates in which each net learns, and where does it break?",
    ),
    notices=(
        "no_skip",
        "gate_bias_reversed",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "gradients_exchanged",
        "highway_returns_h",
        "gates_inverted",
    ),
    tolerates={
        "norms_times_batch": "a ratio of norms is judged, in which the factor cancels",
        "he_gain_1": "the plain net arrives late from the smaller init, too",
        "one_batch": "what is judged is the training loss, which one batch for ever lowers as well",
    },
    order=12,
)
