"""What do the layers do: does each build something new, or correct what is there?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import Ask, Chart, Evidence, Expectation, Figure, Scene, Series, number

UNITS, HALFWAY = 10, 5
_KNOBS = DENSE | {"depth": UNITS + 1}
_ONE_LAYER = _KNOBS | {"variant": "relu_before_add", "branch_layers": 1}
_NETS = (
    ("plain", "plain"),
    ("residual", "resnet"),
    ("residual, BatchNorm", "resnet"),
    ("highway", "highway"),
)
_PLAIN, _RESIDUAL, _BATCH, _HIGHWAY = range(4)
_SKIPS = (_RESIDUAL, _BATCH, _HIGHWAY)
_SHOWN = (_PLAIN, _BATCH, _RESIDUAL, _HIGHWAY)
"""The order in charts, where the first of a family is the palest."""
_Measure = Callable[[Evidence], list[float]]


def _there(evidence: Evidence, lane: int) -> list[dict[str, Any]]:
    """The probe's answer of a lane, seed by seed."""
    return [answer["lanes"][lane] for answer in evidence.ask("unrolled")]


def _whole(lane: int, values: str = "accuracy") -> _Measure:
    """Accuracy or loss of the trained net as it is, on training samples."""
    return lambda evidence: [number(there["base"][values]) for there in _there(evidence, lane)]


def _read(evidence: Evidence, lane: int, values: str = "accuracy") -> np.ndarray:
    """Accuracy or loss of the net's own head after each unit: (S, P), first after the stem."""
    return np.array([there[values] for there in _there(evidence, lane)], float)


def _at(lane: int, unit: int, values: str = "accuracy") -> _Measure:
    """The same after one unit."""
    return lambda evidence: _read(evidence, lane, values)[:, unit].tolist()


def _too_early(evidence: Evidence) -> list[float]:
    """Accuracy of the plain net's head, mean over all places before its last unit."""
    return [float(v) for v in _read(evidence, _PLAIN)[:, :-1].mean(axis=1)]


def _lowered(evidence: Evidence) -> list[float]:
    """The share of the units that lower the head's loss, in that net with skips where it is
    smallest."""
    shares = [(np.diff(_read(evidence, lane, "loss")) < 0).mean(axis=1) for lane in _SKIPS]
    return [float(v) for v in np.min(shares, axis=0)]


def _swapped(lane: int) -> _Measure:
    """Accuracy with two neighbours swapped, mean over all pairs."""
    return lambda evidence: [number(there["mean"]) for there in _there(evidence, lane)]


def _shuffled(lane: int) -> _Measure:
    """Accuracy with all units in a random order, mean over the orders."""
    return lambda evidence: [
        float(np.mean(np.array(there["shuffled"]["accuracy"], float)))
        for there in _there(evidence, lane)
    ]


def _least(measure: Callable[[int], _Measure], lanes: tuple[int, ...] = _SKIPS) -> _Measure:
    """Of several nets the smallest number, seed by seed."""
    return lambda evidence: [
        min(each) for each in zip(*(measure(lane)(evidence) for lane in lanes), strict=True)
    ]


def _most(measure: Callable[[int], _Measure], lanes: tuple[int, ...]) -> _Measure:
    return lambda evidence: [
        max(each) for each in zip(*(measure(lane)(evidence) for lane in lanes), strict=True)
    ]


def _read_chart(evidence: Evidence) -> Chart:
    series = []
    for lane in _SHOWN:
        name, family = _NETS[lane]
        accuracies = [100 * float(v) for v in final.median(_read(evidence, lane))]
        units = list(range(len(accuracies)))
        series.append(Series(name, units, accuracies, family, dashed=lane == _BATCH))
    return Chart(
        "The classifier reads the signal early",
        "units that the signal has passed through",
        "right answers, %",
        series,
        note="the net's own classifier, on training samples; median over seeds",
    )


