"""The Lab's state and form: up to four lanes, the training fields, presets, undo."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core import registry
from skipviz.core.experiment import MAX_LANES, Experiment, Lane, twin
from skipviz.core.fields import FIELDS
from skipviz.core.knob import SpecError
from skipviz.core.placing import kind
from skipviz.core.presets import PRESETS
from skipviz.core.registry import dataset_view
from skipviz.datafiles.availability import missing
from skipviz.store.lane_axes import labels
from skipviz.ui import manager
from skipviz.ui.knobs import folded, folded_knob, knob_widget
from skipviz.ui.lab import lanes
from skipviz.ui.notes import complain
from skipviz.ui.run import address

COMMON = ("steps", "lr", "batch_size", "seeds")
GROUPS = {
    "Training": ("optimiser", "momentum", "weight_decay", "schedule"),
    "Budget and evaluation": ("seconds", "evaluate_every"),
    "Data": ("subset", "pool", "label_noise", "augment"),
}
ADVANCED = ("warmup", "clip", "seed", "record_every", "precision", "device")
EVALUATIONS = 20
"""So often a run is evaluated where the form switches it on."""


@dataclass
class State:
    """What the form begins with. Every load is a new generation, so that its widgets begin
    afresh."""

    start: Experiment
    generation: int = 0
    fresh: bool = True
    seen: Experiment | None = None
    undone: list[Experiment] = field(default_factory=list)

    def load(self, experiment: Experiment, previous: Experiment | None = None) -> None:
        """Shows another experiment in the form; `previous` is what Undo brings back."""
        if previous is not None:
            self.undone.append(previous)
        self.start = experiment
        self.generation += 1
        self.fresh = True


def state(of_run: Experiment | None) -> State:
    """This browser's form: begun from the run or the experiment in the address, else a preset.

    Whoever comes back from another page finds the address as it was, and the form begins again
    from it: the widgets themselves are gone by then.
    """
    kept_state: State | None = st.session_state.get("lab")
    if kept_state is None or f"lab_{kept_state.generation}_data" not in st.session_state:
        default = kept_state.start if kept_state else next(iter(PRESETS.values())).experiment
        spelled = address.experiment_in_address(of_run or default)
        if kept_state is None:
            kept_state = st.session_state.lab = State(spelled)
        elif not kept_state.fresh:
            kept_state.load(spelled)
    kept_state.fresh = False
    return kept_state


def preset_row(now: State) -> None:
    """Presets by lecture topic, and Undo."""
    left, right = st.columns([6, 1], vertical_alignment="bottom")
    preset_key = left.pills(
        "Begin with",
        list(PRESETS),
        format_func=lambda key: PRESETS[key].title,
        key=f"lab_{now.generation}_preset",
        label_visibility="collapsed",
    )
    if right.button("Undo", icon=":material/undo:", disabled=not now.undone, width="stretch"):
        now.load(now.undone.pop())
        st.rerun()
    if preset_key:
        preset = PRESETS[preset_key]
        on_gpu = any(device["key"] != "cpu" for device in manager.current().devices())
        small = preset.small is not None and not on_gpu
        now.load(preset.small if small and preset.small else preset.experiment, now.seen)
        st.session_state.lab_note = preset.shows + (f" {preset.scaled}" if small else "")
        address.forget("lab")
        st.rerun()
    if "lab_note" in st.session_state:
        st.caption(st.session_state.lab_note)


def fields(now: State) -> tuple[dict[str, Any], list[DeltaGenerator]]:
    """Data set and training fields in one row, and the three boxes at its end for the buttons."""
    key, start = f"lab_{now.generation}", now.start
    boxes = st.columns([1.8, 1.4, 1.4, 1.3, 1.2, 1.2, 2.3, 1.8, 0.9], vertical_alignment="bottom")
    sets = registry.datasets()
    values: dict[str, Any] = {
        "data": boxes[0].selectbox(
            "Data",
            list(sets),
            index=list(sets).index(start.data) if start.data in sets else 0,
            format_func=lambda name: sets[name].title + (" ⤓" if missing(name) else ""),
            key=f"{key}_data",
            help="⤓: not on this machine yet; the Data page gets it.",
        )
    }
    for box, name in zip(boxes[1:5], COMMON, strict=True):
        with box:
            values[name] = knob_widget(FIELDS[name], getattr(start, name), f"{key}_{name}")
    box = boxes[5].popover("More", width="stretch", key=f"{key}_more", on_change="rerun")
    with box:
        values |= _rarer(start, values["steps"], key, bool(box.open))
    return values, boxes[6:]


def _rarer(start: Experiment, steps: int, key: str, is_open: bool) -> dict[str, Any]:
    """The training fields that are seldom changed, in groups; the advanced ones folded away."""
    values: dict[str, Any] = {}
    for group, names in GROUPS.items():
        columns: Sequence[DeltaGenerator] | None = _group(f"**{group}**") if is_open else None
        for i, name in enumerate(names):
            with columns[i % 2] if columns else nullcontext():
                value = getattr(start, name)
                if name == "evaluate_every":
                    values[name] = _evaluation(value, steps, key, is_open)
                elif name == "momentum" and values["optimiser"] not in ("sgd", "nesterov"):
                    values[name] = value
                else:
                    values[name] = folded_knob(is_open, FIELDS[name], value, f"{key}_{name}")
    with st.expander("Advanced") if is_open else nullcontext():
        columns = st.columns(2) if is_open else None
        for i, name in enumerate(ADVANCED):
            with columns[i % 2] if columns else nullcontext():
                value = getattr(start, name)
                values[name] = folded_knob(is_open, FIELDS[name], value, f"{key}_{name}")
        if is_open:
            st.caption(f"Device auto {manager.current().placing().sentence(kind(start))}.")
    return values


def _group(title: str) -> Sequence[DeltaGenerator]:
    st.markdown(title)
    return st.columns(2)


def _evaluation(every: int, steps: int, key: str, is_open: bool) -> int:
    """How often the held-out split is looked at: a switch, and a number where it is on."""
    knob = FIELDS["evaluate_every"]
    switch = f"{key}_evaluated"

    def toggle(is_on: bool) -> bool:
        return st.toggle("Held-out curve", value=is_on, key=switch, help=knob.help)

    if not folded(is_open, every > 0, switch, toggle):
        return 0
    interval = every or max(1, steps // EVALUATIONS)
    return max(1, int(folded_knob(is_open, knob, interval, f"{key}_{knob.name}")))


def form(now: State, fields: dict[str, Any]) -> Experiment | None:
    """The lanes' forms and graphs; the experiment as chosen, None where something does not fit."""
    key = f"lab_{now.generation}"
    count = len(now.start.lanes)
    rows = [st.columns(min(2, count), gap="medium", border=True) for _ in range(0, count, 2)]
    columns = [column for row in rows for column in row]
    chosen: list[Lane | None] = []
    try:
        data = dataset_view(*(fields[name] for name in ("data", "pool", "subset")))
    except SpecError as error:
        complain(error)
        return None
    for i, lane in enumerate(now.start.lanes):
        with columns[i]:
            chosen.append(lanes.lane_form(lane, f"{key}_{i}", data))
    if any(lane is None for lane in chosen):
        return None
    try:
        experiment = Experiment(lanes=[lane for lane in chosen if lane is not None], **fields)
    except SpecError as error:
        complain(error)
        return None
    now.seen = experiment
    for i, label in enumerate(labels(experiment)):
        with columns[i]:
            lanes.counts(experiment.lanes[i], label, data)
            _lane_buttons(now, experiment, i, f"{key}_{i}")
            lanes.drawing(experiment.lanes[i], label, data)
    spare = columns[count] if count < len(columns) else st.container()
    if count < MAX_LANES and spare.button("Add a lane", icon=":material/add:"):
        now.load(experiment.with_(lanes=[*experiment.lanes, experiment.lanes[-1]]), experiment)
        st.rerun()
    return experiment


def _lane_buttons(now: State, experiment: Experiment, i: int, key: str) -> None:
    row = st.container(horizontal=True)
    lane = experiment.lanes[i]
    plain_twin = twin(lane, experiment.dataset)
    full = len(experiment.lanes) >= MAX_LANES
    if plain_twin is not None and row.button(
        "Add plain twin",
        key=f"{key}_twin",
        icon=":material/content_copy:",
        disabled=full,
        help="The same layers with the same first weights, the shortcuts taken out."
        if plain_twin[1]
        else "A plain net of the same depth and nearly as many parameters; it shares no weights.",
    ):
        now.load(experiment.with_(lanes=[*experiment.lanes, plain_twin[0]]), experiment)
        st.rerun()
    if len(experiment.lanes) > 1 and row.button(
        "Remove", key=f"{key}_remove", icon=":material/delete:"
    ):
        other_lanes = [other for j, other in enumerate(experiment.lanes) if j != i]
        now.load(experiment.with_(lanes=other_lanes), experiment)
        st.rerun()
