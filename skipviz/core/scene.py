"""What a lecture scene is: a question, a real experiment, and expectations that can fail.

One `SCENE` in each `skipviz/scenes/<key>.py`. A scene draws nothing and trains nothing: it says
what to run, and reads what came of it from `Evidence`, which a page, the command line and a
recording each provide. Texts hold no measured number: `{name}` stands where one of this run
belongs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.phone_protocol import Stage
from skipviz.core.picks import Pick
from skipviz.core.sketch import Band, Sketch
from skipviz.core.strength import SEEDS

UNSEEN = "I could not tell"
"""The last choice of "what did you see?"."""


class Evidence(Protocol):
    """What the runs of a scene measured. Lanes count from 0; one number for each seed."""

    def experiment(self, run: str = "main") -> Experiment: ...

    def labels(self, run: str = "main") -> list[str]:
        """The lanes' names, as legends show them."""

    def steps(self, run: str = "main") -> np.ndarray:
        """The recorded steps, (T,)."""

    def axis(self, field: str, lane: int, run: str = "main") -> list[int]:
        """The depth of each number of a field of LaneFrame: 1 is nearest the input."""

    def history(self, field: str, lane: int, run: str = "main") -> np.ndarray:
        """A field of LaneFrame over the recorded steps: (T, S, width); losses and errors have
        width 1, held-out ones are NaN on steps without an evaluation."""

    def final(self, field: str, lane: int, run: str = "main") -> list[float]:
        """The final `loss` or `error` of each seed (`skipviz.core.final`); infinity of a seed that
        diverged."""

    def newest_maps(self, lane: int, run: str = "main") -> tuple[int, dict[str, np.ndarray]] | None:
        """(step, a lane's newest maps by their names in LaneFrame), of the first seed; None where
        there are none."""

    def ask(self, name: str) -> list[dict[str, Any]]:
        """The answers to the `Ask` of this name, one for each seed."""


@dataclass(frozen=True)
class Ask:
    """A probe's question to a run of the scene, asked of every seed once the run has ended."""

    name: str
    probe: str
    options: Mapping[str, Any] = field(default_factory=dict)
    run: str = "main"


@dataclass(frozen=True)
class Expectation:
    """A sentence that this run may or may not bear out.

    measure   one number for each seed (or a single one for all of them)
    at_least, at_most   bounds, one or both; `over` says whether the median must keep them, or every
    seed
    unit      written behind the number: "×", "decades", "%"; a share is written as it is
    """

    text: str
    measure: Callable[[Evidence], Sequence[float]]
    at_least: float | None = None
    at_most: float | None = None
    over: Literal["median", "every"] = "median"
    unit: str = ""


@dataclass(frozen=True)
class Verdict:
    """What came of an expectation: the number of each seed, and whether the bounds were kept.

    held   on so many seeds that seed's own number kept them
    """

    text: str
    measured: tuple[float, ...]
    wanted: str
    unit: str
    met: bool
    held: int

    @property
    def median(self) -> float:
        return float(np.median(self.measured))

    @property
    def large(self) -> str:
        """The median as the back row reads it, three digits and the unit; a word where it is not
        finite."""
        value = self.median
        if not np.isfinite(value):
            return self._no_number
        if value and not 1e-4 <= abs(value) < 1e6:
            digits = scientific(value)
        else:
            digits = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
        return f"{digits} {self.unit}".replace("-", "−").strip()

    @property
    def numbers(self) -> str:
        """The number of each seed, four digits; a word where it is not finite."""
        return ", ".join(
            f"{value:.4g}" if np.isfinite(value) else self._no_number for value in self.measured
        )

    @property
    def _no_number(self) -> str:
        return "never" if self.unit == "steps" else "diverged"

    def to_json(self) -> dict[str, Any]:
        """As an object for `strict_json`."""
        measured = list(self.measured)
        return {
            "text": self.text,
            "measured": measured,
            "numbers": self.numbers,
            "wanted": self.wanted,
            "met": self.met,
            "held": self.held,
        }


@dataclass(frozen=True)
class Series:
    """One curve, row of bars or cloud of dots of a `Chart`: x and y of the same length.

    family   whose colour it has; "" for a quiet line, such as chance
    """

    label: str
    x: Sequence[Any]
    y: Sequence[float]
    family: str = ""
    style: Literal["line", "dots", "bars"] = "line"
    dashed: bool = False


def seed_dots(label: str, values: Sequence[float], family: str, name: str = "") -> Series:
    """A dot for each seed above one place of the x axis, `label`; `name` stands in the legend."""
    return Series(name, [label] * len(values), values, family, style="dots")


