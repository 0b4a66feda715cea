"""Runs side by side: their readings on one axis, how they differ, what was chosen otherwise.

S seeds, T readings, L layers. Nothing is drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.fields import FIELDS
from skipviz.core.knob import plain
from skipviz.store.frame_log import FrameLog
from skipviz.store.lane_axes import families, labels
from skipviz.store.thinning import thin

FEWEST, MOST = 2, 6
MOST_POINTS = 600
"""Of one lane's curve; its extremes are kept."""

LACKS = "–"
"""What stands for a knob that a family does not have."""

AXES = {"step": "step", "samples": "samples seen", "time": "training time (s)"}
CURVES = {"loss": "training loss (nats)", "error": "training error (share of the batch)"}
PROFILES = {
    "signal_gradient_norm": ("‖dLoss/dx‖, L2 norm", "points"),
    "weight_gradient_norm": ("‖dLoss/dW‖, L2 norm", "layers"),
    "activation_scale": ("root mean square of x", "points"),
    "gate_mean": ("mean T", "gates"),
}


@dataclass(frozen=True)
class Compared:
    """A run among others.

    number   from 1, as it is called on the page
    name     what somebody named it; "" where nobody did
    """

    number: int
    id: str
    name: str
    experiment: Experiment
    log: FrameLog
    state: str

    @property
    def title(self) -> str:
        """What it is called: by whoever named it, else by its lanes."""
        return self.name or ", ".join(labels(self.experiment))


@dataclass(frozen=True)
class Line:
    """What one lane of a run reads along an axis.

    x          (T,) or (L,), rising
    middle     at each x the median over the seeds that live; infinity where none does
    each_seed  (S, T) or (S, L)
    gone_at    the x at which each seed that diverged has its first reading that is no number
    """

    label: str
    x: np.ndarray
    middle: np.ndarray
    each_seed: np.ndarray
    gone_at: tuple[float, ...] = ()

    @property
    def fate(self) -> str:
        """How many of its seeds diverged, in words; "" where all live."""
        return final.dead(len(self.gone_at), len(self.each_seed))


def lane_labels(run: Compared) -> list[str]:
    """The lanes of a run as a comparison names them: "1 · ResNet-20"."""
    return [f"{run.number} · {label}" for label in labels(run.experiment)]


def curves(runs: Sequence[Compared], quantity: str, axis: str) -> list[Line]:
    """Losses or errors of every lane over steps, samples seen or seconds of training."""
    lines = []
    for run in runs:
        steps = np.asarray(run.log.column("step"), float)
        along = {"step": steps, "samples": steps * run.experiment.batch_size}
        x = along[axis] if axis in along else np.asarray(run.log.column("time_s"), float)
        for lane, label in enumerate(lane_labels(run)):
            values = np.asarray(run.log.lane(lane, quantity)[:, :, 0], float)
            rows = thin(values, MOST_POINTS)
            gone = ~np.isfinite(values)
            first = [float(x[each.argmax()]) for each in gone.T if each.any()]
            middle = final.median(values[rows], axis=1)
            lines.append(Line(label, x[rows], middle, values[rows].T, tuple(first)))
    return lines


def profiles(runs: Sequence[Compared], quantity: str, step: int) -> list[Line]:
    """What every layer of every lane reads at the recorded step nearest to `step`; lanes without
    gates have no mean T."""
    lines = []
    for run in runs:
        row = run.log.profiled(np.array([run.log.row(step)]))
        for lane, label in enumerate(lane_labels(run)):
            depths = [depth for _, depth in getattr(run.log.tracks[lane], PROFILES[quantity][1])]
            if not depths:
                continue
            values = np.asarray(run.log.lane(lane, quantity, row)[0], float)  # (S, L)
            gone = tuple(float(depths[-1]) for each in values if not np.isfinite(each).all())
            middle = final.median(values)
            lines.append(Line(label, np.array(depths, float), middle, values, gone))
    return lines


def last_step(runs: Sequence[Compared]) -> int:
    """The newest step that any of them has recorded."""
    return max(run.log.last_step for run in runs)


def differences(lines: Sequence[Line], base: Line, *, of_layers: bool, ratio: bool) -> list[Line]:
    """Every other line against the middle of one, where both have readings; between two readings
    of the one it is interpolated.

    of_layers   nets of other depths are laid over each other from first layer to last
    ratio       in decades, log10(y/base), else y − base
    """
    others = []
    for line in lines:
        if line is base:
            continue
        at, known = (_shares(line.x), _shares(base.x)) if of_layers else (line.x, base.x)
        inside = (at >= known[0]) & (at <= known[-1])
        below = np.interp(at[inside], known, base.middle)
        compared = [_against(y[..., inside], below, ratio) for y in (line.middle, line.each_seed)]
        others.append(replace(line, x=line.x[inside], middle=compared[0], each_seed=compared[1]))
    return others


