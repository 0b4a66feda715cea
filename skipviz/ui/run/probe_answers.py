"""Asking probes of every seed of a run, once it has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from skipviz.core.knob import SpecError
from skipviz.server.run import Run
from skipviz.ui import manager
from skipviz.ui.notes import complain


def answers(run: Run, key: str, **options: Any) -> list[dict[str, Any]]:
    """What a probe says of a run, one answer for each seed; kept with the run."""
    owner = manager.current()
    with st.spinner("Measuring …", show_time=True):
        return [
            owner.measure(run.id, key, options, seed_index)
            for seed_index in range(run.experiment.seeds)
        ]


def when_ended(run: Run, key: str, draw: Callable[[Run], None]) -> None:
    """Draws what is measured on a run's weights; while it trains, says so and waits for its end.

    An error of a measurement is shown as its sentence.
    """
    if not run.ended:
        _wait(run, key)
        return
    if run.status()["state"] != "finished" and not run.status().get("step"):
        return
    try:
        draw(run)
    except SpecError as error:
        complain(error)


def _wait(run: Run, key: str) -> None:
    @st.fragment(run_every=0.7, key=f"{key}_wait_{run.id}")
    def waiting() -> None:
        if run.ended:
            st.rerun()
        st.caption("What follows is measured on the weights: as soon as the run has ended.")

    waiting()
