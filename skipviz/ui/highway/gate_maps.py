"""Gates of a convolutional highway net: channels averaged over space, and maps of one sample."""

from __future__ import annotations

from html import escape

import streamlit as st

from skipviz.core.registry import dataset, probe
from skipviz.figures.answers import gates as gates_figure
from skipviz.server.run import Run
from skipviz.ui import manager
from skipviz.ui.highway.sections import gated_lane
from skipviz.ui.pictures import picture
from skipviz.ui.run import choices
from skipviz.ui.theme import is_dark

CHANNELS = 10
MAP_PX = 64


def is_convolutional(run: Run) -> bool:
    """Has the run a highway lane whose gates are feature maps?"""
    lane = gated_lane(run)
    if lane is None:
        return False
    settings = run.experiment.lanes[lane].settings(run.experiment.dataset)
    return bool(settings["backbone"] != "dense")


def gate_maps(run: Run) -> None:
    """T of every layer's channels, and for one sample where on the picture the gates open."""
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    most = run.experiment.dataset.train_size - 1
    sample = choices.whole_number(
        left, "Training sample", 0, most, "sample", key=f"maps_sample_{run.id}", usual=0
    )
    when = choices.one_of(right, "When", ("now", "init"), "when", key=f"maps_when_{run.id}")
    options = {"lane": gated_lane(run), "sample": int(sample or 0), "maps": CHANNELS}
    with st.spinner("Measuring …", show_time=True):
        answer = manager.current().measure(run.id, "gates", options | {"when": when})
    name = escape(dataset(run.experiment.data).classes[answer["label"]])
    rows = [
        f'<div class="skip-maps"><b>layer {depth}</b>'
        + "".join(picture(plane, MAP_PX, f"T of channel {i}", 1.0) for i, plane in enumerate(maps))
        + "</div>"
        for depth, maps in zip(answer["depth"], answer.get("maps", ()), strict=False)
    ]
    st.html(
        f'<div class="skip-maps"><b>class {name}</b>{picture(answer["image"], MAP_PX, name)}</div>'
        + "".join(rows)
    )
    st.caption(
        f"T of the first {CHANNELS} channels of each gated layer for this sample: black is T = 0,"
        " carried; white is T = 1, transformed."
    )
    st.plotly_chart(
        gates_figure.figure([answer], [], is_dark()),
        theme=None,
        key=f"maps_chart_{run.id}",
        alt="Gates of this sample",
    )
    st.caption(f"{probe('gates').definition} *Caveat:* {probe('gates').caveat}")