@dataclass(frozen=True)
class Chart:
    """A picture of numbers that a scene computed from its evidence; `figures` draws it."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    log_x: bool = False
    log_y: bool = False
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """What is shown, in the order of the scene.

    kind   "live": panels of the live charts of a run (loss, profile, graph, heat, gates)
           "probe": the figure of an `Ask`, by its name
           "chart": what `chart` computes
    says   what to look at, one line
    """

    kind: Literal["live", "probe", "chart"]
    says: str
    run: str = "main"
    panels: tuple[str, ...] = ()
    ask: str = ""
    chart: Callable[[Evidence], Chart] | None = None
    quantity: Literal["signal", "weight", "activation"] = "signal"


@dataclass(frozen=True)
class Scene:
    """One ready demonstration.

    question     asked before anything runs; `choices` are what the room votes for
    correct_choice   which of the choices this run shows: an index, computed from the run
    runs         experiments by name; "main" is the one that is trained live first
    figures      in the order in which they are shown
    expects      what should show; an expectation that fails is shown as such
    headline     the place in `expects` of the one whose number the lecture shows large
    saw          "what you saw, in numbers": a sentence with {names} of `numbers`
    numbers      computed from the run; each name stands in `saw`
    seconds      about how long the runs take with three seeds on two cores
    sources      (source, section or figure)
    notes        what to say in ninety seconds
    exercises    two questions with answers
    sketch       a curve that the room is asked for in place of a choice
    pick         a number that everybody picks, tried after the scene's own runs
    order        the place in the course
    notices      the planted faults (`skipviz.mutants`) of which an expectation must fail
    tolerates    those that change what is measured and rightly no verdict, each with the reason
    proof_seed   the first seed of `scene --all --seeds 59`: fresh ones where an expectation was
                 reworded after those from 1000 on had been seen
    """

    title: str
    question: str
    choices: tuple[str, ...]
    correct_choice: Callable[[Evidence], int]
    runs: Mapping[str, Experiment]
    figures: tuple[Figure, ...]
    expects: tuple[Expectation, ...]
    saw: str
    numbers: Callable[[Evidence], Mapping[str, float | int | str]]
    misconception: str
    caveat: str
    sources: tuple[tuple[str, str], ...]
    seconds: float
    notes: str
    exercises: tuple[tuple[str, str], tuple[str, str]]
    asks: tuple[Ask, ...] = ()
    sketch: Sketch | None = None
    pick: Pick | None = None
    headline: int = 0
    order: int = 0
    notices: tuple[str, ...] = ()
    tolerates: Mapping[str, str] = field(default_factory=dict)
    proof_seed: int = SEEDS.start

    @property
    def experiment(self) -> Experiment:
        """The main run's."""
        return self.runs["main"]

    def choices_at(self, stage: Stage) -> tuple[str, ...]:
        """What may be chosen: of what was seen, that one could not tell as well."""
        return (*self.choices, UNSEEN) if stage is Stage.SEEN else self.choices


def judge(expectation: Expectation, evidence: Evidence) -> Verdict:
    """Measures an expectation; a number that is not one keeps no bound."""
    measured = tuple(float(value) for value in expectation.measure(evidence))
    low, high = expectation.at_least, expectation.at_most

    def keeps(value: float) -> bool:
        return (low is None or value >= low) and (high is None or value <= high)

    held = sum(map(keeps, measured))
    met = held == len(measured) if expectation.over == "every" else keeps(np.median(measured))
    wanted = bounds_in_words(expectation)
    return Verdict(expectation.text, measured, wanted, expectation.unit, bool(met), held)


