"""Why did BatchNorm help? It makes the l-th branch an ever smaller share of the stream."""

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
    final_loss,
    number,
    ratio,
    scientific,
)

DEPTH = 101
UNITS = (DEPTH - 1) // 2
_PRE = DENSE | {"depth": DEPTH, "variant": "full_preact", "init": "he"}
_BATCH, _LAYER, _SCALED = range(3)
_LANES = ("BatchNorm", "LayerNorm", "no norm, branch ÷ √units")
_THIRDS = ("first third of the units", "second third", "last third")


def _variances(evidence: Evidence, lane: int, run: str = "main") -> np.ndarray:
    """Mean square of the stream before unit 1 and behind each unit at init: (S, U + 1)."""
    return evidence.history("activation_scale", lane, run)[0] ** 2


def _shares(evidence: Evidence, lane: int) -> np.ndarray:
    """‖F‖² / (‖F‖² + ‖x‖²) of each unit at init: (S, U)."""
    ratios = [answer["lanes"][lane]["ratio"] for answer in evidence.ask("shares")]
    squares = np.array(ratios, float) ** 2
    return squares / (1 + squares)


def _calculator(evidence: Evidence, lane: int) -> np.ndarray:
    """1 / (l + v): every branch adds a variance of 1 to a stream that began with v: (S, U)."""
    return 1 / (np.arange(1, UNITS + 1) + _variances(evidence, lane)[:, :1])


def _beside_the_calculator(lane: int) -> Callable[[Evidence], list[float]]:
    """Measured over calculated share, mean over the units, seed by seed."""

    def measure(evidence: Evidence) -> list[float]:
        return ratio(
            _shares(evidence, lane).mean(axis=1).tolist(),
            _calculator(evidence, lane).mean(axis=1).tolist(),
        )

    return measure


