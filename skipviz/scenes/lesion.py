"""Take one layer out of a trained net: who notices, and what does it mean if nobody does?"""

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
    number,
    ratio,
)

_DEEP = DENSE | {"depth": 21}
_ROWS = (
    ("plain-11", "cut", 0, "plain"),
    ("residual-21", "cut", 1, "resnet"),
    ("dense-21", "cut", 2, "densenet"),
    ("highway-21, bias −1", "gates", 0, "highway"),
    ("highway-21, bias −4", "gates", 1, "highway"),
)
_PLAIN, _RESIDUAL, _DENSE = (("cut", lane) for lane in range(3))
_IDLE = ("gates", 1)


def _whole(place: tuple[str, int]) -> Callable[[Evidence], list[float]]:
    ask, lane = place
    return lambda evidence: [
        number(a["lanes"][lane]["base"]["accuracy"]) for a in evidence.ask(ask)
    ]


def _one(place: tuple[str, int]) -> Callable[[Evidence], list[float]]:
    """Accuracy without one unit, mean over the units."""
    ask, lane = place
    return lambda evidence: [number(a["lanes"][lane]["mean"]) for a in evidence.ask(ask)]


def _half(place: tuple[str, int]) -> Callable[[Evidence], list[float]]:
    """Accuracy without a random half of the units."""
    ask, lane = place
    return lambda evidence: [
        number(a["lanes"][lane]["half"]["accuracy"]) for a in evidence.ask(ask)
    ]


def _kept(
    part: Callable[[tuple[str, int]], Callable[[Evidence], list[float]]], place: tuple[str, int]
) -> Callable[[Evidence], list[float]]:
    """The share of the whole net's accuracy that is left."""
    return lambda evidence: ratio(part(place)(evidence), _whole(place)(evidence))


def _bars(evidence: Evidence) -> Chart:
    """For each net: whole, without one unit, without half of them."""
    names = [name for name, *_ in _ROWS]
    series = []
    for label, part, family in (
        ("whole", _whole, ""),
        ("without one unit (mean)", _one, "cut"),
        ("without half of them", _half, "cut"),
    ):
        values = [float(np.median(part((ask, lane))(evidence))) for _, ask, lane, _ in _ROWS]
        series.append(Series(label, names, values, family, "bars"))
    return Chart("Accuracy after a lesion", "net", "accuracy on training samples", series)


def _correct_choice(evidence: Evidence) -> int:
    plain = float(np.median(_kept(_one, _PLAIN)(evidence))) < 0.6
    residual = float(np.median(_kept(_one, _RESIDUAL)(evidence))) < 0.6
    return 0 if plain and residual else 1 if plain else 2


def _numbers(evidence: Evidence) -> dict[str, int]:
    def percent(values: list[float]) -> int:
        return round(100 * float(np.median(values)))

    return {
        "plain": percent(_one(_PLAIN)(evidence)),
        "residual": percent(_one(_RESIDUAL)(evidence)),
        "dense": percent(_one(_DENSE)(evidence)),
        "residual_half": percent(_half(_RESIDUAL)(evidence)),
        "highway_half": percent(_half(("gates", 0))(evidence)),
        "idle_half": percent(_half(_IDLE)(evidence)),
    }


