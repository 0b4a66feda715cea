"""A sweep as one object: what it found in one figure, and runs of it to be laid over each other."""

from __future__ import annotations

import streamlit as st

from skipviz.core import final
from skipviz.core.highway_sweeps import title
from skipviz.core.knob import SpecError, show
from skipviz.figures import comparison as figures
from skipviz.server.sweep import Sweep
from skipviz.store import comparison
from skipviz.store.comparison import Compared
from skipviz.ui import manager
from skipviz.ui.notes import complain
from skipviz.ui.run.copy_link import copy_link
from skipviz.ui.run.share import is_fixed, share
from skipviz.ui.theme import is_dark

VIEWS = {"figure1": "figure1", "bias": "map", "fixed": "fixed"}


def show_page(sweep_id: str) -> None:
    """The page of one sweep."""
    found = manager.current().sweeps.find(sweep_id)
    if found is None:
        complain(SpecError(f"sweep {show(sweep_id)}: there is no such sweep on this machine"))
        return
    left, code, right = st.columns([7, 1.1, 1.1], vertical_alignment="center")
    left.subheader(f"Sweep: {title(found.kind, found.options)}")
    share(code, "sweep_share")
    copy_link(right, "sweep_copy_link")
    runs = _runs(found)
    if not runs:
        st.info("None of its runs has a frame yet: look again in a moment.")
        return
    _summary(found, runs)
    if not is_fixed():
        _pick(found, runs)


def _runs(found: Sweep) -> list[Compared]:
    """Its runs that have frames, as they were begun; those that were deleted are left out."""
    runs: list[Compared] = []
    for name, run_id in found.runs.items():
        run = manager.current().find(run_id)
        if run is not None and run.log.n:
            state = str(run.status()["state"])
            runs.append(Compared(len(runs) + 1, run_id, name, run.experiment, run.log, state))
    return runs


def _summary(found: Sweep, runs: list[Compared]) -> None:
    of = comparison.summary(runs)
    medians = {
        label: {place: float(final.median(losses)) for place, losses in at.items()}
        for label, at in of.series.items()
    }
    st.plotly_chart(
        figures.swept(
            of.series, places=of.places, medians=medians, knob=of.knob, dark=is_dark()
        ),
        theme=None, key=f"sweep_summary_{found.id}", alt=f"Final loss against {of.knob}",
    )  # fmt: skip
    losses = [loss for at in of.series.values() for each in at.values() for loss in each]
    gone = len(losses) - len(final.living(losses))
    dead = f" {gone} of {len(losses)} nets diverged and are left out." if gone else ""
    absent = len(found.experiments) - len(runs)
    lacking = f" {absent} of {len(found.experiments)} runs are not here (yet)." if absent else ""
    st.caption(
        f"Lines: medians over the seeds that live; dots: each seed's final training loss"
        f" ({final.WORDS}).{dead}{lacking}"
    )
    if found.kind in VIEWS:
        link = f"highway_depth?view={VIEWS[found.kind]}&sweep={found.id}"
        st.markdown(f"[Its own page]({link}) draws it as the paper does.")


def _pick(found: Sweep, runs: list[Compared]) -> None:
    """Runs of it that are to be compared curve by curve."""
    names = {run.id: run.name for run in runs}
    picked = st.multiselect(
        f"Lay runs of it over each other: {comparison.FEWEST} to {comparison.MOST}", list(names),
        max_selections=comparison.MOST, format_func=names.__getitem__,
        key=f"sweep_pick_{found.id}",
    )  # fmt: skip
    if len(picked) >= comparison.FEWEST:
        st.link_button(
            f"Compare these {len(picked)}", f"compare?runs={','.join(picked)}",
            icon=":material/stacked_line_chart:",
        )  # fmt: skip