def _shares(x: np.ndarray) -> np.ndarray:
    """From 0 at the first layer to 1 at the last."""
    shares: np.ndarray = (x - x[0]) / max(float(x[-1] - x[0]), 1e-12)
    return shares


def _against(values: np.ndarray, base: np.ndarray, ratio: bool) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        compared: np.ndarray = np.log10(values / base) if ratio else values - base
    return compared


def finals(run: Compared) -> list[list[float]]:
    """The final loss of every lane, seed by seed (`core.final`); infinity of one that diverged."""
    steps, log = run.log.column("step"), run.log
    return [final.mean(steps, log.lane(i, "loss")[:, :, 0]) for i in range(len(log.tracks))]


# --- what was chosen


@dataclass(frozen=True)
class Choice:
    """One knob: what each of those compared has; `differs` where those that have it do not all
    have the same."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values) - {LACKS}) > 1


def fields_of(runs: Sequence[Compared]) -> list[Choice]:
    """The fields of the runs' experiments, run by run."""
    names = ["data", *FIELDS]
    rows = [Choice(name, tuple(_said(run.experiment, name) for run in runs)) for name in names]
    for name in ("changes", "budgets"):
        texts = [", ".join(each.text() for each in getattr(run.experiment, name)) for run in runs]
        rows.append(Choice(name, tuple(text or "none" for text in texts)))
    return rows


def _said(of: Experiment, name: str) -> str:
    return of.data.partition("@")[0] if name == "data" else plain(getattr(of, name))


def knobs_of(runs: Sequence[Compared]) -> list[Choice]:
    """The knobs of all lanes, lane by lane; LACKS where a family has no such knob."""
    every = [
        {"family": family} | {name: plain(value) for name, value in lane.settings().items()}
        for run in runs
        for lane, family in zip(run.experiment.lanes, families(run.experiment), strict=True)
    ]
    left_out = {"input_shape", "num_classes"}
    names = dict.fromkeys(name for one in every for name in one if name not in left_out)
    return [Choice(name, tuple(str(one.get(name, LACKS)) for one in every)) for name in names]


# --- a sweep as one object


@dataclass(frozen=True)
class Summary:
    """What a sweep found: final losses against the knob that has most values.

    knob     its name
    places   its values, in order
    series   for each setting of all other knobs that vary: what they are, and at each place the
             final loss of every seed
    """

    knob: str
    places: tuple[str, ...]
    series: dict[str, dict[str, list[float]]]


def summary(runs: Sequence[Compared]) -> Summary:
    """Final losses of all lanes of all runs, in order of what varies among them."""
    points = []
    for run in runs:
        own = {name: getattr(run.experiment, name) for name in FIELDS if name != "device"}
        for lane, losses in zip(run.experiment.lanes, finals(run), strict=True):
            points.append(({"family": lane.family} | own | lane.settings(), losses))
    varying = {
        name: list(dict.fromkeys(plain(said[name]) for said, _ in points if name in said))
        for name in dict.fromkeys(name for said, _ in points for name in said)
    }
    varying = {name: values for name, values in varying.items() if len(values) > 1}
    numbers = [name for name in varying if _numeric(points, name)]
    knob = max(numbers or varying or ["family"], key=lambda name: len(varying.get(name, ())))
    rest = [name for name in varying if name != knob]
    series: dict[str, dict[str, list[float]]] = {}
    for said, losses in points:
        words = ", ".join(
            plain(said[name]) if name == "family" else f"{name} {plain(said[name])}"
            for name in rest
            if name in said
        )
        series.setdefault(words or "all", {}).setdefault(plain(said.get(knob, "")), []).extend(
            losses
        )
    places = dict.fromkeys(place for at in series.values() for place in at)
    ordered = sorted(places, key=_order) if knob in numbers else list(places)
    return Summary(knob, tuple(ordered), series)


def _numeric(points: Sequence[tuple[dict[str, Any], list[float]]], name: str) -> bool:
    """Is this knob a number wherever it stands?"""
    return all(
        isinstance(said.get(name), (int, float)) and not isinstance(said[name], bool)
        for said, _ in points
    )


def _order(word: str) -> float:
    return float(word)
