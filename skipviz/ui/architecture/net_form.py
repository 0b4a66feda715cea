"""The form of the Architecture page: one net by family, ready net, backbone, knobs and depth.

The depth is a slider over the depths that the family allows, so that a drag redraws at once, and a
number field, because a slider of hundreds of depths does not stop at each. A number that nobody
touched stays at the family's default, which may depend on the depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core import registry
from skipviz.core.experiment import Lane
from skipviz.core.knob import Knob, SpecError
from skipviz.core.registry import architecture, full_settings
from skipviz.ui.knobs import knob_widget
from skipviz.ui.lab import lanes
from skipviz.ui.notes import complain

Knobs = dict[str, Any]

FAMOUS = (110, 164, 1001, 1202)
"""Depths that the papers made known: the slider always stops there."""
STEP = 1.03


@lru_cache(maxsize=512)
def _depths(family: str, knobs: tuple[tuple[str, Any], ...]) -> tuple[int, ...]:
    declared = architecture(family)
    (knob,) = (knob for knob in declared.knobs if knob.name == "depth")
    depths = []
    for depth in range(int(knob.low or 1), int(knob.high or 1) + 1):
        knobs_at_depth = {**dict(knobs), "depth": depth}
        try:
            declared.check({**declared.defaults(knobs_at_depth), **knobs_at_depth})
        except SpecError:
            continue
        depths.append(depth)
    return tuple(depths)


def depths(family: str, knobs: Mapping[str, Any]) -> tuple[int, ...]:
    """Every depth that `family` allows beside the other knobs."""
    return _depths(family, tuple((k, v) for k, v in sorted(knobs.items()) if k != "depth"))


def stops(allowed: tuple[int, ...], depth: int) -> list[int]:
    """Where the slider stops: every small depth, then steps of 3 %, so that 20 and 1202 are both
    easily reached."""
    stops_so_far = [allowed[0]]
    for each in allowed[1:]:
        if each >= STEP * stops_so_far[-1] or each in (*FAMOUS, depth, allowed[-1]):
            stops_so_far.append(each)
    return stops_so_far


def nearest(allowed: tuple[int, ...], depth: int) -> int:
    return min(allowed, key=lambda each: (abs(each - depth), each))


@lru_cache(maxsize=64)
def ready(family: str, preset: str) -> Lane:
    """A preset as plain knobs, or by its name where only the name says what it is."""
    by_name = Lane(family=family, knobs={"preset": preset})
    declared = architecture(family)
    settings = by_name.settings()
    spelled = {k: v for k, v in settings.items() if k not in ("preset", "plain_twin")}
    try:
        lane = lanes.shortest(family, spelled, None)
    except SpecError:
        return by_name
    same: bool = declared.wiring(lane.settings()) == declared.wiring(settings)
    return lane if same else by_name


def net_form(lane: Lane, key: str, wide: bool) -> tuple[Lane | None, Lane | None]:
    """The form, begun with `lane`: (the net as chosen, None where nothing fits; a ready net that
    was asked for, to begin again with)."""
    boxes = st.columns([1.3, 1.7, 2.6, 1.2] if wide else 2, vertical_alignment="bottom")
    families = registry.architectures()
    family = boxes[0].selectbox(
        "Family",
        list(families),
        index=list(families).index(lane.family),
        key=f"{key}_family",
        format_func=lambda name: families[name].title,
    )
    picked = _ready_nets(family, f"{key}_{family}", boxes[1])
    if not wide:
        boxes = [*boxes, *st.columns([2.6, 1.4], vertical_alignment="bottom")]
    lane_knobs = dict(lane.knobs) if family == lane.family else {}
    try:
        return _knobs(family, lane_knobs, f"{key}_{family}", (boxes[2], boxes[3])), picked
    except SpecError as error:
        complain(error)
        return None, picked


def _ready_nets(family: str, key: str, box: DeltaGenerator) -> Lane | None:
    """The nets that the papers name, by their names."""
    presets = list(architecture(family).presets)
    preset = box.selectbox(
        "Ready nets",
        presets,
        index=None,
        key=f"{key}_ready",
        format_func=lambda preset: ready(family, preset).name(),
        placeholder="from the papers" if presets else "none in this family",
        disabled=not presets,
    )
    return None if preset is None else ready(family, preset)


def _knobs(
    family: str, lane_knobs: Knobs, key: str, boxes: tuple[DeltaGenerator, DeltaGenerator]
) -> Lane:
    """Backbone, knobs and depth, each begun from the ones before it."""
    table = {knob.name: knob for knob in architecture(family).knobs}
    start = full_settings(family, lane_knobs)
    on = boxes[0].segmented_control(
        table["backbone"].label,
        table["backbone"].choices,
        default=start["backbone"],
        key=f"{key}_backbone",
        help=table["backbone"].help,
        required=True,
    )
    if on != start["backbone"]:
        lane_knobs = {}
    wanted: Knobs = {**lane_knobs, "backbone": on}
    depth, key = wanted.pop("depth", None), f"{key}_{on}"
    depth = st.session_state.get(f"{key}_last", depth or full_settings(family, wanted)["depth"])
    visible_knobs = [k for k in table.values() if not k.backbones or on in k.backbones]
    visible_knobs = [
        k for k in visible_knobs if k.name not in (*lanes.FIRST, "preset") and not k.hidden
    ]
    with boxes[1].popover("Knobs", icon=":material/tune:", width="stretch"):
        for first in (True, False):  # switches first: defaults of the others depend on them
            wanted |= _chosen(
                family,
                wanted,
                depth,
                [k for k in visible_knobs if (k.kind == "bool") == first],
                key,
            )
    wanted["depth"] = _depth(table["depth"], depths(family, wanted), depth, key)
    st.session_state[f"{key}_last"] = wanted["depth"]
    return lanes.shortest(family, wanted, None)


def _chosen(family: str, wanted: Knobs, depth: int, knobs: list[Knob], key: str) -> Knobs:
    """The knobs that somebody set; the others show the defaults for what is set so far."""
    allowed = depths(family, wanted)
    start = full_settings(
        family, {**wanted, **({"depth": nearest(allowed, depth)} if allowed else {})}
    )
    chosen_knobs = {}
    for knob in knobs:
        value = knob_widget(knob, start[knob.name], f"{key}_{knob.name}_{start[knob.name]}")
        if value is not None and (value != start[knob.name] or knob.kind == "bool"):
            chosen_knobs[knob.name] = value
    return chosen_knobs


def _depth(knob: Knob, allowed: tuple[int, ...], depth: int, key: str) -> int:
    """The depth as a slider over those that are allowed, and as a number beside it."""
    if not allowed:
        return depth
    start = nearest(allowed, depth)
    if len(allowed) == 1:
        st.caption(f"**Depth {start}**: the only one that there is with these knobs.")
        return start
    slider, field = st.columns([4, 1], vertical_alignment="bottom")
    chosen = int(
        slider.select_slider(
            knob.label,
            stops(allowed, start),
            start,
            key=_slider_key(key, allowed, start),
            help=knob.help,
        )
    )
    number = f"{key}_number_{hash(allowed)}"
    st.session_state[number] = chosen
    field.number_input(
        f"{knob.label} as a number",
        allowed[0],
        allowed[-1],
        key=number,
        label_visibility="collapsed",
        on_change=_typed,
        args=(number, key, allowed, chosen),
    )
    return chosen


def _slider_key(key: str, allowed: tuple[int, ...], depth: int) -> str:
    """One slider for all its usual stops; one that stops elsewhere, too, is another."""
    shared = f"{key}_depth_{hash(allowed)}"
    return shared if depth in stops(allowed, allowed[0]) else f"{shared}_{depth}"


def _typed(number: str, key: str, allowed: tuple[int, ...], before: int) -> None:
    """Takes the allowed depth that is nearest to what was typed, and says so where it is another;
    one more or less than before, as the field's buttons make it, is the next one."""
    said = st.session_state[number]
    taken = nearest(allowed, said)
    if said not in allowed and abs(said - before) == 1:
        taken = allowed[allowed.index(before) + said - before]
    elif taken != said:
        st.toast(f"Depth {said} does not go with the other knobs; {taken} is the nearest.")
    st.session_state[number] = st.session_state[f"{key}_last"] = taken
    st.session_state[_slider_key(key, allowed, taken)] = taken
