"""A lecture's room: who may vote, what is counted, what outlives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipviz.core.knob import SpecError
from skipviz.store.rooms import Room, word

VOTER = "AbcDef123-_x"
"""As `word` makes them; a name that is drawn anew would be another test in every process."""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Room(tmp_path, word())
    made.show("stripes", True)
    return made


def test_a_phone_counts_once_and_may_change_its_mind(room: Room) -> None:
    one, other = word(), word()
    room.vote("stripes", one, 0, 3)
    room.vote("stripes", other, 2, 3)
    room.vote("stripes", one, 2, 3)
    assert room.counts("stripes", 3) == [0, 0, 2]
    assert room.voted("stripes", one) == 2 and room.voted("stripes", word()) is None


def test_hands_are_counted_beside_phones(room: Room) -> None:
    room.vote("stripes", word(), 1, 2)
    room.raise_hands("stripes", [4, 1])
    assert room.counts("stripes", 2) == [4, 2]
    room.played("stripes", {"main": "id"})
    assert room.runs("stripes") == {"main": "id"} and room.runs("lesion") == {}
    assert room.shown("stripes") is None
    room.reveal("stripes", 1)
    assert room.shown("stripes") == 1 and room.shown("lesion") is None
    room.forget("stripes")
    assert room.runs("stripes") == {} and room.shown("stripes") is None
    assert room.counts("stripes", 2) == [0, 0]


def test_a_closed_question_takes_no_vote(room: Room) -> None:
    room.show("stripes", False)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes", word(), 0, 2)
    room.show("lesion", True)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes", word(), 0, 2)
    assert room.scene == "lesion" and room.is_open


@pytest.mark.parametrize(("voter", "choice"), [("../../x", 0), ("", 0), (VOTER, 7), (VOTER, -1)])
def test_what_is_no_vote_gets_one_sentence(room: Room, voter: str, choice: int) -> None:
    with pytest.raises(SpecError, match="not one of the choices"):
        room.vote("stripes", voter, choice, 2)


def test_votes_outlive_the_server_and_hold_no_names(room: Room, tmp_path: Path) -> None:
    room.vote("stripes", word(), 1, 2)
    again = Room(tmp_path, room.id)
    assert again.exists and again.counts("stripes", 2) == [0, 1]


@pytest.mark.parametrize("wrong", ["", "../rooms/x", "a b", "x" * 40])
def test_a_room_is_named_by_a_random_word_alone(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such room"):
        Room(tmp_path, wrong)
