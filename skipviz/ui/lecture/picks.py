"""Everybody picks one, on the wall: how many have picked, then what came of every number."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core.escapes import sentence
from skipviz.core.phone_protocol import Tried
from skipviz.core.picks import Pick, distinct_numbers
from skipviz.core.scene import Scene
from skipviz.figures import picks as figure
from skipviz.server.class_run import ClassRun
from skipviz.store.lane_axes import families, labels
from skipviz.store.room import Room
from skipviz.ui import manager
from skipviz.ui.lecture import votes
from skipviz.ui.notes import untrainable
from skipviz.ui.theme import is_dark

REFRESH_S = 1.0


def arrive(key: str, room: Room) -> None:
    """What a server of before began and did not end has stopped."""
    tried = room.tried(key)
    known = manager.current().class_runs.find(_key(key, room))
    if tried is not None and tried["state"] == "running" and known is None:
        room.tries(key, {**tried, "state": "stopped"})


def page(key: str, scene: Scene, room: Room) -> None:
    """The question of what everybody picks, or what came of it."""
    assert scene.pick is not None
    if room.tried(key) is None:
        _asked(key, scene.pick, room)
    else:
        _came(key, scene.pick, room)


def run(key: str, scene: Scene, room: Room) -> None:
    """Has every different number trained once. SpecError where nobody has picked."""
    assert scene.pick is not None
    numbers = distinct_numbers(room.picks(key))

    class_runs = manager.current().class_runs

    def heard(class_run: ClassRun) -> None:
        if class_runs.find(_key(key, room)) is class_run:  # it was not reset meanwhile
            room.tries(key, _tried(class_run))

    begun = class_runs.start(_key(key, room), scene.pick, numbers, heard)
    if not room.tried(key):
        room.tries(key, _tried(begun))


def reset(key: str, room: Room) -> None:
    """Stops the training, and takes back what was picked and what came of it."""
    manager.current().class_runs.forget(_key(key, room))
    room.forget_picks(key)


def _key(key: str, room: Room) -> str:
    return f"{room.id}.{key}"


def _tried(of: ClassRun) -> Tried:
    state = "running" if of.state == "waiting" else of.state
    outcomes = [(each.number, each.losses, each.diverged_at) for each in of.outcomes]
    return {"total": len(of.numbers), "state": state, "outcomes": outcomes}


def _asked(key: str, pick: Pick, room: Room) -> None:
    left, right = st.columns([7, 2.4], gap="large")
    with left:
        st.html(f'<p class="skip-question">{html.escape(pick.asks)}</p>')
        st.html(
            f'<p class="skip-scale"><b>{html.escape(pick.label)}</b> from {pick.low:g} to'
            f" {pick.high:g}</p>"
        )
        st.fragment(_picked, run_every=1.5)(key, pick, room)
    with right:
        votes.how_to_vote(room)


def _picked(key: str, pick: Pick, room: Room) -> None:
    """How many have picked, not what; how long it takes to try it."""
    numbers = room.picks(key)
    st.html(f'<p class="skip-answered"><b>{len(numbers)}</b> have picked</p>')
    if untrainable():
        return
    count = len(distinct_numbers(numbers))
    expected_s = manager.current().class_runs.expected_s(pick, max(1, count))
    if count and expected_s is not None:
        st.caption(
            f"{count} different {'number' if count == 1 else 'numbers'}: Run trains each once,"
            f" about {_seconds(expected_s)} on this machine."
        )


def _seconds(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _came(key: str, pick: Pick, room: Room) -> None:
    """The live scatter: a dot as soon as a number has been trained."""
    st.html(f'<p class="skip-says">{html.escape(pick.says)}</p>')
    over = (room.tried(key) or {"state": "stopped"})["state"] != "running"

    @st.fragment(run_every=None if over else REFRESH_S, key=f"picks_{room.id}_{key}_{over}")
    def follow() -> None:
        tried = room.tried(key)
        if tried is None or (not over and tried["state"] != "running"):
            st.rerun()
        _progress(key, room, tried)
        experiment, counts = pick.experiment, room.picks(key)
        chart = figure.draw(
            pick, tried["outcomes"], counts, labels(experiment), families(experiment), is_dark()
        )
        with st.container(key="picks_figure"):
            st.plotly_chart(
                chart,
                theme=None,
                height="stretch",
                key=f"picks_chart_{key}",
                alt="What the room picked, and what came of it",
            )

    follow()


def _progress(key: str, room: Room, tried: Tried) -> None:
    class_run = manager.current().class_runs.find(_key(key, room))
    done, total = len(tried["outcomes"]), tried["total"]
    if tried["state"] == "running":
        share = class_run.share if class_run is not None else done / total
        st.progress(min(1.0, share), f"{done} of {total} numbers have been tried")
    elif tried["state"] == "finished":
        count = len(room.picks(key))
        st.caption(f"{count} picked {total} different numbers; each was trained once, one seed.")
    else:
        message = class_run.message if class_run is not None else ""
        why = f": {sentence(message)}" if message else ""
        st.caption(f"Broken off after {done} of {total} numbers{why}. Reset (X) and pick again.")
