"""DenseNet: how it grows, what it reuses, and what the picture of its weights does not tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.registry import architecture
from skipviz.core.scene import (
    Ask,
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    Series,
    best,
    highest,
    ratio,
)

DEPTH, GROWTH = 13, 8
_NET = DENSE | {"depth": DEPTH, "growth_rate": GROWTH}
_SMALL = DENSE | {"depth": 11}
_SIZES = (
    Lane(family="plain", knobs=_SMALL | {"width": 10, "init": "he"}),
    Lane(family="plain", knobs=_SMALL | {"width": 22, "init": "he"}),
    Lane(family="densenet", knobs=_SMALL | {"growth_rate": 2, "stem_width": 10}),
    Lane(family="densenet", knobs=_SMALL | {"growth_rate": 4, "stem_width": 10}),
)
_RATES = {"sizes": 0.03, "sizes_slow": 0.01}


def _parameters(lane: int) -> int:
    net = _SIZES[lane]
    counted: int = net.wiring("digits").describe()["parameters"]
    return counted


def _block(answer: dict[str, Any]) -> dict[str, Any]:
    block: dict[str, Any] = answer["lanes"][0]["blocks"][0]
    return block


def _removed(evidence: Evidence) -> np.ndarray:
    """By how much the loss rises where all later layers read zeros in place of a source: (S, n)."""
    return np.array([_block(answer)["removed"] for answer in evidence.ask("reuse")], float)


def _init_in_the_picture(name: str) -> Callable[[Evidence], list[float]]:
    """How far the picture of |W| after training correlates with the one at init, seed by seed."""

    def measure(evidence: Evidence) -> list[float]:
        medians = []
        for answer in evidence.ask(name):
            pairs = [
                (now, then)
                for rows in zip(_block(answer)["weight"], _block(answer)["weight_at_init"],
                                strict=True)
                for now, then in zip(*rows, strict=True)
                if now is not None
            ]  # fmt: skip
            medians.append(float(np.corrcoef(np.array(pairs, float).reshape(-1, 2).T)[0, 1]))
        return medians

    return measure


def _resemblance_lost(evidence: Evidence) -> list[float]:
    """How much less the picture resembles the one at init with weight decay than without."""
    pairs = zip(*(_init_in_the_picture(name)(evidence) for name in ("reuse", "decayed")),
                strict=True)  # fmt: skip
    return [without - decayed for without, decayed in pairs]


def _drawn_over_units(evidence: Evidence) -> list[float]:
    """How many times larger the mean |W| on the block's input is than that on the unit that is
    missed most."""
    lines = []
    for answer, removed in zip(evidence.ask("reuse"), _removed(evidence), strict=True):
        weight = np.array(_block(answer)["weight"], dtype=float)
        means = np.nanmean(weight, axis=0)
        lines.append(float(means[0] / means[1 + int(np.argmax(removed[1:]))]))
    return lines


def _input_over_units(evidence: Evidence) -> list[float]:
    """How many times more the loss rises without the block's input than without the unit that is
    missed most; NaN where no unit is missed at all."""
    removed = _removed(evidence)
    return [r[0] / r[1:].max() if r[1:].max() > 0 else float("nan") for r in removed]


def _missed(evidence: Evidence) -> Chart:
    removed = _removed(evidence)
    sources = _block(evidence.ask("reuse")[0])["sources"]
    return Chart(
        "Rise of the training loss if all later layers read zeros instead",
        "features of",
        "rise of the loss (nats)",
        [Series("median over seeds", sources, list(np.median(removed, axis=0)), "densenet",
                style="bars")],
    )  # fmt: skip


def _against_parameters(evidence: Evidence) -> Chart:
    series = []
    for family, lanes in (("plain", (0, 1)), ("densenet", (2, 3))):
        x, y = [], []
        for lane in lanes:
            losses = best(evidence, lane, tuple(_RATES))
            x += [_parameters(lane)] * len(losses)
            y += losses
        series.append(Series(family, x, y, family, style="dots"))
    return Chart(
        f"Training loss against parameters, {_SMALL['depth']} layers",
        "parameters",
        "training loss (nats)",
        series,
        log_x=True,
        log_y=True,
        note="one dot per seed, at the better of two learning rates",
    )


def _smaller_and_better(evidence: Evidence) -> list[float]:
    """The loss of the larger plain net over that of the smaller dense one."""
    return ratio(best(evidence, 1, tuple(_RATES)), best(evidence, 2, tuple(_RATES)))


def _correct_choice(evidence: Evidence) -> int:
    removed = np.median(_removed(evidence), axis=0)
    return 0 if int(np.argmax(removed)) == 0 else 2 if int(np.argmax(removed)) > 6 else 1


def _numbers(evidence: Evidence) -> dict[str, float | int]:
    settings = evidence.experiment().lanes[0].settings("digits")
    stem = architecture("densenet").wiring(settings).units[0].body.output_shape[0]
    removed = np.median(_removed(evidence), axis=0)
    return {
        "stem": stem,
        "growth": GROWTH,
        "units": DEPTH - 1,
        "features": stem + (DEPTH - 1) * GROWTH,
        "input": float(removed[0]),
        "unit": float(max(removed[1:])),
        "drawn": float(np.median(_drawn_over_units(evidence))),
        "correlation": float(np.median(_init_in_the_picture("reuse")(evidence))),
        "decayed": float(np.median(_init_in_the_picture("decayed")(evidence))),
        "dense": _parameters(2),
        "plain": _parameters(1),
        "dense_loss": float(np.median(best(evidence, 2, tuple(_RATES)))),
        "plain_loss": float(np.median(best(evidence, 1, tuple(_RATES)))),
    }


SCENE = Scene(
    title="Feature reuse",
    question="In a dense net every layer reads all features made before it. Which of them would it "
    "miss most?",
    choices=("the input's", "those of the first units", "those of the last units"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[Lane(family="densenet", knobs=_NET)], steps=400, lr=0.03, seeds=3
        ),
        "decay": Experiment(
            lanes=[Lane(family="densenet", knobs=_NET)],
            steps=400,
            lr=0.03,
            weight_decay=0.01,
            seeds=3,
        ),
        **{
            run: Experiment(lanes=_SIZES, steps=400, lr=rate, seeds=3)
            for run, rate in _RATES.items()
        },
    },
    asks=(Ask("reuse", "reuse"), Ask("decayed", "reuse", run="decay")),
    figures=(
        Figure(
            "probe", "Left at init, in the middle trained, right what would be missed.", ask="reuse"
        ),
        Figure("chart", "What would really be missed: the input.", chart=_missed),
        Figure("probe", "With weight decay the picture begins to speak.", ask="decayed"),
        Figure(
            "chart",
            "Few parameters go far: the dense dots lie lower, and further left.",
            chart=_against_parameters,
        ),
    ),
    expects=(
        Expectation(
            "The dense nets learn, with weight decay as without",
            highest(("main", 0), ("decay", 0)),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Without the block's input the loss rises to that of guessing or above",
            lambda evidence: _removed(evidence)[:, 0].tolist(),
            at_least=2,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The picture of |W| still resembles the one at init (correlation)",
            _init_in_the_picture("reuse"),
            at_least=0.3,
            over="every",
        ),
        Expectation(
            "with weight decay it does less",
            _resemblance_lost,
            at_least=0.1,
            over="every",
        ),
        Expectation(
            "The block's input is missed more than the features of any unit",
            _input_over_units,
            at_least=5,
            over="every",
            unit="×",
        ),
        Expectation(
            "but the picture of |W| hardly tells them apart",
            _drawn_over_units,
            at_most=2,
            over="every",
            unit="×",
        ),
        Expectation(
            "The larger plain net learns something, too",
            lambda evidence: best(evidence, 1, tuple(_RATES)),
            at_most=1,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The smaller dense net ends lower than the larger plain one",
            _smaller_and_better,
            at_least=1.5,
            unit="×",
        ),
        Expectation(
            "and learns the task",
            lambda evidence: best(evidence, 2, tuple(_RATES)),
            at_most=0.15,
            over="every",
            unit="nats",
        ),
    ),
    headline=1,
    saw="The classifier reads {stem} + {units} · {growth} = {features} features. Without the "
    "input's features the loss rises by {input}, without those of the most useful unit by {unit}; "
    "the mean |W| on the input is only {drawn} times that on the unit. The picture of |W| "
    "correlates with the one at init by {correlation}, with weight decay by {decayed}. A dense net "
    "of {dense} parameters ends at {dense_loss}, a plain one of {plain} at {plain_loss}.",
    numbers=_numbers,
    misconception="“The heat map of |W| shows which features are reused.” What the net cannot do "
    "without looks there like what it hardly misses, and much of the picture is older than the "
    "training.",
    caveat="Small fully connected nets on 8×8 digits: the paper's nets are convolutional, with "
    "weight decay (Huang et al. 2016, section 4.2 and Fig. 5). Taking one source away at a time "
    "makes two that say the same look useless. Against a residual net of equal size the dense one "
    "has no clear lead on this task.",
    sources=(
        ("Huang et al. 2016, Densely Connected Convolutional Networks", "section 3: k0 + k(l − 1)"),
        ("Huang et al. 2016, Densely Connected Convolutional Networks", "section 5, Fig. 5"),
    ),
    seconds=25,
    notes="Write the recipe on the board: nothing is added, everything is appended. So the width "
    "grows by the growth rate with every unit, and the last layer reads everything. Let the room "
    "guess what it reads. Then show the heat map that every text on DenseNet shows, and put the "
    "one from before training beside it. Some of what one reads into it was there before the first "
    "step. What can be asked instead: if this source were silent, how "
    "much would the loss rise? The answer is dull and honest: it wants the input. With weight "
    "decay, unused weights shrink, and the picture begins to mean something. End with the "
    "parameters: a few features a unit are enough, because none is forgotten.",
    exercises=(
        (
            "A dense block begins with 24 channels and has a growth rate of 12. How many channels "
            "does its tenth unit read?",
            "$24 + 9 \\cdot 12 = 132$: the input's and those of the nine units before it.",
        ),
        (
            "Why does a picture of |W| say little about use, if there is no weight decay?",
            "A weight that is never needed gets no gradient and stays as it was drawn. It looks "
            "as large as one that is used.",
        ),
    ),
    notices=(
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "decay_ignored",
        "dense_branches_0",
        "one_batch",
    ),
    tolerates={
        "he_gain_1": "the small plain nets, which begin with it, learn from the smaller one, too",
    },
    order=13,
)
