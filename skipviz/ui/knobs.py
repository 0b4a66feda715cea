"""A knob as the widget that fits its kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import streamlit as st

from skipviz.core.knob import Knob, SpecError

_LEFT = "knobs_left"
"""What was chosen in popovers that are closed, by the widgets' keys, in a session's state."""


def folded(
    box_is_open: bool,
    value: Any,
    key: str,
    draw: Callable[[Any], Any],
    parse: Callable[[Any], Any] = lambda said: said,
) -> Any:
    """What is chosen with a widget in a popover: it is drawn, by `draw(what it begins with)`, while
    that is open; else what was left in it counts, or `value`. A page that nobody has touched costs
    its server half as much without them.

    key     the widget's; what it says is in the session's state for one run after it was drawn last
    parse   what it says as a value; SpecError for what is none, which is not taken
    """
    left: dict[str, Any] = st.session_state.setdefault(_LEFT, {})
    if box_is_open:
        return draw(left.get(key, value))
    said = st.session_state.get(key)
    if said is not None:
        with suppress(SpecError):
            left[key] = parse(said)
    return left.get(key, value)


def folded_knob(box_is_open: bool, knob: Knob, value: Any, key: str) -> Any:
    """A knob as a widget in a popover, as `folded` has it."""
    return folded(box_is_open, value, key, lambda start: knob_widget(knob, start, key), knob.parse)


def knob_widget(knob: Knob, value: Any, key: str) -> Any:
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
        bounds = {"min_value": knob.low, "max_value": knob.high}
        limits = {name: None if bound is None else float(bound) for name, bound in bounds.items()}
        return st.number_input(value=float(value), step=0.1, format="%g", **limits, **common)
    text = st.text_input(value=f"{value:g}" if isinstance(value, float) else str(value), **common)
    return knob.parse(text)
