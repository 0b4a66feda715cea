"""Stripes in a highway net: cells carried through many layers. Are they learned?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    gates_off,
    highest,
    number,
    ratio,
    steps_to,
)

_DEEP = DENSE | {"depth": 21}
_SHUT, _OPEN = 0, 1  # the lanes: gate bias −2 and −1


def _carried(ask: str, lane: int, when: str, name: str) -> Callable[[Evidence], list[float]]:
    return lambda evidence: [number(a["lanes"][lane][when][name]) for a in evidence.ask(ask)]


def _fallen(evidence: Evidence) -> list[float]:
    """The share of the gate biases that training has lowered, of the lane that starts at −2."""
    start = evidence.experiment().lanes[_SHUT].knobs["gate_bias"]
    return [float((np.array(a["bias"], float) < start).mean()) for a in evidence.ask("trained")]


def _middle(values: list[float]) -> float:
    return float(np.median(values))


def _bars(evidence: Evidence) -> Chart:
    """Stripes and selectivity, before and after training."""
    rows: list[tuple[str, str, int, str]] = [
        ("highway, bias −2", "carried", _SHUT, "highway"),
        ("highway, bias −1", "carried", _OPEN, "highway"),
        ("plain", "carried_plain", 0, "plain"),
    ]
    series = []
    for label, when in (("before training", "init"), ("after", "now")):
        names, values = [], []
        for name, ask, lane, _ in rows:
            names.append(f"stripes: {name}")
            values.append(_middle(_carried(ask, lane, when, "stripes")(evidence)))
        for name, ask, lane, _ in rows[:2]:
            names.append(f"selective: {name}")
            values.append(_middle(_carried(ask, lane, when, "selective")(evidence)))
        family = "" if when == "init" else "highway"
        series.append(Series(label, names, values, family, "bars"))
    return Chart(
        "What is there before training, and what is learned",
        "",
        "share of cells",
        series,
        note="stripes: cells that a layer leaves within a tenth of a standard deviation;"
        " selective: cells whose T differs between samples",
    )


def _correct_choice(evidence: Evidence) -> int:
    before = _middle(_carried("carried", _SHUT, "init", "stripes")(evidence))
    after = _middle(_carried("carried", _SHUT, "now", "stripes")(evidence))
    return 0 if before < after / 2 else 1


def _numbers(evidence: Evidence) -> dict[str, Any]:
    def percent(ask: str, lane: int, when: str, name: str) -> int:
        return round(100 * _middle(_carried(ask, lane, when, name)(evidence)))

    return {
        "before": percent("carried", _SHUT, "init", "stripes"),
        "after": percent("carried", _SHUT, "now", "stripes"),
        "plain": percent("carried_plain", 0, "now", "stripes"),
        "selective_before": percent("carried", _OPEN, "init", "selective"),
        "selective": percent("carried", _OPEN, "now", "selective"),
        "fallen": round(100 * _middle(_fallen(evidence))),
    }


SCENE = Scene(
    title="Highway stripes",
    question="In the outputs of a trained highway net most cells run through many layers "
    "unchanged: stripes. Who put them there?",
    choices=("training did", "they were there before training"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="highway", knobs=_DEEP | {"gate_bias": -2.0}),
                Lane(family="highway", knobs=_DEEP | {"gate_bias": -1.0}),
            ],
            steps=600,
            lr=0.1,
            seeds=3,
            record_every=3,
        ),
        "plain": Experiment(
            lanes=[Lane(family="plain", knobs=_DEEP | {"activation": "tanh", "init": "glorot"})],
            steps=300,
            lr=0.03,
            seeds=3,
            record_every=3,
        ),
    },
    asks=(
        Ask("init", "gates", {"lane": _SHUT, "when": "init"}),
        Ask("trained", "gates", {"lane": _SHUT}),
        Ask("carried", "carried"),
        Ask("carried_plain", "carried", run="plain"),
    ),
    figures=(
        Figure(
            "live",
            "Watch the fourth picture: are there stripes in it at step 0?",
            panels=("gates",),
        ),
        Figure(
            "probe", "Before training: look for stripes in the picture on the right.", ask="init"
        ),
        Figure(
            "probe", "After training: which of the four pictures has changed most?", ask="trained"
        ),
        Figure("chart", "Stripes hardly change, selectivity does.", chart=_bars),
    ),  # fmt: skip
    expects=(
        Expectation(
            "What is drawn as T is T: at first at most this far from σ(gate bias)",
            lambda evidence: gates_off(evidence, (_SHUT, _OPEN)),
            at_most=0.02,
            over="every",
        ),
        Expectation(
            "Both highway nets learn the task",
            highest(("main", _SHUT), ("main", _OPEN)),
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The plain net does, too, if with setbacks: its loss falls below 1",
            lambda evidence: steps_to(evidence, 0, 1.0, "plain"),
            at_most=290,
            over="every",
            unit="steps",
        ),
        Expectation(
            "Most cells of the trained highway net are carried",
            _carried("carried", _SHUT, "now", "stripes"),
            at_least=0.5,
            over="every",
        ),
        Expectation(
            "In a plain net few are",
            _carried("carried_plain", 0, "now", "stripes"),
            at_most=0.3,
            over="every",
        ),
        Expectation(
            "Cells are carried before any training, too",
            lambda evidence: ratio(
                _carried("carried", _SHUT, "init", "stripes")(evidence),
                _carried("carried", _SHUT, "now", "stripes")(evidence),
            ),
            at_least=0.6,
            over="every",
            unit="of the trained share",
        ),
        Expectation(
            "What is learned: cells whose gate depends on the sample",
            lambda evidence: [
                now - init
                for now, init in zip(
                    _carried("carried", _OPEN, "now", "selective")(evidence),
                    _carried("carried", _OPEN, "init", "selective")(evidence),
                    strict=True,
                )
            ],
            at_least=0.15,
            over="every",
            unit="more of the cells",
        ),
        Expectation(
            "Most gate biases fall further in training",
            _fallen,
            at_least=0.6,
            over="every",
            unit="of the biases",
        ),
    ),
    headline=5,
    saw="With gate bias −2, {before} % of the cells are stripes before training and {after} % "
    "after; in a plain net {plain} %. With bias −1, {selective_before} % of the cells have a gate "
    "that depends on the sample before training and {selective} % after. {fallen} % of the biases "
    "fell.",
    numbers=_numbers,
    misconception="“The stripes show that the net has learned to carry information.” They show "
    "its gate bias: an untrained net has them.",
    caveat="Stripes tell highway from plain nets, not trained from untrained ones. The paper also "
    "reports that biases grow with depth on CIFAR-100 and that the change sits in the early layers "
    "(Srivastava et al. 2015, Training Very Deep Networks, section 4); on this small task neither "
    "is expected.",
    sources=(
        ("Srivastava et al. 2015, Training Very Deep Networks", "Fig. 2 and section 4"),
        ("Srivastava et al. 2015, Highway Networks", "section 4"),
    ),
    seconds=10,
    notes="This is the most beautiful figure of the highway paper: four pictures, layers downwards "
    "and cells across. The biases, the mean gate, the gate for one sample, and the outputs. Point "
    "at the last: vertical stripes, cells that hand on their value through many layers, an "
    "information highway. Vote: who put them there? Now show the same four pictures of the net "
    "before training. The stripes are there. They are the work of the gate bias, which somebody "
    "set by hand. What has changed is the third picture: for a single sample some gates now open "
    "and others stay shut, and for another sample others do. The bars say it in numbers: stripes "
    "hardly change, selectivity comes from nothing. And most biases have fallen further, as the "
    "paper says. The lesson is a general one: show the untrained net next to every picture of a "
    "trained one.",
    exercises=(
        (
            "Which picture of an untrained net would you ask for, when somebody shows you that a "
            "trained net's first filters look like edges?",
            "The same filters at init, drawn on the same scale. If they look alike, training has "
            "not made them.",
        ),
        (
            "Why does a more negative gate bias make longer stripes?",
            "A cell is changed by $T (H - x)$. With a smaller T every layer changes it less, so it "
            "takes more layers to lose its old value.",
        ),
    ),
    notices=("labels_shuffled", "rate_0", "gates_inverted", "highway_returns_h"),
    tolerates={"one_batch": "stripes are the gate bias's work, whatever the net learns from"},
    order=5,
)
