"""The lecture's room: which steps of a question it takes, its answers as a file, and its end."""

from __future__ import annotations

import time

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.store.room import Room
from skipviz.store.room_settings import LEAST_TALK_S, MOST_TALK_S, Settings
from skipviz.ui import access
from skipviz.ui.lecture import lecture
from skipviz.ui.notes import complain

MOST_SHOWN = 30


def steps(room: Room) -> None:
    """A form of the steps that this room takes where somebody is there to take them."""
    now = room.settings
    with st.form(f"room_settings_{room.id}", border=False):
        talk = st.toggle(
            "After the vote: talk to your neighbour, then a second vote", now.talk, key="room_talk"
        )
        talk_s = st.number_input(
            "Seconds to talk", LEAST_TALK_S, MOST_TALK_S, now.talk_s, 10, key="room_talk_s"
        )
        seen = st.toggle(
            "After the run, before the numbers: what did you see?", now.seen, key="room_seen"
        )
        sketch = st.toggle("Draw a curve where a scene asks for one", now.sketch, key="room_sketch")
        if st.form_submit_button("Save", icon=":material/check:"):
            room.configure(Settings(talk=talk, talk_s=int(talk_s), seen=seen, sketch=sketch))
            st.rerun()
    st.caption("With no phone and no hand there is nobody to ask: these steps are left out.")


def answers_file(room: Room) -> None:
    """The way to the room's answers as a file."""
    st.link_button("Answers as CSV", f"api/rooms/{room.id}/answers.csv", icon=":material/download:")


def affected(room: Room) -> str:
    """Who is affected when this room is deleted."""
    phones, answers = room.affected()
    here = _many(room.phones, "phone looks", "phones look")
    gave = f"{_many(phones, 'phone', 'phones')} gave {_many(answers, 'answer', 'answers')}"
    return (
        f"{here} at this room now, and {gave} in it. All of these are deleted for good, and its"
        f" code {room.code} leads nowhere any more; runs stay."
    )


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def is_to_be_deleted(room: Room) -> bool:
    """Was its deletion asked for, and not answered yet?"""
    return st.session_state.get("room_to_delete") == room.id


def deletion(room: Room) -> None:
    """A button, and in its place, once it was pressed, who is affected and another one that deletes
    the room."""
    if not is_to_be_deleted(room):
        st.button(
            "Delete this room", icon=":material/delete:", key=f"room_delete_{room.id}",
            on_click=_choose_to_delete, args=(room.id,),
        )  # fmt: skip
        return
    st.markdown(f"**Delete this room?** {affected(room)}")
    if st.button("Yes, delete it", type="primary", key=f"room_delete_yes_{room.id}"):
        try:
            lecture.end_room(room)
        except SpecError as error:
            complain(error)
            return
        st.query_params.pop("at", None)
        st.rerun()
    st.button("Keep it", key=f"room_delete_no_{room.id}", on_click=_choose_to_delete, args=("",))


def _choose_to_delete(room_id: str) -> None:
    st.session_state["room_to_delete"] = room_id


def all_rooms() -> None:
    """The rooms that there are, each with its answers and its end; nothing for a guest."""
    if not access.may(Action.READ_ROOM) or not st.toggle(
        "Show the rooms that are kept", key="rooms_shown"
    ):
        return
    rooms = lecture.all_rooms()
    st.caption("A room that nobody used for 90 days is deleted by itself.")
    for room in rooms[:MOST_SHOWN]:
        phones, answers = room.affected()
        days = int((time.time() - room.used_at) / 86_400)
        when = "today" if not days else f"{_many(days, 'day', 'days')} ago"
        scene = registry.scenes().get(room.scene)
        boxes = st.columns([5, 2, 3.4], vertical_alignment="center")
        boxes[0].markdown(
            f"**{room.code}** · used {when} · {_many(phones, 'phone', 'phones')},"
            f" {_many(answers, 'answer', 'answers')}"
            + (f" · last: {scene.title}" if scene is not None else "")
        )
        with boxes[1]:
            answers_file(room)
        with boxes[2]:
            deletion(room)
    if not rooms:
        st.caption("There is none.")