SCENE = Scene(
    title="Lesion",
    question="We take one layer out of a trained net and do not train it again. What is left of "
    "its accuracy, in a plain and in a residual net?",
    choices=(
        "nearly nothing in both",
        "nothing in the plain net, nearly all in the residual one",
        "nearly all in both",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=DENSE | {"depth": 11, "init": "he"}),
                Lane(family="resnet", knobs=_DEEP),
                Lane(family="densenet", knobs=_DEEP),
            ],
            steps=300,
            lr=0.03,
            seeds=3,
            record_every=3,
        ),
        "highway": Experiment(
            lanes=[
                Lane(family="highway", knobs=_DEEP | {"gate_bias": bias}) for bias in (-1.0, -4.0)
            ],
            steps=500,
            lr=0.1,
            seeds=3,
            record_every=3,
        ),
    },
    asks=(
        Ask("cut", "lesion", {"samples": 1000}),
        Ask("gates", "lesion", {"samples": 1000}, run="highway"),
    ),
    figures=(
        Figure("live", "All three nets learn.", panels=("loss",)),
        Figure(
            "probe", "A point for each layer that was taken out; dashed: the whole net.", ask="cut"
        ),
        Figure(
            "probe", "The same for highway nets: gate bias −1, and −4.", run="highway", ask="gates"
        ),
        Figure("chart", "What is left without one unit, and without half of them?", chart=_bars),
    ),  # fmt: skip
    expects=(
        Expectation(
            "Whole, every net has learned its training samples",
            lambda evidence: [
                min(each)
                for each in zip(
                    *(_whole((ask, lane))(evidence) for _, ask, lane, _ in _ROWS), strict=True
                )
            ],
            at_least=0.9,
            unit="of the samples",
        ),
        Expectation(
            "The plain net does not survive the loss of one layer",
            _kept(_one, _PLAIN),
            at_most=0.5,
            over="every",
            unit="of the accuracy",
        ),
        Expectation(
            "The residual net hardly notices it",
            _kept(_one, _RESIDUAL),
            at_least=0.85,
            over="every",
            unit="of the accuracy",
        ),
        Expectation(
            "Nor does the dense net",
            _kept(_one, _DENSE),
            at_least=0.85,
            over="every",
            unit="of the accuracy",
        ),
        Expectation(
            "Its layers are not idle: without half of them it errs more often",
            _kept(_half, _DENSE),
            at_most=0.99,
            unit="of the accuracy",
        ),
        Expectation(
            "Nor are those of a highway net with gate bias −1",
            _kept(_half, ("gates", 0)),
            at_most=0.97,
            unit="of the accuracy",
        ),
        Expectation(
            "A highway net with gate bias −4 keeps its accuracy without half of its layers: "
            "they were idle",
            _kept(_half, _IDLE),
            at_least=0.9,
            over="every",
            unit="of the accuracy",
        ),
    ),
    headline=1,
    saw="Without one of its units the plain net is right in {plain} % of the cases, the residual "
    "net in {residual} %, the dense net in {dense} % (mean over units). Without a random half: "
    "residual {residual_half} %, highway with gate bias −1 {highway_half} %, with gate bias −4 "
    "{idle_half} %.",
    numbers=_numbers,
    misconception="“The net shrugs off a lesion, so it is robust.” Perhaps the layer did nothing: "
    "a highway net with shut gates does not miss half of its layers.",
    caveat="Units are taken out, not retrained; a plain layer is replaced by the identity, which "
    "is the gentlest way there is. Measured on training samples. The plain net has fewer layers, "
    "because a deeper one would not train, so each of them carries more.",
    sources=(
        ("Veit et al. 2016, Residual Networks Behave Like Ensembles", "section 4.1 and Fig. 3"),
        ("Srivastava et al. 2015, Training Very Deep Networks", "section 4.2 and Fig. 4"),
    ),
    seconds=12,
    notes="A question for surgeons: we cut one layer out of a trained net, sew the ends together, "
    "and do not train again. Vote for plain and residual. Run. Then the second figure: each point "
    "is the accuracy without that one layer. The plain net is at guessing, whichever layer you "
    "take: every layer expects exactly what its neighbour used to say. The residual net sits on "
    "the dashed line: without its branch a unit still hands on x, and the others correct a little "
    "less. Dense nets the same. This is how Veit and colleagues argued that a ResNet behaves like "
    "a crowd of shallow nets. Now the trap. Look at the highway net with gate bias −4: take out "
    "half of all layers, and nothing happens. That is not strength. Those layers have never "
    "opened their gates. A net that does not mind losing its layers may not have been using them.",
    exercises=(
        (
            "Which second measurement tells “robust” from “idle”?",
            "Damage that grows: take out more and more units. A robust net degrades step by step; "
            "of an idle one you can take many, and then, when the few that work are hit, all is "
            "lost. Or look at ‖F(x)‖/‖x‖ of each unit: an idle one adds nothing.",
        ),
        (
            "Why does replacing a plain layer by the identity ruin the net, though the shapes fit?",
            "The next layer was trained on the output of that layer, which is another basis and "
            "scale than its input. In a residual net input and output are nearly the same signal.",
        ),
    ),
    notices=("no_skip", "labels_shuffled", "dense_branches_0", "one_batch"),
    tolerates={
        "he_gain_1": "a plain net that learned from the smaller init does without no layer either",
    },
    order=7,
    proof_seed=2000,
)
