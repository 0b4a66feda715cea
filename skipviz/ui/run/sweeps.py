"""A sweep on a page: begun by a button, stopped by another, drawn while its runs come in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.access.roles import Action
from skipviz.core import highway_sweeps
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.server.run import Run
from skipviz.server.sweep import Sweep
from skipviz.ui import access, keys, manager
from skipviz.ui.notes import complain, only_the_lecturer, press, untrainable
from skipviz.ui.run.share import is_fixed

REFRESH_S = 0.7

Draw = Callable[[Sweep, Mapping[str, Run]], None]
"""Draws what there is: the runs that have ended, by the names of their experiments."""


def section(
    kind: str, options: Mapping[str, Any], draw: Draw, boxes: Sequence[DeltaGenerator]
) -> None:
    """Two buttons in their boxes, progress and the chart of the sweep that the address names, if
    it is of this kind."""
    owner = manager.current().sweeps
    planned = highway_sweeps.experiments(kind, options)
    sweep = owner.find(st.query_params.get("sweep", ""))
    if sweep is not None and sweep.kind != kind:
        sweep = None
    left, right = boxes
    if not access.may(Action.SWEEP) or (is_fixed() and sweep is not None):
        _look(sweep, draw)
        return
    begin = left.button(
        f"Run {count(planned)} nets", type="primary", icon=":material/play_arrow:", width="stretch",
        key=f"sweep_start_{kind}", shortcut=keys.TRAIN,
        disabled=bool(untrainable()), help=untrainable() or None,
    )  # fmt: skip
    busy = sweep is not None and not owner.ended(sweep)
    stop = right.button(
        "Stop", icon=":material/stop:", width="stretch", key=f"sweep_stop_{kind}",
        disabled=not busy, shortcut=keys.STOP,
    )  # fmt: skip
    try:
        if sweep is not None and (stop or (begin and busy)):
            owner.stop(sweep)
        if begin:
            sweep = owner.start(kind, options, planned)
    except SpecError as error:
        complain(error)
        return
    if begin and sweep is not None:
        st.query_params["sweep"] = sweep.id
        st.rerun()
    if sweep is None:
        press("Ordinary runs, three seeds each, the cheapest first: the chart fills in.")
        return
    _follow(sweep, draw, is_over=not busy)


def _look(shown: Sweep | None, draw: Draw) -> None:
    """What a guest sees of a sweep."""
    if shown is None:
        only_the_lecturer("A sweep's chart stands here while it runs", Action.SWEEP)
    else:
        _follow(shown, draw, manager.current().sweeps.ended(shown))


def count(experiments: Mapping[str, Experiment]) -> int:
    """How many nets these train."""
    return sum(len(each.lanes) * each.seeds for each in experiments.values())


def _follow(shown: Sweep, draw: Draw, is_over: bool) -> None:
    """The chart; it looks for new results by itself until the sweep is over, as the page's buttons
    say of it."""
    owner = manager.current().sweeps

    @st.fragment(run_every=None if is_over else REFRESH_S, key=f"sweep_{shown.id}_{is_over}")
    def follow() -> None:
        if not is_over and owner.ended(shown):
            st.rerun()
        runs = {name: owner.run(shown, name) for name in list(shown.runs)}
        ended = {name: run for name, run in runs.items() if run is not None and run.ended}
        if is_over:
            st.caption(outcome(shown, [run.status()["state"] for run in ended.values()]))
        else:
            _progress(shown, runs, len(ended))
        draw(shown, {name: run for name, run in ended.items() if run.log.n})

    if shown.trouble:
        complain(SpecError(shown.trouble))
    follow()


def outcome(of: Sweep, states: Sequence[str]) -> str:
    """What came of a sweep that is over; `states`: of its runs that are still there."""
    total, whole = len(of.experiments), states.count("finished")
    if whole == total:
        return f"All {count(of.experiments)} nets have been trained."
    words = "Stopped" if of.stopped else "Some runs ended early or are gone"
    return f"{words}: {whole} of {total} runs went to their end."


def _progress(shown: Sweep, runs: Mapping[str, Run | None], done: int) -> None:
    total = len(shown.experiments)
    now = next((name for name, run in runs.items() if run is not None and not run.ended), "")
    st.progress(done / total, f"{done} of {total} runs; now: {now}")
