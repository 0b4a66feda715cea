"""Effective paths: through how many of its units does a residual net's gradient really go?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import Ask, Evidence, Expectation, Figure, Scene, highest, norms_off, number

DEPTH = 51
UNITS = (DEPTH - 1) // 2
_DEEP = DENSE | {"depth": DEPTH}


def _end(name: str, lane: int, side: int, of: str = "middle") -> Callable[[Evidence], list[float]]:
    """An end of the middle 90 %, seed by seed: side 0 the short, 1 the long one."""
    return lambda evidence: [
        number(answer["lanes"][lane][of][side]) for answer in evidence.ask(name)
    ]


def _factor(name: str) -> Callable[[Evidence], list[float]]:
    return lambda evidence: [number(answer["lanes"][0]["factor"]) for answer in evidence.ask(name)]


def _middle(evidence: Evidence, name: str = "paths", lane: int = 0) -> list[float]:
    """The length in the middle of a lane's gradient, seed by seed."""
    middles = []
    for answer in evidence.ask(name):
        below = np.cumsum(np.array(answer["lanes"][lane]["gradient"], float))
        middles.append(float(np.searchsorted(below, 0.5)))
    return middles


def _correct_choice(evidence: Evidence) -> int:
    middle = float(np.median(_middle(evidence)))
    return 0 if middle < UNITS / 3 else 1 if middle < 2 * UNITS / 3 else 2


def _numbers(evidence: Evidence) -> dict[str, int | float]:
    def median(measure: Callable[[Evidence], list[float]]) -> int:
        return round(float(np.median(measure(evidence))))

    return {
        "units": UNITS,
        "middle": median(_middle),
        "highway": median(lambda evidence: _middle(evidence, lane=1)),
        "short": median(_end("paths", 0, 0)),
        "long": median(_end("paths", 0, 1)),
        "few": median(_end("paths", 0, 0, "middle_count")),
        "many": median(_end("paths", 0, 1, "middle_count")),
        "factor": round(10 ** -float(np.median(_factor("paths")(evidence))), 1),
    }


SCENE = Scene(
    title="Effective paths",
    question=f"A residual net of {UNITS} units is a sum over all ways through or around them. "
    "Through how many units do the paths go that carry most of the gradient?",
    choices=("a third of them or fewer", "about half of them", "nearly all of them"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_DEEP),
                Lane(family="highway", knobs=_DEEP | {"depth": UNITS + 1, "gate_bias": -2.0}),
            ],
            steps=400,
            lr=0.05,
            seeds=3,
        )
    },
    asks=(
        Ask("paths", "paths", {"draws": 6}),
        Ask("paths_at_init", "paths", {"draws": 6, "when": "init"}),
        Ask("shares", "shares"),
        Ask("check", "cross_check"),
    ),
    figures=(
        Figure("live", "A residual and a highway net learn.", panels=("loss", "profile")),
        Figure(
            "probe",
            "Grey: the paths that there are. Coloured: the gradient, far to the left of them.",
            ask="paths",
        ),
        Figure("probe", "Before training it was so, too.", ask="paths_at_init"),
        Figure("probe", "At most units most of the gradient goes around.", ask="shares"),
    ),
    expects=(
        Expectation(
            "Both nets learn the task",
            highest(("main", 0), ("main", 1)),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Most of the residual net's gradient takes paths through at most a third of its units",
            _middle,
            at_most=UNITS // 3,
            over="every",
            unit="units",
        ),
        Expectation(
            "and so it did before training",
            lambda evidence: _middle(evidence, "paths_at_init"),
            at_most=UNITS // 3,
            over="every",
            unit="units",
        ),
        Expectation(
            "So does the highway net's, whose gates begin nearly shut",
            lambda evidence: _middle(evidence, lane=1),
            at_most=UNITS // 3,
            over="every",
            unit="units",
        ),
        Expectation(
            "The longest paths that matter are still shorter than a typical path",
            _end("paths", 0, 1),
            at_most=UNITS // 2,
            unit="units",
        ),
        Expectation(
            "Each unit more on a path shrinks its gradient",
            _factor("paths"),
            at_most=-0.2,
            over="every",
            unit="decades",
        ),
        Expectation(
            "The norms drawn are right: autograd in float64 gives the same",
            lambda evidence: norms_off(evidence, "check", range(2)),
            at_most=0.01,
            over="every",
            unit="of the norm off",
        ),
    ),
    headline=1,
    saw="Of the {units} units, the middle of the gradient goes through {middle}; nine tenths of "
    "it take paths through {short} to {long}. Of all paths nine tenths go through {few} to {many}. "
    "Each unit more divides a path's gradient by {factor}. In the highway net the middle of the "
    "gradient goes through {highway}.",
    numbers=_numbers,
    misconception="“A residual net is an ensemble of all its paths.” There are very many paths, "
    "but the long ones carry almost nothing.",
    caveat="Norms along single paths do not add up to the norm of their sum, because paths may "
    "agree or cancel; and few paths of each length are drawn. That short paths carry the gradient "
    "does not mean that the net is shallow: the output uses all units.",
    sources=(
        ("Veit et al. 2016, Residual Networks Behave Like Ensembles", "section 3"),
        ("Veit et al. 2016, Residual Networks Behave Like Ensembles", "section 5, Fig. 6"),
    ),
    seconds=20,
    notes="Draw three units in a row, each with its arrow around it, and let the room count the "
    "ways from left to right: two for the first, and every unit doubles them. With this net it is "
    "a number of eight digits. Ask how long a typical way is: half of the units, it is a coin "
    "toss. Then ask through which of them the gradient comes. Run, and show grey beside colour. "
    "The gradient lives on the short side: every unit on the way costs a factor, and the number of "
    "ways does not make up for it. Veit and colleagues found the same in a net of 110 layers, "
    "where most of the gradient comes through 10 to 34 layers (Veit et al. 2016, abstract).",
    exercises=(
        (
            "How many paths are there through a residual net of 3 units, and how many of each "
            "length?",
            "$2^3 = 8$: one around all units, three through one, three through two, one through "
            "all three.",
        ),
        (
            "Each unit on a path divides its gradient by 4. Which length carries most in a net of "
            "10 units?",
            "The share of length $k$ goes with their number times $4^{-k}$: 1 for none, "
            "$10 / 4 = 2.5$ for one unit, $45 / 16 \\approx 2.81$ for two, "
            "$120 / 64 = 1.875$ for three. Two units carry most.",
        ),
    ),
    notices=("no_skip_in_module", "norms_times_batch", "scale_off", "gradients_exchanged"),
    tolerates={
        "one_batch": "paths are weighed by what they carry, whatever the net learns from",
    },
    order=15,
)
