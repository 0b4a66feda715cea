"""A sweep of one number: a net trained once with each of its values, all else equal.

options   what such a sweep is made from, as text: `lane`, as in an address ("resnet:depth=20");
          `over`, the knob and its values ("lr=0.01,0.1"); any field of an experiment
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.fields import FIELDS
from skipviz.core.knob import Knob, SpecError, plain, show
from skipviz.core.registry import architecture

KIND = "knob"
"""Beside the kinds of `highway_sweeps`."""


def experiments(options: Mapping[str, Any]) -> dict[str, Experiment]:
    """One experiment for each value, by a name that tells it from the others. SpecError where they
    cannot be made."""
    knob, values, lanes = _swept_knob(options)
    fields = {name: given for name, given in options.items() if name not in ("lane", "over")}
    if knob.name in fields:
        raise SpecError(f"{knob.name}: is what the sweep goes over; do not set it as well")
    swept = knob.name in FIELDS
    made = [
        Experiment(lanes=[lane], **fields | ({knob.name: value} if swept else {}))
        for value, lane in zip(values, lanes, strict=True)
    ]
    nets = [of.lanes[0].name(of.dataset) for of in made]
    if len(set(nets)) < len(nets):
        called = knob.name.replace("_", " ")
        words = [plain(value).removesuffix(".0").replace("-", "−") for value in values]
        nets = [f"{net}, {called} {word}" for net, word in zip(nets, words, strict=True)]
    return dict(zip(nets, made, strict=True))


def title(options: Mapping[str, Any]) -> str:
    """What it is called: "Depth of ResNet", "Gate bias of Highway-20"."""
    knob, _, lanes = _swept_knob(options)
    nets = {lane.name() for lane in lanes}
    net = nets.pop() if len(nets) == 1 else architecture(lanes[0].family).title
    return f"{knob.label} of {net}"


def _swept_knob(options: Mapping[str, Any]) -> tuple[Knob, list[float], list[Lane]]:
    """The knob, its values, and the lane that belongs to each."""
    base = Lane.from_text(str(options.get("lane", "")))
    over = str(options.get("over", ""))
    name, _, texts = over.partition("=")
    known = _numbers(base.family)
    if name not in known:
        raise SpecError(
            f"sweep over {show(name)}: must be name=value,value with one of {', '.join(known)}"
        )
    knob, values = known[name], [known[name].parse(text) for text in texts.split(",")]
    word = next((value for value in values if isinstance(value, str)), None)
    if word is not None:
        raise SpecError(f"{name} {show(word)}: a sweep goes over numbers alone")
    if len(values) < 2 or len(set(values)) < len(values):
        raise SpecError(f"sweep over {show(over)}: must have two values or more, each once")
    if name in base.knobs:
        raise SpecError(f"{name}: is what the sweep goes over; do not set it as well")
    if name in FIELDS:
        return knob, values, [base] * len(values)
    lanes = [Lane(family=base.family, knobs=base.knobs | {name: value}) for value in values]
    return knob, values, lanes


def _numbers(family: str) -> dict[str, Knob]:
    """What can be swept: the knobs of the family and the fields of an experiment that are
    numbers."""
    every = (*architecture(family).knobs, *FIELDS.values())
    return {knob.name: knob for knob in every if knob.kind in ("int", "float") and not knob.hidden}