def _order_chart(evidence: Evidence) -> Chart:
    changes = {
        "as trained": _whole,
        "two neighbours swapped": _swapped,
        "all units shuffled": _shuffled,
    }
    series = []
    for lane in _SHOWN:
        name, family = _NETS[lane]
        values = [100 * float(np.median(part(lane)(evidence))) for part in changes.values()]
        series.append(Series(name, list(changes), values, family, "bars"))
    return Chart(
        "The order of the units is changed",
        "",
        "right answers, %",
        series,
        note="on training samples; mean over pairs and orders, median over seeds",
    )


def _correct_choice(evidence: Evidence) -> int:
    plain = float(np.median(_at(_PLAIN, HALFWAY)(evidence)))
    skips = float(np.median(_least(lambda lane: _at(lane, HALFWAY))(evidence)))
    return 0 if max(plain, skips) < 0.5 else 1 if plain < 0.5 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    def percent(measure: _Measure) -> int:
        return round(100 * float(np.median(measure(evidence))))

    numbers: dict[str, float] = {"plain": percent(_whole(_PLAIN))}
    numbers["plain_early"] = percent(_too_early)
    numbers["plain_swapped"] = percent(_swapped(_PLAIN))
    for name, lane in (("residual", _RESIDUAL), ("batch", _BATCH), ("highway", _HIGHWAY)):
        numbers[f"{name}_stem"] = percent(_at(lane, 0))
        numbers[f"{name}_halfway"] = percent(_at(lane, HALFWAY))
        numbers[f"{name}_shuffled"] = percent(_shuffled(lane))
    least = 100 * float(np.median(_least(_swapped)(evidence)))
    return numbers | {"swapped": round(least, 1)}


