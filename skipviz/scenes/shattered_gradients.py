"""Shattered gradients: does the gradient at one input resemble that at the next?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import Ask, Chart, Evidence, Expectation, Figure, Scene, number, seed_dots

DEPTH = 25
SCALE = 0.1
_DEEP = DENSE | {"depth": DEPTH, "init": "he"}
_NORM = _DEEP | {"norm": "batch"}
_PLAIN, _PLAIN_NORM, _RESIDUAL, _SCALED = range(4)
_NAMES = ("plain", "plain + BatchNorm", "residual + BatchNorm", f"the same, branches × {SCALE:g}")


def _neighbours(lane: int) -> Callable[[Evidence], list[float]]:
    """The autocorrelation at a distance of one point, seed by seed."""
    return lambda evidence: [
        number(answer["lanes"][lane]["autocorrelation"][0]) for answer in evidence.ask("shattering")
    ]


def _changes(lane: int) -> Callable[[Evidence], list[float]]:
    return lambda evidence: [
        number(answer["lanes"][lane]["sign_changes"]) for answer in evidence.ask("shattering")
    ]


def _gain(evidence: Evidence) -> list[float]:
    """How much more alike neighbours are with small branches than with whole ones."""
    pairs = zip(_neighbours(_SCALED)(evidence), _neighbours(_RESIDUAL)(evidence), strict=True)
    return [scaled - whole for scaled, whole in pairs]


def _dots(evidence: Evidence) -> Chart:
    series = []
    for lane, name in enumerate(_NAMES):
        values = _neighbours(lane)(evidence)
        family = "plain" if lane < _RESIDUAL else "resnet"
        series.append(seed_dots(name, values, family, name))
    return Chart(
        "How alike are the gradients at neighbouring points?",
        "",
        "autocorrelation (1: alike, 0: white noise)",
        series,
        note="one dot per seed: the median over ten lines",
    )


def _correct_choice(evidence: Evidence) -> int:
    plain, norm, whole, scaled = (float(np.median(_neighbours(i)(evidence))) for i in range(4))
    return 1 if norm < 0.3 and norm < plain and whole < scaled else 0 if whole > 0.6 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    names = ("plain", "norm", "whole", "scaled")
    near = {n: float(np.median(_neighbours(i)(evidence))) for i, n in enumerate(names)}
    return near | {f"{n}_signs": float(np.median(_changes(i)(evidence))) for i, n in
                   enumerate(names)}  # fmt: skip


SCENE = Scene(
    title="Shattered gradients",
    question="Walk in a straight line from one picture to another and watch the gradient. In a "
    "plain net with BatchNorm it becomes white noise. Do skips alone cure that?",
    choices=(
        "yes, a residual net's gradient stays smooth",
        "no, only with small branches",
        "nothing shatters here",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="plain", knobs=_DEEP),
                Lane(family="plain", knobs=_NORM),
                Lane(family="resnet", knobs=_NORM | {"variant": "full_preact"}),
                Lane(
                    family="resnet", knobs=_NORM | {"variant": "full_preact", "branch_scale": SCALE}
                ),
            ],
            steps=20,
            lr=0.03,
            seeds=3,
        )
    },
    asks=(Ask("shattering", "shattering", {"when": "init", "lines": 10}),),
    figures=(
        Figure(
            "probe",
            "The same line through four nets, at init: which trace is noise?",
            ask="shattering",
        ),
        Figure("chart", "At 0 the gradient is white noise, at 1 it is smooth.", chart=_dots),
    ),
    expects=(
        Expectation(
            "With BatchNorm the plain net's gradient is white noise",
            _neighbours(_PLAIN_NORM),
            at_most=0.2,
        ),
        Expectation(
            "The plain net's gradient changes its sign far more often than that of the scaled "
            "residual net",
            lambda e: [
                a / max(b, 1)
                for a, b in zip(_changes(_PLAIN_NORM)(e), _changes(_SCALED)(e), strict=True)
            ],
            at_least=3,
            unit="×",
        ),
        Expectation(
            "Small branches keep neighbours alike",
            _neighbours(_SCALED),
            at_least=0.6,
            over="every",
        ),
        Expectation("more than whole branches do", _gain, at_least=0.3, over="every"),
    ),  # fmt: skip
    headline=1,
    saw="Autocorrelation of neighbouring points: plain {plain}, plain with BatchNorm {norm}, "
    "residual with BatchNorm {whole}, with small branches {scaled}. The sign changes "
    "{plain_signs}, {norm_signs}, {whole_signs} and {scaled_signs} times along the line.",
    numbers=_numbers,
    misconception="“Skips stop gradients from shattering.” With BatchNorm in whole branches they "
    "hardly slow it; with small branches they stop it.",
    caveat="Nets at init, not trained ones. A plain net without BatchNorm shatters slowly, and the "
    "spread between lines and seeds is wide: medians over ten lines are shown. The line runs "
    "between two pictures, where the paper has inputs of one dimension (Balduzzi et al. 2017, "
    "section 2).",
    sources=(
        ("Balduzzi et al. 2017, The Shattered Gradients Problem", "section 2, Fig. 1"),
        ("Balduzzi et al. 2017, The Shattered Gradients Problem", "passages on rescaled branches"),
    ),
    seconds=20,
    notes="So far we asked how large a gradient is. Now: what does it look like? If I change the "
    "input a little, does the advice of the gradient change a little, or is it new advice at "
    "every point? Show the traces, one above the other. The plain net with BatchNorm draws white "
    "noise: a step that is right at this point is wrong at the next, however healthy its norm. "
    "Then the surprise for those who know the title of the paper: whole residual branches with "
    "BatchNorm are rough as well. What keeps it smooth is a small branch, because then the "
    "identity, whose gradient is the same everywhere, is most of the sum.",
    exercises=(
        (
            "White noise of $255 + 1 = 256$ points changes its sign how often, on average?",
            "At every second of the 255 steps: $255 / 2 = 127.5$ times.",
        ),
        (
            "Why do smaller branches make the gradient smoother?",
            "The gradient is that of the identity, equal for all inputs, plus that of the "
            "branches, which shatters. The smaller the second, the more of the first remains.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "no_batchnorm",
    ),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
    },
    order=14,
)
