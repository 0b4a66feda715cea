"""What the lanes of an experiment are called: what tells two of one name apart is their name.

labels(experiment)     ["Highway-21, gate bias −2", "Highway-21, gate bias −4"]
families(experiment)   ["highway", "highway"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from skipviz.core.experiment import Experiment
from skipviz.core.knob import Knob
from skipviz.core.registry import architecture

MOST = 3
"""Of so many knobs a name tells; lanes that these do not tell apart are numbered."""

_VALUES = {
    "activation": {"relu": "ReLU"},
    "init": {"he": "He", "glorot": "Glorot", "torch_default": "default init"},
    "norm": {"batch": "BatchNorm", "layer": "LayerNorm", "none": "no norm"},
    "branch_scale": {"inv_sqrt_depth": "branch ÷ √units", "one": ""},
    "shortcut": {"A": "option A", "B": "option B", "C": "option C"},
}
_KNOBS = {
    "gate_bias": "gate bias",
    "gate": "T =",
    "carry": "C =",
    "branch_scale": "branch ×",
    "drop_rate": "dropout",
    "survival": "survival",
    "growth_rate": "k =",
}


def labels(experiment: Experiment) -> list[str]:
    """A name for each lane. Where several would have the same, the knobs in which they differ are
    added; where that does not tell them apart, numbers."""
    names = [lane.name(experiment.dataset) for lane in experiment.lanes]
    for name in [name for name, count in Counter(names).items() if count > 1]:
        places = [i for i, each in enumerate(names) if each == name]
        for i, word in zip(places, _differences(experiment, places), strict=True):
            names[i] = f"{name}, {word}" if word else name
    again, seen = Counter(names), Counter[str]()
    for i, name in enumerate(names):
        if again[name] > 1:
            seen[name] += 1
            names[i] = f"{name} ({seen[name]})"
    return names


def _differences(experiment: Experiment, places: Sequence[int]) -> list[str]:
    """For each of these lanes its values of the first knobs in which they differ, in words."""
    family = experiment.lanes[places[0]].family
    if any(experiment.lanes[i].family != family for i in places):
        return [""] * len(places)
    settings = [experiment.lanes[i].settings(experiment.dataset) for i in places]
    knobs = [knob for knob in architecture(family).knobs if _differs(knob, settings)]
    chosen: list[Knob] = []
    for knob in knobs:
        if len(chosen) < MOST and len(_groups(chosen, settings)) < len(_groups(knobs, settings)):
            chosen.append(knob)
    words = [[_word(knob, each[knob.name]) for knob in chosen] for each in settings]
    return [", ".join(filter(None, each)) for each in words]


def _differs(knob: Knob, settings: Sequence[Mapping[str, Any]]) -> bool:
    return len({str(each.get(knob.name)) for each in settings}) > 1


def _groups(knobs: Sequence[Knob], settings: Sequence[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    """How these knobs part the lanes."""
    return {tuple(str(each.get(knob.name)) for knob in knobs) for each in settings}


def _word(knob: Knob, value: Any) -> str:
    """A knob's value as a part of a name: "gate bias −2", "ReLU"; "" of what goes without
    saying."""
    known = _VALUES.get(knob.name, {}).get(str(value))
    if known is not None or knob.kind == "choice":
        return str(value) if known is None else known
    called = _KNOBS.get(knob.name, knob.label.lower())
    if knob.kind == "bool":
        return called if value else f"no {called}"
    written = f"{value:g}".replace("-", "−") if isinstance(value, (int, float)) else str(value)
    return f"{called} {written}"


def families(experiment: Experiment) -> list[str]:
    """Whose colour each lane has: a plain twin is plain."""
    return ["plain" if lane.knobs.get("plain_twin") else lane.family for lane in experiment.lanes]


__all__ = ["families", "labels"]