def judged(scene: Scene, evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict on each expectation. Seeds that are one and the same net bear nothing out: where
    there are such, nothing that was measured of several seeds is met."""
    verdicts = tuple(judge(expectation, evidence) for expectation in scene.expects)
    if not seeds_alike(scene, evidence):
        return verdicts
    return tuple(
        replace(verdict, met=False, held=0, wanted=f"{verdict.wanted}, of seeds that differ")
        if len(verdict.measured) > 1
        else verdict
        for verdict in verdicts
    )


def seeds_alike(scene: Scene, evidence: Evidence) -> bool:
    """Has a lane of a run two seeds that begin as one net on one batch: with the same loss and the
    same activation scales, to the last bit?"""
    for run in scene.runs:
        for lane in range(len(evidence.labels(run))):
            loss, scale = (
                evidence.history(of, lane, run)[0] for of in ("loss", "activation_scale")
            )
            begins = np.concatenate([loss, scale], axis=1)
            if len(np.unique(begins, axis=0)) < len(begins):
                return True
    return False


def bounds_in_words(expectation: Expectation) -> str:
    """The bounds in words: "at least 10 × (median)"."""
    bounds = (("at least", expectation.at_least), ("at most", expectation.at_most))
    parts = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
    unit = f" {expectation.unit}" if expectation.unit else ""
    over = "every seed" if expectation.over == "every" else "median over seeds"
    return f"{' and '.join(parts)}{unit} ({over})"


def ratio(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """above / below, seed by seed; 0 below is infinitely many times."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return [float(v) for v in np.asarray(above, float) / np.asarray(below, float)]


def loss_over(above: int, below: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """The final training loss of one lane over that of another, seed by seed."""
    return lambda evidence: ratio(
        evidence.final("loss", above, run), evidence.final("loss", below, run)
    )


_CHECKED = {
    "signal_gradient_norm": ("autograd", "differences"),
    "weight_gradient_norm": ("weight",),
    "activation_scale": ("scale",),
}
"""What the probe `cross_check` has of each field of a frame."""


def norms_off(evidence: Evidence, ask: str, lanes: Sequence[int], run: str = "main") -> list[float]:
    """The largest share by which a number of frame 0 is off what the probe `cross_check` has of it:
    norms of dLoss/dx and dLoss/dW, and activation scales, over these lanes and all places where it
    has one, seed by seed; NaN without one.

    ask   the name of the `Ask`
    """
    worst = []
    for seed_index, answer in enumerate(evidence.ask(ask)):
        shares: list[float] = []
        for lane in lanes:
            for values, ways in _CHECKED.items():
                shown = evidence.history(values, lane, run)[0, seed_index]
                for way in ways:
                    checked = np.array(answer["lanes"][lane][way], float)
                    there = np.isfinite(checked) & (checked > 0)
                    shares += [float(v) for v in np.abs(shown[there] / checked[there] - 1)]
        worst.append(max(shares, default=float("nan")))
    return worst


def gates_off(evidence: Evidence, lanes: Sequence[int], run: str = "main") -> list[float]:
    """How far T as it is drawn is from what it must be, seed by seed the largest distance over the
    lanes: of its mean at the first step from σ(gate bias), and of the newest map's mean from that
    of the same step's gates."""
    worst = [0.0] * evidence.experiment(run).seeds
    for lane in lanes:
        gates = evidence.history("gate_mean", lane, run).mean(axis=2)  # (T, S)
        off = gates_off_bias(evidence, lane, run)
        worst = [max(pair) for pair in zip(worst, off, strict=True)]
        newest = evidence.newest_maps(lane, run)
        if newest is None:
            return [np.inf] * len(worst)
        step, maps = newest
        drawn = float(np.nanmean(maps["gate_mean_map"].astype(float)))
        at = int(np.searchsorted(evidence.steps(run), step))
        worst[0] = max(worst[0], abs(drawn - float(gates[at, 0])))
    return worst


def gates_off_bias(evidence: Evidence, lane: int, run: str = "main") -> list[float]:
    """How far the mean T of the first step is from σ(gate bias), seed by seed."""
    experiment = evidence.experiment(run)
    bias = float(experiment.lanes[lane].settings(experiment.dataset)["gate_bias"])
    first = evidence.history("gate_mean", lane, run)[0].mean(axis=1)
    return [float(v) for v in np.abs(first - 1 / (1 + np.exp(-bias)))]


def carried_gradient(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """What share of the gradient of a highway lane's last layer arrives at its first one in the
    first step, over the product of 1 − T of its layers: about 1 where H adds little, seed by seed,
    as the measure of an expectation."""

    def measure(evidence: Evidence) -> list[float]:
        norms = evidence.history("signal_gradient_norm", lane, run)[0]
        carried = (1 - evidence.history("gate_mean", lane, run)[0]).prod(axis=1)
        return ratio((norms[:, 0] / norms[:, -1]).tolist(), carried.tolist())

    return measure


def first_layers_apart(one: int, other: int) -> Callable[[Evidence], list[float]]:
    """How far the scales of the first layers of two lanes of the main run are apart in the first
    step, as a share, seed by seed: 0 where both have the same weights there."""

    def measure(evidence: Evidence) -> list[float]:
        first, second = (evidence.history("activation_scale", k)[0, :, 0] for k in (one, other))
        return [float(v) for v in np.abs(first / second - 1)]

    return measure


def least_gradient(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """The smallest norm of dLoss/dW of any layer in the first step, seed by seed, as the measure of
    an expectation."""
    return lambda evidence: [
        float(v) for v in evidence.history("weight_gradient_norm", lane, run)[0].min(axis=1)
    ]


def number(value: Any) -> float:
    """A number of a probe's answer; NaN where it has none, for it was not finite."""
    return float("nan") if value is None else float(value)


def scientific(value: float) -> str:
    """A very large or very small number as it is written by hand: "4.6·10⁻¹⁵"."""
    digits, power = f"{value:.1e}".split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits.replace('-', '−')}·10{raised}"


def final_loss(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """The final training loss of a lane, seed by seed, as the measure of an expectation."""
    return lambda evidence: evidence.final("loss", lane, run)


def highest(*lanes: tuple[str, int]) -> Callable[[Evidence], list[float]]:
    """The highest final training loss of several (run, lane), seed by seed."""
    return lambda evidence: [
        max(losses)
        for losses in zip(*(evidence.final("loss", lane, run) for run, lane in lanes), strict=True)
    ]


def decades(values: np.ndarray) -> list[float]:
    """log10(first / last) along the last axis of (S, P), seed by seed: how many powers of ten the
    first is above the last."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return [float(v) for v in np.log10(values[:, 0]) - np.log10(values[:, -1])]


def profile(
    evidence: Evidence,
    values: str,
    lane: int,
    *,
    label: str,
    family: str,
    run: str = "main",
    row: int = 0,
    dashed: bool = False,
) -> Series:
    """A field of LaneFrame over the depth, at one recorded row (0: at init): median over the
    seeds that live."""
    x = evidence.axis(values, lane, run)
    y = final.median(evidence.history(values, lane, run)[row])
    return Series(label, x, [float(v) for v in y], family, dashed=dashed)


def curve(
    evidence: Evidence,
    values: str,
    lane: int,
    *,
    label: str,
    family: str,
    run: str = "main",
    window: int = 10,
    dashed: bool = False,
) -> Series:
    """Loss or error over the steps: the mean of the last `window` recorded steps up to each of
    them, median over the seeds that live."""
    each = final.median(evidence.history(values, lane, run)[:, :, 0], axis=1)
    y = [float(value) for value in _smoothed(each, window)]
    return Series(label, [int(v) for v in evidence.steps(run)], y, family, dashed=dashed)


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Along the first axis the mean of the last `window` rows up to each of them."""
    with np.errstate(invalid="ignore"):
        means = [values[max(0, i - window + 1) : i + 1].mean(axis=0) for i in range(len(values))]
    return np.array(means)


def measured_band(evidence: Evidence, sketch: Sketch) -> Band:
    """The curve that the room was asked to draw: over the layers at init, or over the steps as
    `curve` smooths it; the seeds that live."""
    history = evidence.history(sketch.values, sketch.lane, sketch.run)
    if sketch.over == "layers":
        x: list[int] = evidence.axis(sketch.values, sketch.lane, sketch.run)
        seeds = history[0]  # (S, P)
    else:
        x = [int(step) for step in evidence.steps(sketch.run)]
        seeds = _smoothed(history[:, :, 0], 10).T
    alive = np.where(np.isfinite(seeds), seeds, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where no seed lives there is no band
        low, high = np.nanmin(alive, axis=0), np.nanmax(alive, axis=0)
    return Band(x, final.median(seeds).tolist(), low.tolist(), high.tolist())


def steps_to(
    evidence: Evidence, lane: int, level: float, run: str = "main", window: int = 10
) -> list[float]:
    """The first step at which the mean loss of the last `window` recorded steps is below `level`,
    of each seed; infinity where it never is, and where so many were not recorded."""
    loss, steps = evidence.history("loss", lane, run)[:, :, 0], evidence.steps(run)
    if len(steps) < window:
        return [float("inf")] * loss.shape[1]
    first_steps = []
    for each in loss.T:
        sums = np.convolve(np.nan_to_num(each, nan=np.inf, posinf=1e30), np.ones(window), "valid")
        below = np.flatnonzero(sums / window < level)
        first_steps.append(float(steps[below[0] + window - 1]) if len(below) else float("inf"))
    return first_steps


def best(evidence: Evidence, lane: int, runs: Sequence[str]) -> list[float]:
    """The final training losses of a lane in that of several runs in which their median is lowest:
    each net at its own best learning rate."""
    losses_of_runs = [evidence.final("loss", lane, run) for run in runs]
    return min(losses_of_runs, key=lambda losses: float(np.median(losses)))