SCENE = Scene(
    title="What do the layers do?",
    question="Four trained nets of ten units each. We let a net's classifier read the signal "
    "earlier: after every unit. From which point on does it recognise the digits?",
    choices=(
        "in every net only after the last unit",
        "in the plain net only after the last unit, in nets with skips a little better after each",
        "in every net a little better after each unit",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=_KNOBS | {"init": "he"}),
                Lane(family="resnet", knobs=_ONE_LAYER),
                Lane(family="resnet", knobs=_ONE_LAYER | {"init": "he", "norm": "batch"}),
                Lane(family="highway", knobs=_KNOBS | {"gate_bias": -1.0}),
            ],
            steps=600,
            lr=0.02,
            seeds=3,
            record_every=6,
        )
    },
    asks=(Ask("unrolled", "unrolled", {"samples": 1000, "stretch": UNITS, "orders": 10}),),
    figures=(
        Figure(
            "chart",
            "One net is blind until its last unit. The others see better with every unit.",
            chart=_read_chart,
        ),
        Figure(
            "chart",
            "Two units change places: who minds? And all of them?",
            chart=_order_chart,
        ),
        Figure("probe", "Unit by unit, pair by pair, order by order.", ask="unrolled"),
        Figure("live", "All four nets have learned, the plain one too.", panels=("loss",)),
    ),
    expects=(
        Expectation(
            "Every net knows its training samples, the plain one too",
            _least(_whole, (_PLAIN, *_SKIPS)),
            at_least=0.95,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "and its loss on them is small",
            _most(lambda lane: _whole(lane, "loss"), (_PLAIN, *_SKIPS)),
            at_most=0.15,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Before its last unit the plain net's classifier only guesses",
            _too_early,
            at_most=0.2,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "Halfway the classifiers of all nets with skips know most of the samples",
            _least(lambda lane: _at(lane, HALFWAY)),
            at_least=0.8,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "The units do the work: after the stem alone their loss is still large",
            _least(lambda lane: _at(lane, 0, "loss")),
            at_least=0.4,
            over="every",
            unit="nats",
        ),
        Expectation(
            "and nearly every unit lowers it",
            _lowered,
            at_least=0.8,
            over="every",
            unit="of the units",
        ),
        Expectation(
            "With two neighbours swapped the plain net guesses",
            _swapped(_PLAIN),
            at_most=0.25,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "Nets with skips hardly notice it",
            _least(_swapped),
            at_least=0.95,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "With all ten units shuffled the residual and the highway net still know most samples",
            _least(_shuffled, (_RESIDUAL, _HIGHWAY)),
            at_least=0.85,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "The residual net with BatchNorm knows fewer: to it the order matters",
            _shuffled(_BATCH),
            at_least=0.2,
            at_most=0.85,
            over="every",
            unit="of the samples",
        ),
    ),
    headline=3,
    saw="Before its last unit the plain net's classifier is right in {plain_early} % of the cases "
    "(mean over the units), at the end in {plain} %. After the stem and halfway: residual "
    "{residual_stem} % and {residual_halfway} %, with BatchNorm {batch_stem} % and "
    "{batch_halfway} %, highway {highway_stem} % and {highway_halfway} %. With two neighbours "
    "swapped: plain {plain_swapped} %, the others at least {swapped} %. With all units shuffled: "
    "residual {residual_shuffled} %, with BatchNorm {batch_shuffled} %, highway "
    "{highway_shuffled} %.",
    numbers=_numbers,
    misconception="“Each layer of a deep net builds more abstract features out of those of the "
    "layer before.” In the plain net each layer does depend on the one before. In the nets with "
    "skips the units of one width correct one and the same estimate, and two of them may change "
    "places.",
    caveat="Refining does not mean that the order is unimportant: the residual net with "
    "BatchNorm loses much of its accuracy when all units are shuffled. It begins with larger "
    "weights, too; with those of the other residual net it loses less. That the plain net's "
    "classifier cannot read an early signal does not say that the digit is not in it: a classifier "
    "trained there might find it. Small nets, an easy task and training samples. In convolutional "
    "nets only units of one stage can change places.",
    sources=(
        (
            "Greff et al. 2017, Highway and Residual Networks learn Unrolled Iterative Estimation",
            "abstract",
        ),
        (
            "Veit et al. 2016, Residual Networks Behave Like Ensembles",
            "section 4.3: reordered modules",
        ),
    ),
    seconds=12,
    notes="Ask a student what the layers of a deep net do, and you hear: edges, then shapes, then "
    "objects, each layer something new. Let us look. Here are four trained nets of ten units "
    "each, and all four know their digits. The classifier is the last layer. I do not train "
    "anything any more; I only let that classifier read the signal earlier: after the first unit, "
    "after the second, and so on. Vote: from which point on does it recognise the digits? Run. The "
    "plain net is blind until its very last unit: every layer speaks a language of its own, and "
    "the classifier understands only the last one. In the nets with skips it is right more and "
    "more often, unit by unit. All of these units write on the same sheet, and each corrects the "
    "estimate a little. Greff and colleagues call this unrolled iterative estimation. If that is "
    "so, the order should hardly matter. So swap two neighbours. The plain net falls apart, the "
    "others do not even notice. Now shuffle all of them, and here is the limit: two of these nets "
    "bear it well, the one with BatchNorm loses much of its accuracy. Corrections build upon each "
    "other, too. It is one view of what depth does, and not the whole truth.",
    exercises=(
        (
            "Why can the classifier of a residual net read the signal after any unit, though it "
            "was trained on the last one only?",
            "$x_L = x_l + \\sum_{i=l}^{L-1} F_i(x_i)$: what stands on the trunk at unit $l$ is "
            "a summand of what the classifier gets. Without the rest it reads an unfinished sum, "
            "in the same coordinates. In a plain net $x_L = H(x_{L-1})$, and nothing keeps the "
            "coordinates.",
        ),
        (
            "Two neighbouring residual units change places. Which terms of the output change, and "
            "when are they small?",
            "In order: $x + F_1(x) + F_2(x + F_1(x))$; swapped: $x + F_2(x) + F_1(x + F_2(x))$. To "
            "first order they differ by $F_2'F_1 - F_1'F_2$, a product of two branches: small "
            "beside the branches where each changes the signal little.",
        ),
    ),
    notices=(
        "no_skip",
        "labels_shuffled",
        "rate_0",
        "highway_returns_h",
        "gate_bias_reversed",
    ),
    tolerates={
        "he_gain_1": "a plain net of ten units learns from smaller weights, too, and BatchNorm "
        "divides by their size"
    },
    order=23,
)
