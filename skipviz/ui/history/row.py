"""One run in the list: its picture, what it was, and what can be done with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core import places
from skipviz.core.atomic_files import read_json
from skipviz.core.escapes import markdown
from skipviz.core.knob import SpecError
from skipviz.core.protocol import ENDED
from skipviz.figures.thumbnails import thumbnail
from skipviz.store import data_origin, run_marks
from skipviz.store.history import Entry, curves
from skipviz.ui import access, manager
from skipviz.ui.notes import complain
from skipviz.ui.run.exports import links
from skipviz.ui.theme import is_dark

LAB = str(places.shipped() / "pages/3_explore/01_lab.py")


def row(entry: Entry, remark: str) -> None:
    """A run with a remark on its data, and its buttons for whoever may press them."""
    shown, said, buttons = st.columns([2.3, 9.1, 1.8], vertical_alignment="center", gap="small")
    with shown.container(horizontal=True, vertical_alignment="center"):
        _tick_box(entry)
        picture = thumbnail(curves(entry), f"Loss curves of {entry.title}", is_dark())
        st.html(picture, width="content")
    with said.container(gap=None, key=f"history_run_{entry.id}"):
        title = markdown(entry.title) or "a run that cannot be read"
        st.page_link(LAB, label=title, query_params={"run": entry.id})
        st.html(_facts(entry, remark))
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        _buttons(entry)
    if st.session_state.get("history_open") == entry.id:
        _opened(entry)


def _buttons(entry: Entry) -> None:
    """What may be done with a run by whoever looks."""
    keeps, takes = access.may(Action.KEEP_RUNS), access.may(Action.EXPORT)
    if entry.state in ENDED and st.button(
        f"Replay {markdown(entry.title)}",
        key=f"history_replay_{entry.id}", icon=":material/replay:", type="tertiary",
        help="Opens this run and draws it again, from its first step.",
    ):  # fmt: skip
        st.session_state["replayed"] = entry.id
        st.switch_page(LAB, query_params={"run": entry.id})
    if keeps:
        _pin(entry)
    if keeps or takes:
        st.button(
            f"More of {markdown(entry.title)}", key=f"history_more_{entry.id}", type="tertiary",
            icon=":material/more_horiz:", on_click=_turn, args=(entry.id,),
        )  # fmt: skip


def _pin(entry: Entry) -> None:
    st.button(
        f"{'Unpin' if entry.pinned else 'Pin'} {markdown(entry.title)}",
        key=f"history_pin_{entry.id}",
        icon=":material/keep_off:" if entry.pinned else ":material/keep:",
        type="tertiary",
        help="Pinned runs stand first and stay when the disk is full.",
        on_click=act,
        args=(manager.Guarded.mark, entry.id),
        kwargs={"pinned": not entry.pinned},
    )


def _facts(entry: Entry, remark: str) -> str:
    """How it ended, what it was, and what somebody said of it."""
    depth = f"depth {entry.depth}" if entry.depth else ""
    whole = entry.step >= entry.steps
    steps = f"{entry.steps:,} steps" if whole else f"step {entry.step:,} of {entry.steps:,}"
    when = time.strftime("%d %B %Y, %H:%M", time.localtime(entry.began)).lstrip("0")
    pinned, lanes = "pinned" if entry.pinned else "", entry.lanes if entry.name else ""
    facts = [pinned, lanes, depth, entry.data, remark, entry.state, steps,
             _duration(entry.seconds), places.megabytes(entry.size), when]  # fmt: skip
    verdict = f"<span>Final loss: {escape(entry.verdict)}</span>" if entry.verdict else ""
    note = f"<q>{escape(entry.note)}</q>" if entry.note else ""
    words = " · ".join(map(escape, filter(None, facts)))
    return f'<div class="skip-run">{verdict}<small>{words}</small>{note}</div>'


def _duration(seconds: float) -> str:
    """ "4 s", "12 min", "3.4 h"; empty where it is not known."""
    if seconds <= 0:
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def ticked() -> list[str]:
    """The runs that are to be compared, in the order in which they were ticked."""
    run_ids: list[str] = st.session_state.setdefault("history_ticked", [])
    return run_ids


def _tick_box(entry: Entry) -> None:
    st.checkbox(
        f"Compare {markdown(entry.title)}", key=f"history_tick_{entry.id}",
        value=entry.id in ticked(), label_visibility="collapsed",
        on_change=_tick, args=(entry.id,),
    )  # fmt: skip


def _tick(run_id: str) -> None:
    if run_id in ticked():
        ticked().remove(run_id)
    else:
        ticked().append(run_id)


def untick() -> None:
    """Nothing is to be compared any more."""
    for run_id in ticked():
        st.session_state.pop(f"history_tick_{run_id}", None)
    ticked().clear()


def _turn(run_id: str) -> None:
    """Opens what can be done with a run, or closes it."""
    is_open = st.session_state.get("history_open") == run_id
    st.session_state["history_open"] = None if is_open else run_id


def _opened(entry: Entry) -> None:
    """Its name and note, its files, its end."""
    with st.container(border=True, key="history_opened"):
        left, right = st.columns([1, 1], gap="large")
        if access.may(Action.KEEP_RUNS):
            with left:
                _words(entry)
        with right:
            if access.may(Action.EXPORT):
                _files(entry)
        if access.may(Action.DELETE_RUNS):
            left.button(
                "Delete this run", key=f"history_delete_{entry.id}", icon=":material/delete:",
                on_click=act, args=(manager.Guarded.delete, entry.id),
            )  # fmt: skip


def _words(entry: Entry) -> None:
    with st.form(f"history_words_{entry.id}", border=False):
        name = st.text_input(
            "Name", entry.name, max_chars=run_marks.MOST_NAME, placeholder=entry.lanes
        )
        note = st.text_area("Note", entry.note, max_chars=run_marks.MOST_NOTE, height=100)
        if st.form_submit_button("Save", icon=":material/check:"):
            act(manager.Guarded.mark, entry.id, name=name.strip(), note=note.strip())
            st.rerun()


def _files(entry: Entry) -> None:
    st.markdown("**Take this run away**")
    try:
        links(entry.id, manager.current().store.experiment(entry.id))
    except SpecError as error:
        complain(error)


def act(does: Callable[..., Any], run_id: str, **values: Any) -> None:
    """Does something with a run through the guards; one sentence where it cannot be done."""
    try:
        does(manager.current(), run_id, **values)
    except SpecError as error:
        st.session_state["history_trouble"] = error


def title_in(folder: Path) -> str:
    """What a run that is not in the list is called."""
    families = [str(each) for each in data_origin.orphan(folder).get("lanes", [])]
    lanes = read_json(folder / "experiment.json").get("lanes", [])
    named = [str(lane.get("family", "")) for lane in lanes if isinstance(lane, dict)]
    return run_marks.marks(folder).name or ", ".join(families or named) or "a run"
