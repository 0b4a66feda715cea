"""The Lab's lanes: a form made from a family's knobs, the block graph, the counts."""

from __future__ import annotations

from typing import Any

import streamlit as st

from skipviz import discover, graphs
from skipviz.figures import theme
from skipviz.spec import Knob, Lane, SpecError, architecture, settle
from skipviz.ui.notes import complain

FIRST = ("backbone", "depth")
"""Knobs that stand above the others, on every family that has them."""


def is_dark() -> bool:
    """Is the page shown in the dark theme?"""
    return st.context.theme.type == "dark"


def lane_form(lane: Lane, key: str, data: str) -> Lane | None:
    """The form of one lane, beginning with `lane`; the lane as chosen, or None where it cannot
    be."""
    families = list(discover.architectures())
    family = st.selectbox(
        "Family",
        families,
        index=families.index(lane.family),
        key=f"{key}_family",
        format_func=lambda name: discover.architectures()[name].title,
    )
    given = dict(lane.knobs) if family == lane.family else {}
    carried = {
        k.name: given[k.name] for k in architecture(family).knobs if k.hidden and k.name in given
    }
    table = {knob.name: knob for knob in architecture(family).knobs if not knob.hidden}
    chosen: dict[str, Any] = {}
    try:
        if "backbone" in table:
            base = settle(family, {k: v for k, v in given.items() if k == "backbone"})
            options = [name for name in table["backbone"].choices]
            chosen["backbone"] = st.segmented_control(
                "Backbone",
                options,
                default=base["backbone"],
                key=f"{key}_{family}_backbone",
                help=table["backbone"].help,
                required=True,
            )
            if chosen["backbone"] != base["backbone"]:
                given = {}
        return _knobs(
            family, table, chosen, given, carried, f"{key}_{family}_{chosen.get('backbone')}", data
        )
    except SpecError as error:
        complain(error)
        return None


def _knobs(
    family: str,
    table: dict[str, Knob],
    chosen: dict[str, Any],
    given: dict[str, Any],
    carried: dict[str, Any],
    key: str,
    data: str,
) -> Lane:
    """The remaining knobs as widgets: the depth above, the others folded away."""
    start = settle(family, chosen | {k: v for k, v in given.items() if k not in chosen})
    backbone = chosen.get("backbone")
    rest = [
        knob
        for name, knob in table.items()
        if name not in FIRST and (not knob.backbones or backbone in knob.backbones)
    ]
    wanted = dict(chosen)
    if "depth" in table:
        wanted["depth"] = widget(table["depth"], start["depth"], f"{key}_depth")
    with st.expander("More knobs", icon=":material/tune:"):
        for knob in rest:
            wanted[knob.name] = widget(knob, start[knob.name], f"{key}_{knob.name}")
    return _shortest(family, {n: v for n, v in wanted.items() if v is not None} | carried, data)


def _shortest(family: str, wanted: dict[str, Any], data: str) -> Lane:
    """The lane with these settings that names only what differs from the family's defaults."""
    knobs = {name: wanted[name] for name in FIRST if name in wanted}
    for _ in range(len(wanted)):
        settled = settle(family, knobs)
        more = {name: value for name, value in wanted.items() if settled[name] != value}
        if not more:
            break
        knobs |= more
    lane = Lane(family=family, knobs=knobs)
    lane.settings(data)
    return lane


def widget(knob: Knob, value: Any, key: str) -> Any:
    """A knob as the widget that fits its kind."""
    common: dict[str, Any] = {"label": knob.label, "key": key, "help": knob.help or None}
    if knob.kind == "bool":
        return st.toggle(value=bool(value), **common)
    if knob.kind == "choice":
        return st.selectbox(options=knob.choices, index=knob.choices.index(value), **common)
    if knob.kind == "int":
        limits: dict[str, Any] = {
            "min_value": int(knob.low or 0),
            "max_value": int(knob.high or 10**9),
        }
        return int(st.number_input(value=int(value), step=1, **limits, **common))
    if not knob.choices and isinstance(value, (int, float)):
        limits = {"min_value": knob.low, "max_value": knob.high}
        return st.number_input(value=float(value), step=0.1, format="%g", **limits, **common)
    text = st.text_input(value=f"{value:g}" if isinstance(value, float) else str(value), **common)
    return knob.parse(text)


def drawing(lane: Lane, label: str, data: str, key: str) -> None:
    """A lane's block graph with its counts beside it."""
    settings = lane.settings(data)
    wiring = architecture(lane.family).wiring(settings)
    counts = wiring.describe()
    family = "plain" if settings.get("plain_twin") else lane.family
    colour = theme.colour(family, dark=is_dark())
    shape = " × ".join(str(n) for n in settings["input_shape"])
    st.html(
        f'<div class="skip-lane" style="color:{colour}">'
        f'<i style="background:{colour}"></i>{label}</div>'
        '<div class="skip-counts">'
        f"<span><b>{counts['parameters']:,}</b> parameters</span>"
        f"<span><b>{counts['multiply_adds']:,}</b> multiply-adds a sample</span>"
        f"<span>{shape} → <b>{settings['num_classes']}</b> classes</span></div>"
    )
    st.graphviz_chart(
        graphs.net(wiring, dark=is_dark()), width="stretch", alt=f"Block graph of {label}"
    )
