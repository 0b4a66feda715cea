"""Any probe, asked of a run: a form made of its options, and its answer as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError
from skipviz.core.registry import probe
from skipviz.figures import answers as figures
from skipviz.server.run import Run
from skipviz.store.lane_axes import families, labels
from skipviz.ui.knobs import knob_widget
from skipviz.ui.notes import complain
from skipviz.ui.run import choices
from skipviz.ui.run.probe_answers import answers
from skipviz.ui.run.share import is_fixed
from skipviz.ui.theme import is_dark

COLUMNS = 4


def any_probe(run: Run, keys: Sequence[str]) -> None:
    """One of these probes: chosen, asked when Measure is pressed, drawn, with its caveat."""
    probe_key: str | None = choices.option_in_address("probe", keys, "")
    if not is_fixed():
        probe_key = st.selectbox(
            "Measurement",
            keys,
            index=keys.index(probe_key) if probe_key else None,
            format_func=lambda key: probe(key).title,
            key="inside_probe",
            placeholder="Choose what to measure",
        )
    choices.note("probe", probe_key or "")
    if not probe_key:
        return
    declared = probe(probe_key)
    st.markdown(f"**{declared.question}** {declared.cost}")
    options = _options(run, probe_key, declared)
    if options is None:
        return
    try:
        said = answers(run, probe_key, **options)
    except SpecError as error:
        complain(error)
        return
    experiment = run.experiment
    lanes = list(zip(labels(experiment), families(experiment), strict=True))
    figure = figures.of(probe_key)(said, lanes, is_dark())
    st.plotly_chart(figure, theme=None, key=f"inside_{probe_key}", alt=declared.title)
    st.caption(f"{declared.definition} *Caveat:* {declared.caveat}")


def _options(run: Run, key: str, declared: Probe) -> dict[str, Any] | None:
    """The options that Measure was last pressed with, for this run; None before that."""
    names = labels(run.experiment)
    chosen: dict[str, Any] = {}
    with st.form(f"inside_form_{key}", border=False):
        boxes = st.columns(COLUMNS)
        for place, knob in enumerate(declared.knobs):
            with boxes[place % COLUMNS]:
                chosen[knob.name] = _option(knob, f"inside_{key}_{knob.name}", names)
        pressed = st.form_submit_button("Measure", icon=":material/straighten:")
    options_key = f"inside_asked_{run.id}_{key}"
    if pressed:
        st.session_state[options_key] = chosen
    asked: dict[str, Any] | None = st.session_state.get(options_key)
    return asked


def _option(knob: Knob, key: str, lanes: Sequence[str]) -> Any:
    """An option as a widget; lanes, which probes count, by their names."""
    if knob.name != "lane":
        return knob_widget(knob, knob.default, key)
    numbers = range(int(knob.low or 0), len(lanes))
    return st.selectbox(
        knob.label,
        numbers,
        index=numbers.index(knob.default),
        format_func=lambda lane: lanes[lane] if lane >= 0 else "all lanes",
        key=key,
    )
