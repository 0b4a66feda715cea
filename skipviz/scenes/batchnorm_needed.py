"""Is BatchNorm “absolutely necessary” for deep nets, or is it the scale of the init?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import Chart, Evidence, Expectation, Figure, Scene, Series, seed_dots

DEPTH, SIGMOID_DEPTH = 51, 21
_PRE = DENSE | {"depth": DEPTH, "variant": "full_preact"}
_SIGMOID = DENSE | {"depth": SIGMOID_DEPTH, "activation": "sigmoid", "init": "glorot"}
_BUDGET = {"steps": 200, "lr": 0.03, "seeds": 3, "record_every": 2}
_ROWS = (
    ("residual, He + BatchNorm", "main", 0, "resnet"),
    ("residual, He", "main", 1, "resnet"),
    ("residual, nn.Linear's init", "main", 2, "resnet"),
    ("residual, He, branch ÷ √units", "main", 3, "resnet"),
    ("plain ReLU, He + BatchNorm", "plain", 0, "plain"),
    ("plain sigmoid", "plain", 1, "plain"),
    ("plain sigmoid + BatchNorm", "plain", 2, "plain"),
)


def _loss(run: str, lane: int) -> Callable[[Evidence], list[float]]:
    return lambda evidence: evidence.final("loss", lane, run)


def _first(evidence: Evidence) -> list[float]:
    """The loss before any update of the He-initialised residual net without BatchNorm."""
    return [float(v) for v in evidence.history("loss", 1)[0, :, 0]]


def _bars(evidence: Evidence) -> Chart:
    """Final losses, a dot for each seed; what diverged stands at the top."""
    guess = float(np.log(evidence.experiment().dataset.num_classes))
    top = 4 * guess
    series = []
    for name, run, lane, family in _ROWS:
        losses = [min(loss, top) for loss in evidence.final("loss", lane, run)]
        series.append(seed_dots(name, losses, family))
    names = [name for name, *_ in _ROWS]
    series.append(Series("guessing", names, [guess] * len(names), dashed=True))
    return Chart(
        "Training loss with and without BatchNorm",
        "",
        "training loss (nats)",
        series,
        log_y=True,
        note="dots at the very top: diverged, or beyond the chart",
    )


def _correct_choice(evidence: Evidence) -> int:
    without = min(float(np.median(evidence.final("loss", lane))) for lane in (2, 3))
    return 0 if without > 1.5 else 1


def _numbers(evidence: Evidence) -> dict[str, float | str]:
    middle = {
        (run, lane): float(np.median(evidence.final("loss", lane, run)))
        for _, run, lane, _ in _ROWS
    }
    he = middle["main", 1]
    return {
        "norm": round(middle["main", 0], 3),
        "he": f"a loss of {he:.2g}" if np.isfinite(he) else "no finite loss: it diverges",
        "he_first": round(float(np.median(_first(evidence)))),
        "default": round(middle["main", 2], 3),
        "scaled": round(middle["main", 3], 3),
        "plain_norm": round(middle["plain", 0], 2),
        "sigmoid": round(middle["plain", 1], 2),
        "sigmoid_norm": round(middle["plain", 2], 2),
    }


SCENE = Scene(
    title="Is BatchNorm “absolutely necessary”?",
    question="A residual net of 51 layers. Does it train without BatchNorm?",
    choices=("no: BatchNorm is absolutely necessary", "yes, if the branches start small enough"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_PRE | {"init": "he", "norm": "batch"}),
                Lane(family="resnet", knobs=_PRE | {"init": "he"}),
                Lane(family="resnet", knobs=_PRE),
                Lane(
                    family="resnet",
                    knobs=_PRE | {"init": "he", "branch_scale": "inv_sqrt_depth"},
                ),
            ],
            **_BUDGET,
        ),
        "plain": Experiment(
            lanes=[
                Lane(family="plain", knobs=DENSE | {"depth": DEPTH, "init": "he", "norm": "batch"}),
                Lane(family="plain", knobs=_SIGMOID),
                Lane(family="plain", knobs=_SIGMOID | {"norm": "batch"}),
            ],
            **_BUDGET,
        ),
    },
    figures=(
        Figure("live", "One net blows up, three train.", panels=("loss",)),
        Figure(
            "chart", "With branches of the right scale it trains without BatchNorm.", chart=_bars
        ),
    ),
    expects=(
        Expectation(
            "With BatchNorm the residual net trains",
            _loss("main", 0),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Without it, from He's init, its loss is huge before the first step",
            _first,
            at_least=100,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Without BatchNorm it does not train: at the end it is no better than guessing, or has "
            "diverged",
            _loss("main", 1),
            at_least=2,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Without it, from nn.Linear's smaller init, it trains",
            _loss("main", 2),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Without it, with He's init and branches divided by √units, it trains",
            _loss("main", 3),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "BatchNorm does not save the plain ReLU net of the same depth",
            _loss("plain", 0),
            at_least=1.2,
            at_most=3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "With BatchNorm the plain sigmoid net of 21 layers trains",
            _loss("plain", 2),
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "It does save the plain sigmoid net of 21 layers, which is stuck without it",
            lambda evidence: [
                without - with_norm
                for without, with_norm in zip(
                    _loss("plain", 1)(evidence), _loss("plain", 2)(evidence), strict=True
                )
            ],
            at_least=1.0,
            over="every",
            unit="nats lower",
        ),
    ),
    headline=2,
    saw="The residual net ends at {norm} with BatchNorm. Without it, He's init begins at a loss "
    "of {he_first} and ends at {he}; nn.Linear's init ends at {default}, and He's with scaled "
    "branches at {scaled}. The plain ReLU net stays at {plain_norm} with BatchNorm; plain sigmoid "
    "goes from {sigmoid} to {sigmoid_norm} with it.",
    numbers=_numbers,
    misconception="“BatchNorm is absolutely necessary because of vanishing gradients.” In residual "
    "nets the trouble without it is an exploding sum, and a smaller start cures it as well.",
    caveat="Small nets and a short run. On large convolutional nets BatchNorm also regularises and "
    "allows higher learning rates; without it, more care is needed (Zhang et al. 2019, section 4). "
    "“Not necessary” does not mean “not useful”.",
    sources=(
        ("Ioffe & Szegedy 2015, Batch Normalization", "section 1"),
        ("Zhang et al. 2019, Fixup Initialization", "section 3"),
        ("He et al. 2015, Deep Residual Learning", "section 3.4"),
    ),
    seconds=35,
    notes="A slide in circulation says: BatchNorms absolutely necessary because of vanishing "
    "gradients. Two claims in one line; we test both. Vote. Run: four residual nets, the first as "
    "in the paper, with BatchNorm. The second is the same without it, from the same init, and it "
    "blows up at once: every unit adds a branch about as large as its input, so that the signal's "
    "variance about doubles once in every unit. That is exploding, not vanishing. The third and "
    "the fourth have no BatchNorm either, they only begin with smaller branches, and they train, "
    "as well or better. So: not necessary, but an init that keeps the sum in bounds is. And the "
    "other half: BatchNorm alone does not make the plain ReLU net of this depth train. For sigmoid "
    "nets, its first customers, it does wonders. Whenever somebody says “must”, ask: in which net?",
    exercises=(
        (
            "Each of n residual branches adds a signal of the same variance as its input. By what "
            "factor does the variance grow, and what does a branch factor of $1/\\sqrt{n}$ change?",
            "Without the factor it doubles in each unit: $2^n$. With it each unit multiplies the "
            "variance by $1 + 1/n$, and $(1 + 1/n)^n$ stays below e.",
        ),
        (
            "Why does BatchNorm inside the branch have the same effect at init?",
            "It fixes the branch's variance at one, whatever its input: the sum grows by one in "
            "each unit, linearly with depth instead of exponentially.",
        ),
    ),
    notices=(
        "no_skip",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "he_gain_1",
        "one_batch",
        "no_batchnorm",
    ),
    order=9,
)
