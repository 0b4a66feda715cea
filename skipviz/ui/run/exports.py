"""A run taken away as a file: one link for each format."""

from __future__ import annotations

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core.escapes import markdown
from skipviz.core.experiment import Experiment
from skipviz.exchange.formats import FORMATS
from skipviz.server.run import Run
from skipviz.store.lane_axes import labels
from skipviz.ui import access

_DRAWINGS = ("svg", "pdf", "tikz")


def take_away(run: Run) -> None:
    """The button under a stored run's charts, for whoever may take it away."""
    if run.folder is None or not access.may(Action.EXPORT):
        return
    with st.popover("Take this run away", icon=":material/download:", key="take_away"):
        links(run.id, run.experiment)


def links(run_id: str, experiment: Experiment) -> None:
    """Every format as a link with what it is; a drawing for each lane."""
    lines = []
    for key, each in FORMATS.items():
        if key not in _DRAWINGS:
            lines.append(f"[{each.title}](api/runs/{run_id}/export/{key}): {each.about}")
    for number, name in enumerate(labels(experiment)):
        home = f"api/runs/{run_id}/export"
        drawn = ", ".join(
            f"[{FORMATS[key].title.rpartition(' ')[2]}]({home}/{key}?lane={number})"
            for key in _DRAWINGS
        )
        lines.append(f"Graph of {markdown(name)}: {drawn}")
    st.markdown("  \n".join(lines))
