"""Two pages in one room: one leads it, the other one is told so and changes nothing.

Who leads is decided on the server: the page that came first, until its browser is gone or another
page takes over.
"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from skipviz.core import registry
from skipviz.store.room import Leader, Room
from skipviz.ui.lecture.lecture import Place, to_address


def other_leader(place: Place, room: Room) -> Leader | None:
    """The page that leads this room; None where it is this one."""
    context = get_script_run_ctx()
    session = context.session_id if context is not None else ""
    leader = room.led_by(Leader(session, place.scenes, place.at, place.phase), _is_there)
    return leader if leader.session != session else None


def _is_there(session: str) -> bool:
    """Has this session a browser just now?"""
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def follow_or_take_over(place: Place, room: Room, leader: Leader) -> None:
    """What the page of whoever does not lead says, and the two ways on."""
    title = registry.scenes()[leader.scenes[leader.at]].title
    st.warning(
        f"**Another page leads this room, at *{title}*.** Nothing that you do here reaches the room"
        " until you take over; its answers and runs stay.",
        icon=":material/group:",
    )
    left, right, _ = st.columns([1.4, 1.4, 5])
    if left.button("Take over", icon=":material/front_hand:", key="lead_take_over"):
        room.let_go()
        to_address(replace(place, scenes=leader.scenes, at=leader.at, phase=leader.page))
        st.rerun()
    right.link_button("Follow", f"v/{room.code}#follow", icon=":material/visibility:")
