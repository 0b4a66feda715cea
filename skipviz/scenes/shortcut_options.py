"""Shortcut options A, B and C: what a projection costs and what it buys."""

from __future__ import annotations

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.scene import (
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    Series,
    highest,
    ratio,
    seed_dots,
)

DEPTH = 20
_NET = {"backbone": "cifar", "depth": DEPTH}
_OPTIONS = ("A", "B", "C")
_LANES = (
    *(Lane(family="resnet", knobs=_NET | {"shortcut": option}) for option in _OPTIONS),
    Lane(family="plain", knobs=_NET),
)
_NAMES = ("A: zeros appended", "B: projected where the size changes", "C: projected always",
          "plain: no shortcut")  # fmt: skip


def _counts(lane: int) -> dict[str, int]:
    net = _LANES[lane]
    counted: dict[str, int] = net.wiring("digits").describe()
    return counted


def _finals(evidence: Evidence) -> list[list[float]]:
    return [evidence.final("loss", lane) for lane in range(len(_LANES))]


def _plain_over_worst(evidence: Evidence) -> list[float]:
    *options, plain = _finals(evidence)
    return ratio(plain, [max(each) for each in zip(*options, strict=True)])


def _apart(evidence: Evidence) -> list[float]:
    """The highest median over seeds of the three options, over the lowest: one for all seeds."""
    *options, _ = (float(np.median(finals)) for finals in _finals(evidence))
    return [max(options) / min(options)]


def _handed_on(evidence: Evidence) -> list[float]:
    """The scale behind the first unit of the second and third stage at init, over that of the plain
    net there: the lowest of all options and of both stages."""
    units = (DEPTH - 2) // 6
    depths = [1 + 2 * units * stage + 2 for stage in (1, 2)]
    scales = []
    for lane in range(len(_LANES)):
        axis = evidence.axis("activation_scale", lane)
        places = [axis.index(depth) for depth in depths]
        scales.append(evidence.history("activation_scale", lane)[0, :, places])
    return [float(v) for v in (np.array(scales[:-1]) / scales[-1]).min(axis=(0, 1))]


def _extra(evidence: Evidence) -> list[float]:
    """Per cent of parameters that C has more than A: the same for every seed."""
    return [100 * (_counts(2)["parameters"] / _counts(0)["parameters"] - 1)]


def _dots(evidence: Evidence) -> Chart:
    series = []
    for name, finals, family in zip(
        _NAMES, _finals(evidence), ("resnet",) * 3 + ("plain",), strict=True
    ):
        label = name[0] if family == "resnet" else "plain"
        series.append(seed_dots(label, finals, family, name))
    return Chart("Training loss at the end", "shortcut", "training loss (nats)", series,
                 log_y=True, note="one dot per seed")  # fmt: skip


def _costs(evidence: Evidence) -> Chart:
    base = _counts(0)
    rows = [
        (label, [100 * (_counts(lane)[key] / base[key] - 1) for lane in range(3)])
        for key, label in (("parameters", "parameters"), ("multiply_adds", "multiply-adds"))
    ]
    return Chart(
        "What the projections cost, against option A",
        "shortcut",
        "per cent more",
        [Series(label, list(_OPTIONS), values, "resnet" if i else "resnext", style="bars")
         for i, (label, values) in enumerate(rows)],
        note="counted, not measured",
    )  # fmt: skip


def _correct_choice(evidence: Evidence) -> int:
    *options, _ = (float(np.median(finals)) for finals in _finals(evidence))
    return 0 if _apart(evidence)[0] < 3 else 1 + int(np.argmin(options) == 0)


def _numbers(evidence: Evidence) -> dict[str, float | int]:
    numbers: dict[str, float | int] = {
        name: float(np.median(finals))
        for name, finals in zip(("a", "b", "c", "plain"), _finals(evidence), strict=True)
    }
    for lane, option in enumerate("abc"):
        numbers[f"{option}_parameters"] = _counts(lane)["parameters"]
    return numbers


SCENE = Scene(
    title="Shortcut options A, B, C",
    question="Where the size changes, a shortcut can append zeros (A) or project (B); it can also "
    "project everywhere (C). How much does the choice matter?",
    choices=("little: any shortcut will do", "projections are far better", "zeros are far better"),
    correct_choice=_correct_choice,
    runs={"main": Experiment(lanes=_LANES, steps=60, lr=0.05, seeds=3)},
    figures=(
        Figure(
            "live", "Three kinds of shortcut, and none: which curve stays behind?", panels=("loss",)
        ),
        Figure("chart", "Any shortcut will do.", chart=_dots),
        Figure("chart", "What the projections cost: option A costs nothing.", chart=_costs),
    ),
    expects=(
        Expectation(
            "Every option ends lower than the plain net",
            _plain_over_worst,
            at_least=1.3,
            unit="×",
        ),
        Expectation(
            "Every option learns the task",
            highest(("main", 0), ("main", 1), ("main", 2)),
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The choice matters little: the worst option's median loss is near the best one's",
            _apart,
            at_most=3,
            unit="×",
        ),
        Expectation(
            "Where the size changes, every option hands on the signal: the unit puts out more than "
            "the plain net's layers",
            _handed_on,
            at_least=1.2,
            over="every",
            unit="×",
        ),
        Expectation("C has more parameters than A", _extra, at_least=4, at_most=7, unit="%"),
    ),
    headline=2,
    saw="Training loss at the end: A {a}, B {b}, C {c}, plain {plain}. Parameters: A "
    "{a_parameters}, B {b_parameters}, C {c_parameters}.",
    numbers=_numbers,
    misconception="“A shortcut must be learned to fit.” The one that appends zeros has no "
    "parameter at all.",
    caveat="A short run on small digits: the paper sees B a little better than A and C a little "
    "better than B, and calls the differences small (He et al. 2015, section 4.1 and Table 3). "
    "That is too little to be seen in a few seconds, so no order of the three is claimed here.",
    sources=(
        ("He et al. 2015, Deep Residual Learning", "section 3.3: options A and B"),
        ("He et al. 2015, Deep Residual Learning", "section 4.1, Table 3"),
    ),
    seconds=30,
    notes="Where a stage begins, the picture shrinks and the channels double: the identity no "
    "longer fits. Three ways out. Append channels of zeros: free. Project by a one-by-one "
    "convolution at these few places. Or project at every unit. Let the room bet on the winner. "
    "While it runs, show the table of costs: what C adds, it adds at every unit. Then look at the "
    "dots: three of them lie together, and the plain net above. The kind matters little; that "
    "there is one matters. The paper draws the same conclusion: it leaves C out, to save memory "
    "and time (He et al. 2015, section 4.1), and its small nets use A.",
    exercises=(
        (
            "How many parameters has a projection from 16 to 32 channels, without a bias and with "
            "BatchNorm?",
            "$16 \\cdot 32 = 512$ weights and $2 \\cdot 32 = 64$ of the normalisation.",
        ),
        (
            "Option A appends zeros. Do the new channels stay empty?",
            "No: the branch writes into them by its sum, and from the next unit on they carry what "
            "it wrote.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "he_gain_1",
        "zero_pad_0",
        "one_batch",
        "no_batchnorm",
    ),
    tolerates={"scale_off": "a ratio of scales is judged and shown, in which the factor cancels"},
    order=18,
)
