"""A knob as the widget that fits its kind."""

from __future__ import annotations

from typing import Any

import streamlit as st

from skipviz.core.knob import Knob


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
