"""The page's address: the experiment on the screen, the run that is shown, and what is looked at,
all in the query."""

from __future__ import annotations

import streamlit as st

from skipviz.core import compact_query
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.server.run import Run
from skipviz.ui import manager
from skipviz.ui.notes import absent, complain
from skipviz.ui.run import choices, share


def restore(page: str) -> None:
    """A page begins: its address comes back when somebody returns to it through the navigation."""
    choices.begin()
    if not st.query_params.to_dict() and f"{page}_address" in st.session_state:
        st.query_params.from_dict(st.session_state[f"{page}_address"])


def forget(page: str) -> None:
    """Empties a page's address."""
    st.session_state.pop(f"{page}_address", None)
    st.query_params.clear()


def experiment_in_address(default: Experiment) -> Experiment:
    """The experiment that the address spells out, else `default`; a sentence where it is wrong."""
    left_out = ("run", share.FIXED, *choices.BESIDE, *share.OF_CHARTS)
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    try:
        query = compact_query.unpacked(query)
        if "lane" not in query:
            return default
        spelled = {name: values for name, values in query.items() if name not in left_out}
        return _without_idle(Experiment.from_query(spelled))
    except SpecError as error:
        complain(SpecError(f"this page's address cannot be read: {error}; here is the default"))
        return default


def _without_idle(experiment: Experiment) -> Experiment:
    """The experiment without knobs that change nothing on their net's backbone, which are named."""
    idle = [
        f"`{lane.text()}`: {', '.join(lane.idle())}" for lane in experiment.lanes if lane.idle()
    ]
    if idle:
        st.info(
            "Left out of this page's address, because they change nothing on the net's backbone:"
            f" {'; '.join(idle)}.",
            icon=":material/info:",
        )
        return experiment.with_(lanes=[lane.without_idle() for lane in experiment.lanes])
    return experiment


def run_in_address() -> Run | None:
    """The run that the address names; a sentence where there is none."""
    run_id = st.query_params.get("run")
    if run_id is None:
        return None
    run = manager.current().find(run_id)
    if run is None:
        st.error(
            "There is no such run on this machine: its address may be cut, or its folder was"
            " deleted. Press Train to start a new one."
        )
    else:
        absent(run.experiment.data)
    return run


def turn_to(run_id: str) -> None:
    """Names another run in the address, before the page is drawn to its end: a click meanwhile, or
    the end of the run, draws it anew. What was chosen in the charts was chosen in another run's."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    kept = {name: words for name, words in query.items() if name not in share.OF_CHARTS}
    st.query_params.from_dict(kept | {"run": [run_id]})


def write(page: str, experiment: Experiment | None, run_id: str | None) -> None:
    """Puts all of it into the address, so that it can be copied, reloaded and opened elsewhere;
    the experiment packed where it would be long."""
    query = experiment.to_query() if experiment is not None else {}
    if run_id is not None:
        query["run"] = [run_id]
    query = compact_query.short(query) | choices.chosen_words()
    if share.is_fixed():
        query[share.FIXED] = ["1"]
    share.redraw(query)
    query |= {name: [word] for name, word in choices.of_charts(run_id).items()}
    st.session_state[f"{page}_address"] = query
    if {name: st.query_params.get_all(name) for name in st.query_params} != query:
        st.query_params.from_dict(query)
