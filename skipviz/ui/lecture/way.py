"""The way of a question, step by step: vote, talk to your neighbour, second vote, run, what did you
see, reveal. Each step is taken where the room's settings want it and somebody is there to take it.

The pages of a scene stand in the address (`lecture.Place`); the steps within its first page and
before its numbers are the room's.
"""

from __future__ import annotations

from collections.abc import Mapping

from skipviz.core.phone_protocol import Phase, Stage
from skipviz.server.run import Run
from skipviz.store.room import Room
from skipviz.ui.lecture.lecture import Place

TITLES = {
    Phase.TALK: "talk to your neighbour",
    Phase.SECOND_VOTE: "second vote",
    Phase.CURVES: "what was drawn",
    Phase.SEEN: "what did you see?",
    Phase.PICK: "everybody picks one",
    Phase.PICKED: "what came of it",
}
_BEFORE_THE_RUN = (Phase.VOTE, Phase.TALK, Phase.SECOND_VOTE, Phase.CURVES)


def is_peopled(room: Room, key: str) -> bool:
    """Is there anybody to answer: a phone that looks on, or one or a hand that has answered?"""
    return room.phones > 0 or any(room.answered(key, stage) for stage in Stage)


def phase(place: Place, room: Room, runs: Mapping[str, Run]) -> Phase:
    """How far the question is on this page of the lecture."""
    kind, step = place.phases[place.phase].kind, room.step(place.key)
    if kind == "pick":
        return Phase.PICKED if room.tried(place.key) else Phase.PICK
    if kind == "question" and not runs:
        return step if step in _BEFORE_THE_RUN else Phase.VOTE
    if step is Phase.REVEAL or (step is Phase.SEEN and kind == "numbers"):
        return step
    return Phase.RUN


def arrive(place: Place, room: Room, runs: Mapping[str, Run]) -> None:
    """Before the numbers, when all runs have ended, the room is asked what it saw."""
    is_there = len(runs) == len(place.scene.runs) and all(run.ended for run in runs.values())
    if place.phases[place.phase].kind == "numbers" and is_there:
        if room.step(place.key) not in (Phase.SEEN, Phase.REVEAL):
            is_asked = room.settings.seen and is_peopled(room, place.key)
            room.go_to(place.key, Phase.SEEN if is_asked else Phase.REVEAL)


def forward(place: Place, room: Room, runs: Mapping[str, Run]) -> Place:
    """One step on: within the page, or to the next one."""
    here = phase(place, room, runs)
    step = Phase.REVEAL if here is Phase.SEEN else _after(here, place, room)
    if step is None:
        return place.next()
    room.go_to(place.key, step)
    return place


def _after(here: Phase, place: Place, room: Room) -> Phase | None:
    """The step after this one, before the run; None: the next page."""
    if here is Phase.VOTE and room.settings.talk and is_peopled(room, place.key):
        return Phase.TALK
    if here is Phase.TALK:
        return Phase.SECOND_VOTE
    if here in (Phase.VOTE, Phase.SECOND_VOTE) and has_sketches(room, place.key):
        return Phase.CURVES
    return None


def has_sketches(room: Room, key: str) -> bool:
    """Has somebody drawn a curve for this scene?"""
    return any(room.sketches(key, stage) for stage in (Stage.FIRST, Stage.SECOND))


def back(place: Place, room: Room, runs: Mapping[str, Run]) -> Place:
    """One step back; the first one stays."""
    here = phase(place, room, runs)
    if here is Phase.CURVES:
        room.go_to(place.key, Phase.SECOND_VOTE if room.settings.talk else Phase.VOTE)
    elif here in (Phase.TALK, Phase.SECOND_VOTE):
        room.go_to(place.key, Phase.VOTE if here is Phase.TALK else Phase.TALK)
    else:
        return place.back()
    return place


def at_start(place: Place, here: Phase) -> bool:
    """Is nothing before this?"""
    return not (place.at or place.phase or here in _BEFORE_THE_RUN[1:])