def _last_variance(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    return lambda evidence: [float(v) for v in _variances(evidence, lane, run)[:, -1]]


def _gain(lane: int) -> Callable[[Evidence], list[float]]:
    """By how much the stream's variance grows at a unit at init, mean over the units."""

    def measure(evidence: Evidence) -> list[float]:
        variances = _variances(evidence, lane)
        gains: list[float] = ((variances[:, -1] - variances[:, 0]) / UNITS).tolist()
        return gains

    return measure


def _damage(evidence: Evidence, lane: int) -> np.ndarray:
    """By how much the loss rises without one unit, mean over each third of the units: (S, 3)."""
    rows = []
    for answer in evidence.ask("lesion"):
        there = answer["lanes"][lane]
        rises = np.array(there["loss"], float) - number(there["base"]["loss"])
        rows.append([float(third.mean()) for third in np.array_split(rises, 3)])
    return np.array(rows)


def _last_over_first(lane: int) -> Callable[[Evidence], list[float]]:
    """How much a unit of the last third is missed, as a share of one of the first."""

    def measure(evidence: Evidence) -> list[float]:
        first, _, last = _damage(evidence, lane).T.tolist()
        return ratio(last, first)

    return measure


def _first_over_last_share(lane: int) -> Callable[[Evidence], list[float]]:
    def measure(evidence: Evidence) -> list[float]:
        shares = _shares(evidence, lane)
        return ratio(shares[:, 0].tolist(), shares[:, -1].tolist())

    return measure


def _share_chart(evidence: Evidence) -> Chart:
    units = list(range(1, UNITS + 1))
    series = [
        Series(name, units, final.median(_shares(evidence, lane)).tolist(), "resnet")
        for lane, name in enumerate(_LANES)
    ]
    calculated = final.median(_calculator(evidence, _BATCH)).tolist()
    series.append(Series("1 / (l + v)", units, calculated, dashed=True))
    return Chart(
        "The branch's share of the stream, at init",
        "unit l",
        "‖F‖² / ‖x + F‖²",
        series,
        log_x=True,
        log_y=True,
        note="v: the stream's variance before the first unit; F taken as independent of x",
    )


def _variance_chart(evidence: Evidence) -> Chart:
    points = list(range(UNITS + 1))
    rows = [("no norm", "start", 0), *((name, "main", lane) for lane, name in enumerate(_LANES))]
    series = [
        Series(label, points, final.median(_variances(evidence, lane, run)).tolist(), "resnet")
        for label, run, lane in rows
    ]
    return Chart(
        "The stream's variance, at init", "behind unit", "mean square of x", series, log_y=True
    )


def _damage_chart(evidence: Evidence) -> Chart:
    series = [
        Series(name, _THIRDS, final.median(_damage(evidence, lane)).tolist(), "resnet", "bars")
        for lane, name in enumerate(_LANES)
    ]
    return Chart(
        "Without one unit the loss rises by",
        "",
        "nats, mean over the units taken out",
        series,
        log_y=True,
        note="where a bar is missing, the loss does not rise",
    )


def _correct_choice(evidence: Evidence) -> int:
    last = float(np.median(_shares(evidence, _BATCH)[:, -1]))
    return 0 if last > 0.25 else 1 if last > 0.05 else 2


def _numbers(evidence: Evidence) -> dict[str, float | str]:
    shares = final.median(_shares(evidence, _BATCH))
    variances = {lane: float(np.median(_last_variance(lane)(evidence))) for lane in range(3)}
    missed = {
        lane: f"{round(100 * float(np.median(_last_over_first(lane)(evidence))))} %"
        for lane in range(3)
    }
    return {
        "first": round(float(shares[0]), 2),
        "tenth": round(float(shares[9]), 2),
        "last": round(float(shares[-1]), 3),
        "batch": round(variances[_BATCH]),
        "layer": round(variances[_LAYER]),
        "none": scientific(float(np.median(_last_variance(0, "start")(evidence)))),
        "batch_missed": missed[_BATCH],
        "layer_missed": missed[_LAYER],
        "scaled_missed": missed[_SCALED],
    }


SCENE = Scene(
    title="BatchNorm's shrinking share",
    question="In a residual net of fifty units each branch begins with BatchNorm. How much of the "
    "signal behind the last unit comes from that unit's own branch?",
    choices=(
        "about half, as in every unit",
        "about a tenth",
        "about a fiftieth",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_PRE | {"norm": "batch"}),
                Lane(family="resnet", knobs=_PRE | {"norm": "layer"}),
                Lane(family="resnet", knobs=_PRE | {"branch_scale": "inv_sqrt_depth"}),
            ],
            steps=200,
            lr=0.03,
            seeds=3,
            record_every=4,
        ),
        "start": Experiment(lanes=[Lane(family="resnet", knobs=_PRE)], steps=2, lr=0.0001, seeds=3),
    },
    asks=(
        Ask("shares", "shares", {"when": "init", "samples": 128}),
        Ask("lesion", "lesion", {"samples": 400}),
    ),
    figures=(
        Figure(
            "chart",
            "Without a norm the signal doubles at every unit. With one it grows by 1.",
            chart=_variance_chart,
        ),
        Figure(
            "chart",
            "So the branch's share falls as 1 / l: follow the dashed line.",
            chart=_share_chart,
        ),
        Figure("live", "All three of these nets learn.", panels=("loss",)),
        Figure(
            "chart",
            "After training: take one unit out. Which thirds does the net miss?",
            chart=_damage_chart,
        ),
    ),
    expects=(
        Expectation(
            "With BatchNorm the stream gains a variance of 1 at each unit, at init",
            _gain(_BATCH),
            at_least=0.8,
            at_most=1.25,
            unit="a unit",
        ),
        Expectation(
            "so does LayerNorm's",
            _gain(_LAYER),
            at_least=0.7,
            at_most=1.5,
            unit="a unit",
        ),
        Expectation(
            "Without a norm it doubles: behind the last unit it is beyond a billion",
            _last_variance(0, "start"),
            at_least=1e9,
            over="every",
        ),
        Expectation(
            "The branch's share is what the pocket calculator says, with BatchNorm",
            _beside_the_calculator(_BATCH),
            at_least=0.9,
            at_most=1.1,
            over="every",
            unit="of 1 / (l + v)",
        ),
        Expectation(
            "and with LayerNorm",
            _beside_the_calculator(_LAYER),
            at_least=0.8,
            at_most=1.25,
            over="every",
            unit="of 1 / (l + v)",
        ),
        Expectation(
            "The first unit's share is many times the last one's, with BatchNorm",
            _first_over_last_share(_BATCH),
            at_least=15,
            over="every",
            unit="×",
        ),
        Expectation(
            "Branches divided by √units have about the same share everywhere",
            _first_over_last_share(_SCALED),
            at_least=0.2,
            at_most=5,
            unit="×",
        ),
        Expectation(
            "The net with BatchNorm learns",
            final_loss(_BATCH),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "the one with LayerNorm too", final_loss(_LAYER), at_most=0.5, over="every", unit="nats"
        ),
        Expectation(
            "and the one without a norm, of scaled branches",
            final_loss(_SCALED),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "After training a unit of the last third is missed less than a tenth as much as one of "
            "the first, with BatchNorm",
            _last_over_first(_BATCH),
            at_most=0.1,
            over="every",
            unit="of the first",
        ),
        Expectation(
            "and with LayerNorm",
            _last_over_first(_LAYER),
            at_most=0.1,
            over="every",
            unit="of the first",
        ),
        Expectation(
            "With scaled branches, of equal shares, it is missed more than that",
            _last_over_first(_SCALED),
            at_least=0.12,
            at_most=1.5,
            unit="of the first",
        ),
        Expectation(
            "Every net needs its first third: without one unit of it the loss rises",
            lambda evidence: [
                float(v)
                for v in np.min([_damage(evidence, lane)[:, 0] for lane in range(3)], axis=0)
            ],
            at_least=0.002,
            over="every",
            unit="nats",
        ),
    ),
    headline=5,
    saw="With BatchNorm the first branch is {first} of the stream behind it, the tenth {tenth}, "
    "the last {last}. Behind the last unit the variance is {batch} with BatchNorm, {layer} with "
    "LayerNorm and {none} without a norm. After training a unit of the last third is missed "
    "{batch_missed} as much as one of the first with BatchNorm, {layer_missed} with LayerNorm, "
    "{scaled_missed} with scaled branches.",
    numbers=_numbers,
    misconception="“BatchNorm helps residual nets because it keeps every layer's signal at "
    "variance 1.” Inside the branch it does. On the stream the variance grows with every unit, "
    "and just that makes each later branch a smaller change: deep nets begin as shallow ones.",
    caveat="Fully connected nets at init, where branches are independent of the stream; on trained "
    "nets the share falls faster than the calculator says. Sun et al. speak of transformers with "
    "LayerNorm, where they find the variance growing exponentially in training; here it grows "
    "linearly. That later units are missed less also has another reason: scaled branches, which "
    "all have the same share, show it too, only less.",
    sources=(
        (
            "De & Smith 2020, Batch Normalization Biases Residual Blocks Towards the Identity "
            "Function in Deep Networks",
            "abstract",
        ),
        ("Sun et al. 2025, The Curse of Depth in Large Language Models", "abstract"),
    ),
    seconds=30,
    notes="We have seen that residual nets need not have BatchNorm. So what did it do for them? "
    "Take a pocket calculator. The branch is normalised, so it always adds a variance of one. The "
    "stream itself is not normalised: it collects. Behind unit l it holds about l. So the l-th "
    "branch is one part in l plus one of what leaves the unit. Vote: how much is the last of "
    "fifty? Now look: without a norm the variance doubles at each unit and leaves the chart. With "
    "BatchNorm and with LayerNorm it is a line that grows by one. The share follows the dashed "
    "curve of the calculator, over the whole depth. That is why such nets can be trained at once: "
    "at the start most of the depth is nearly the identity. Nobody asked for that; it comes with "
    "the place where the norm stands. And here is the bill: after training, take out one unit. "
    "From the first third the net misses it, from the last third hardly. The same happens in "
    "large language models, where it has a name: the curse of depth.",
    exercises=(
        (
            "A branch adds a variance of 1 to a stream of variance v. What is its share behind the "
            "l-th unit?",
            "The stream holds $v + l$, the branch 1 of it: $1 / (l + v)$.",
        ),
        (
            "By which factor must the l-th branch be scaled so that all have the share of the "
            "first, and what becomes of the stream's variance?",
            "The branch must grow as the stream does: with the share s each unit multiplies the "
            "variance by $1 / (1 - s)$. It grows exponentially, as without a norm. With a small "
            "s, such as one over the number of units, it stays below e times the start.",
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
        "no_batchnorm",
        "scale_off",
    ),
    order=19,
    proof_seed=2000,
)
