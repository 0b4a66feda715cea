"""The Lab's lanes: a form made from a family's knobs, the block graph, the counts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz import graphs
from skipviz.core import registry
from skipviz.core.declarations import Dataset
from skipviz.core.experiment import Lane
from skipviz.core.knob import Knob, SpecError
from skipviz.core.registry import architecture, full_settings
from skipviz.core.wiring import Wiring
from skipviz.figures import theme
from skipviz.ui.knobs import folded_knob, knob_widget
from skipviz.ui.notes import complain
from skipviz.ui.theme import is_dark

FIRST = ("backbone", "depth")
"""Knobs that stand above the others, on every family."""


def lane_form(lane: Lane, key: str, data: Dataset) -> Lane | None:
    """The form of one lane, beginning with `lane`; the lane as chosen, None where it cannot be."""
    left, right = st.columns(2)
    families = registry.architectures()
    family = left.selectbox(
        "Family",
        list(families),
        index=list(families).index(lane.family),
        key=f"{key}_family",
        format_func=lambda name: families[name].title,
    )
    lane_knobs = dict(lane.knobs) if family == lane.family else {}
    table = {knob.name: knob for knob in families[family].knobs}
    try:
        wanted = _backbone(table["backbone"], family, lane_knobs, f"{key}_{family}", left)
        if wanted["backbone"] != full_settings(family, lane_knobs)["backbone"]:
            lane_knobs = {}
        start = full_settings(family, lane_knobs | wanted)
        wanted |= _knobs(table, start, f"{key}_{family}_{wanted['backbone']}", right)
        carried = {name: lane_knobs[name] for name in lane_knobs if table[name].hidden}
        return shortest(family, wanted | carried, data)
    except SpecError as error:
        complain(error)
        return None


def _backbone(
    knob: Knob, family: str, lane_knobs: dict[str, Any], key: str, box: DeltaGenerator
) -> dict[str, Any]:
    """The backbone: what the other knobs and their defaults depend on."""
    backbone = box.selectbox(
        knob.label,
        knob.choices,
        index=knob.choices.index(full_settings(family, lane_knobs)["backbone"]),
        key=f"{key}_backbone",
        help=knob.help,
    )
    return {"backbone": backbone}


def _knobs(
    table: dict[str, Knob], start: dict[str, Any], key: str, box: DeltaGenerator
) -> dict[str, Any]:
    """The depth as a widget, the remaining knobs folded away."""
    wanted: dict[str, Any] = {}
    with box:
        wanted["depth"] = knob_widget(table["depth"], start["depth"], f"{key}_depth")
        more = st.popover(
            "More knobs",
            icon=":material/tune:",
            width="stretch",
            key=f"{key}_more",
            on_change="rerun",
        )
        with more:
            for name, knob in table.items():
                fits = not knob.backbones or start["backbone"] in knob.backbones
                if name not in (*FIRST, "preset") and not knob.hidden and fits:
                    wanted[name] = folded_knob(bool(more.open), knob, start[name], f"{key}_{name}")
    return {name: value for name, value in wanted.items() if value is not None}


def shortest(family: str, wanted: dict[str, Any], data: Dataset | None) -> Lane:
    """The lane with these settings that names only what differs from the family's defaults."""
    full, knobs = full_settings(family, wanted), dict(wanted)
    for name in wanted:
        less = {other: value for other, value in knobs.items() if other != name}
        if name not in FIRST and _same(family, less, full):
            knobs = less
    lane = Lane(family=family, knobs=knobs)
    lane.settings(data)
    return lane


def _same(family: str, knobs: dict[str, Any], full: dict[str, Any]) -> bool:
    """Do these knobs alone settle to the full settings?"""
    try:
        return full_settings(family, knobs) == full
    except SpecError:
        return False


def counts(lane: Lane, label: str, data: Dataset) -> None:
    """A lane's name in its colour, its parameters, its cost and its shapes."""
    settings = lane.settings(data)
    described = _wiring(lane.family, tuple(settings.items())).describe()
    family = "plain" if settings.get("plain_twin") else lane.family
    colour, ink = theme.colour(family, dark=is_dark()), theme.ink(family, dark=is_dark())
    shape = "×".join(str(n) for n in settings["input_shape"])
    st.html(
        f'<div class="skip-lane" style="color:{ink}">'
        f'<i style="background:{colour}"></i>{label}</div>'
        '<div class="skip-counts">'
        f"<span><b>{described['parameters']:,}</b> parameters</span>"
        f"<span><b>{described['multiply_adds']:,}</b> multiply-adds a sample</span>"
        f"<span>{shape} → <b>{settings['num_classes']}</b> classes</span></div>"
    )


def drawing(lane: Lane, label: str, data: Dataset) -> None:
    """A lane's block graph: the net with its repeats collapsed, and one unit in full."""
    dot = _dot(lane.family, tuple(lane.settings(data).items()), is_dark())
    st.graphviz_chart(dot, width="stretch", height=540, alt=f"Block graph of {label}")


Settings = tuple[tuple[str, Any], ...]


@lru_cache(maxsize=64)
def _wiring(family: str, settings: Settings) -> Wiring:
    """A net's wiring, one for all who look at it."""
    wiring: Wiring = architecture(family).wiring(dict(settings))
    return wiring


@lru_cache(maxsize=64)
def _dot(family: str, settings: Settings, dark: bool) -> str:
    return graphs.net(_wiring(family, settings), dark=dark).source
