"""Controls of the plain-against-residual demonstration: a residual net and its plain twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.fields import FIELDS
from skipviz.ui.knobs import knob_widget

DEFAULT_DEPTH = 50


def pair(knobs: Mapping[str, Any]) -> tuple[Lane, Lane]:
    """A residual net with these knobs and its plain twin: the twin first, as the baseline."""
    return Lane(family="resnet", knobs={**knobs, "plain_twin": True}), Lane(
        family="resnet", knobs=dict(knobs)
    )


def default() -> Experiment:
    """Separates for certain: PyTorch's own initial weights, ReLU, no normalisation."""
    return Experiment(lanes=pair({"backbone": "dense", "depth": DEFAULT_DEPTH}), lr=0.03)


def controls(start: Experiment, boxes: Sequence[DeltaGenerator]) -> Experiment:
    """The demonstration's few knobs in five boxes, beginning with the values of `start`."""
    settings = start.lanes[-1].settings()
    slider_box, number_box, activation_box, init_box, steps_box = boxes
    depth = _depth(settings["depth"], slider_box, number_box)
    activations = ["relu", "tanh", "sigmoid"]
    activation = activation_box.selectbox(
        "Activation",
        activations,
        index=activations.index(settings["activation"]),
        key="twins_activation",
    )
    inits = ["torch_default", "he", "glorot", "orthogonal"]
    init = init_box.selectbox(
        "Initial weights",
        inits,
        index=inits.index(settings["init"]),
        key="twins_init",
        format_func=lambda key: {
            "torch_default": "PyTorch default",
            "he": "He",
            "glorot": "Glorot",
            "orthogonal": "orthogonal",
        }[key],
        help="PyTorch's default draws from ±1/√fan-in and has biases. With He weights a plain ReLU"
        " net keeps its gradient, and a residual net without normalisation explodes.",
    )
    with steps_box:
        steps = knob_widget(FIELDS["steps"], start.steps, "twins_steps")
    twin_settings = {"depth": int(depth), "activation": activation, "init": init}
    knobs = {name: value for name, value in twin_settings.items() if settings[name] != value}
    return start.with_(lanes=pair({**start.lanes[1].knobs, **knobs}), steps=steps)


def _depth(start: int, slider_box: DeltaGenerator, number_box: DeltaGenerator) -> int:
    """The depth by a slider for the show, and beside it by a number for whoever wants just that."""
    widgets = {"twins_depth": "twins_depth_number", "twins_depth_number": "twins_depth"}

    def follow(moved: str) -> None:
        st.session_state[widgets[moved]] = st.session_state[moved]

    for key in widgets:
        st.session_state.setdefault(key, start)
    limits: dict[str, Any] = {"min_value": min(3, start), "max_value": max(150, start)}
    slider_box.slider(
        "Depth: hidden layers",
        **limits,
        key="twins_depth",
        on_change=follow,
        args=("twins_depth",),
        help="The residual net has a shortcut around every two layers after the first.",
    )
    return int(
        number_box.number_input(
            "Depth",
            **limits,
            step=1,
            key="twins_depth_number",
            on_change=follow,
            args=("twins_depth_number",),
            label_visibility="collapsed",
        )
    )


def is_pair(experiment: Experiment) -> bool:
    """Can the demonstration's controls show this experiment?"""
    if len(experiment.lanes) != 2 or any(lane.family != "resnet" for lane in experiment.lanes):
        return False
    first, second = experiment.lanes
    return (
        first.knobs.get("plain_twin") is True
        and second.knobs.get("backbone") == "dense"
        and {**second.knobs, "plain_twin": True} == first.knobs
    )
