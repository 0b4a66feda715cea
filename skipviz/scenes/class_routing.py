"""Do images of different classes take different ways through the gates, and is that learned?"""

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
    final_loss,
    gates_off,
    number,
    ratio,
    seed_dots,
)


def _rms(ask: str, of: str = "of_classes", name: str = "rms") -> Callable[[Evidence], list[float]]:
    """Root of the mean square deviation of T between classes (or shuffled ones)."""
    return lambda evidence: [number(a[of][name]) for a in evidence.ask(ask)]


def _times(above: str, below: str, of_below: str, name: str) -> Callable[[Evidence], list[float]]:
    return lambda evidence: ratio(_rms(above)(evidence), _rms(below, of_below, name)(evidence))


_OVER_CHANCE = _times("trained", "trained", "of_null", "rms_most")
_INIT_OVER_CHANCE = _times("init", "init", "of_null", "rms_most")
_OVER_INIT = _times("trained", "init", "of_classes", "rms")


def _bars(evidence: Evidence) -> Chart:
    rows = (
        ("shuffled labels", "trained", "of_null", ""),
        ("before training", "init", "of_classes", ""),
        ("after training", "trained", "of_classes", "highway"),
    )
    names = [name for name, *_ in rows]
    values = [float(np.median(_rms(ask, of)(evidence))) for _, ask, of, _ in rows]
    series = [
        Series("", [name], [value], family, "bars")
        for name, value, (*_, family) in zip(names, values, rows, strict=True)
    ]
    for name, ask, of, _ in rows:
        series.append(seed_dots(name, _rms(ask, of)(evidence), "plain"))
    return Chart(
        "How far a class's gates are from the mean of all",
        "",
        "rms of T(class) − T(all)",
        series,
        note="rms: root of the mean square over classes, layers and cells; dots: the seeds",
    )


def _correct_choice(evidence: Evidence) -> int:
    chance = float(np.median(_OVER_CHANCE(evidence)))
    learned = float(np.median(_OVER_INIT(evidence)))
    return 0 if chance < 1.5 else 1 if learned < 1.5 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    def middle(values: list[float]) -> float:
        return float(f"{np.median(values):.2g}")

    return {
        "trained": middle(_rms("trained")(evidence)),
        "init": middle(_rms("init")(evidence)),
        "null": middle(_rms("trained", "of_null")(evidence)),
        "largest": middle(_rms("trained", "of_classes", "max")(evidence)),
        "over_init": middle(_OVER_INIT(evidence)),
        "over_chance": middle(_OVER_CHANCE(evidence)),
    }


SCENE = Scene(
    title="Class routing",
    question="Do images of a 0 and of a 7 open different gates of a trained highway net?",
    choices=(
        "no: the gates do not care",
        "yes, but no more than before training",
        "yes, and training made it so",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[Lane(family="highway", knobs=DENSE | {"depth": 21, "gate_bias": -1.0})],
            steps=600,
            lr=0.1,
            seeds=3,
            record_every=3,
        )
    },
    asks=(
        Ask("init", "routing", {"lane": 0, "when": "init", "classes": "0,1,7"}),
        Ask("trained", "routing", {"lane": 0, "classes": "0,1,7"}),
    ),
    figures=(
        Figure(
            "live", "Watch the gates of one image while the net learns.", panels=("loss", "gates")
        ),
        Figure("probe", "Before training: three classes, and shuffled labels.", ask="init"),
        Figure(
            "probe",
            "After training, on the same scale: which cells tell a 0 from a 7?",
            ask="trained",
        ),
        Figure("chart", "Compare the last bar with the two before it.", chart=_bars),
    ),
    expects=(
        Expectation(
            "What is drawn as T is T: at first at most this far from σ(gate bias)",
            lambda evidence: gates_off(evidence, (0,)),
            at_most=0.02,
            over="every",
        ),
        Expectation(
            "The net learns the task", final_loss(0), at_most=0.3, over="every", unit="nats"
        ),
        Expectation(
            "Classes differ far more than shuffled labels do",
            _OVER_CHANCE,
            at_least=4,
            over="every",
            unit="×",
        ),
        Expectation(
            "They differ already before training: other images are other inputs",
            _INIT_OVER_CHANCE,
            at_least=3,
            over="every",
            unit="×",
        ),
        Expectation(
            "Training makes the difference several times larger",
            _OVER_INIT,
            at_least=2.5,
            over="every",
            unit="×",
        ),
    ),
    headline=2,
    saw="A class's gates are {trained} away from the mean of all (root mean square), up to "
    "{largest} in single cells; before training {init}, with shuffled labels {null}. Training made "
    "it {over_init} times as large, and it is {over_chance} times what chance gives.",
    numbers=_numbers,
    misconception="“The maps of two classes differ, so routing was learned.” They differ in an "
    "untrained net too; only more than that is learned.",
    caveat="A different T for a different class is not yet a different path for its information, "
    "and says nothing about cause: to see what a gate does, change it (the lesion scene). The gate "
    "bias −1 is chosen because it shows best.",
    sources=(("Srivastava et al. 2015, Training Very Deep Networks", "Fig. 3 and section 4.1"),),
    seconds=6,
    notes="The highway paper shows the mean gates of two digits side by side and says: the "
    "routing differs by class. True, but how much difference would you expect anyway? Vote. Run, "
    "then look at the pictures after training: each map is one class, layers downwards, cells "
    "across, and colour says how much more open a gate is for this class than for all. Beside "
    "them stands the map of shuffled labels, which is what chance alone paints: nearly nothing. "
    "Now the same before training. There is already a pattern, because an image of a zero is "
    "another input than an image of a seven. The bars put the three together: chance, untrained, "
    "trained. The last one is several times the second. That factor, and not the mere difference, "
    "is what was learned.",
    exercises=(
        (
            "Why are the labels shuffled, instead of just calling every difference real?",
            "A mean over a finite number of images is never exactly the mean of all. Shuffling "
            "keeps the images and class sizes and removes the meaning: what is left is chance.",
        ),
        (
            "How would you test whether a cell that opens for sevens is needed for sevens?",
            "Set its T to zero and compare the accuracy on sevens with that on the other classes, "
            "and with cells chosen at random.",
        ),
    ),
    notices=("labels_shuffled", "rate_0", "gates_inverted", "no_momentum", "gate_bias_reversed"),
    tolerates={"one_batch": "gates of a net that learned one batch tell classes apart as well"},
    order=6,
)
