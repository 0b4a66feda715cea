"""A lecture's room: who may vote, what is counted, what outlives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipviz.core.knob import SpecError
from skipviz.store import rooms
from skipviz.store.rooms import ALPHABET, CODE_LETTERS, Room, Rooms, word
from skipviz.store.store import read_json, write_json
from skipviz.store.voters import Voters

VOTER = "AbcDef123-_x"
"""As `word` makes them; a name that is drawn anew would be another test in every process."""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Rooms(tmp_path).room(word())
    made.show("stripes", True)
    return made


def test_a_phone_counts_once_and_may_change_its_mind(room: Room) -> None:
    one, other = word(), word()
    room.vote("stripes.0", one, 0, 3)
    room.vote("stripes.0", other, 2, 3)
    room.vote("stripes.0", one, 2, 3)
    assert room.counts("stripes", 3) == [0, 0, 2]
    assert room.voted("stripes", one) == 2 and room.voted("stripes", word()) is None


def test_hands_are_counted_beside_phones(room: Room) -> None:
    room.vote("stripes.0", word(), 1, 2)
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
        room.vote("stripes.0", word(), 0, 2)
    room.show("lesion", True)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes.0", word(), 0, 2)
    assert room.scene == "lesion" and room.is_open


@pytest.mark.parametrize(("voter", "choice"), [("../../x", 0), ("", 0), (VOTER, 7), (VOTER, -1)])
def test_what_is_no_vote_gets_one_sentence(room: Room, voter: str, choice: int) -> None:
    with pytest.raises(SpecError, match="not one of the choices"):
        room.vote("stripes.0", voter, choice, 2)


def test_votes_outlive_the_server_and_hold_no_names(room: Room, tmp_path: Path) -> None:
    room.vote("stripes.0", VOTER, 1, 2)
    room.save()
    again = Rooms(tmp_path).room(room.id)
    assert again.exists and again.counts("stripes", 2) == [0, 1]
    assert again.voted("stripes", VOTER) == 1 and again.code == room.code


def test_many_votes_are_one_piece_of_writing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(rooms, "write_json", lambda path, value: written.append(value))
    for _ in range(5):
        room.vote("stripes.0", word(), 1, 2)
    room.save()
    room.save()
    assert [len(value["votes"]["stripes"]) for value in written] == [5]
    assert room.saved == room.version


def test_votes_that_were_taken_back_are_not_voted_on_any_more(room: Room) -> None:
    room.vote("stripes.0", VOTER, 1, 2)
    room.forget("stripes")
    assert room.ballot == "stripes.1" and room.voted("stripes", VOTER) is None
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes.0", VOTER, 0, 2)
    room.vote("stripes.1", VOTER, 0, 2)
    assert room.counts("stripes", 2) == [1, 0]


def test_a_room_has_a_code_that_is_easily_read_and_is_not_its_id(tmp_path: Path) -> None:
    house = Rooms(tmp_path)
    codes = set()
    for _ in range(20):
        room = house.room(word())
        assert not room.exists
        room.show("stripes", True)
        assert len(room.code) == CODE_LETTERS and set(room.code) <= set(ALPHABET)
        assert house.of_code(room.code) is room is house.of_code(room.code.lower())
        assert room.code not in room.id
        codes.add(room.code)
    assert len(codes) == 20 and not set(ALPHABET) & set("O0I1L2568AEU")
    again = Rooms(tmp_path)
    assert {code: again.of_code(code).id for code in codes if again.of_code(code)} == {
        code: house.of_code(code).id for code in codes if house.of_code(code)
    }
    assert again.of_code("BBBBBB") is None and again.of_code("") is None


def test_a_room_from_before_there_were_codes_is_read_and_given_one(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    old = {"scene": "stripes", "open": True, "votes": {"stripes": {VOTER: 1}},
           "hands": {"stripes": [2, 0]}}  # fmt: skip
    write_json(tmp_path / "rooms" / "AbcDef12345.json", old)
    room = Rooms(tmp_path).find("AbcDef12345")
    assert room is not None and room.counts("stripes", 2) == [2, 1]
    assert Rooms(tmp_path).of_code(room.code).id == "AbcDef12345"
    assert read_json(tmp_path / "rooms" / "AbcDef12345.json") == old | {"code": room.code}


def test_a_listener_hears_of_every_change_and_only_of_changes(room: Room) -> None:
    heard = []
    room.listeners.add(lambda: heard.append(room.version))
    room.show("stripes", True)
    room.vote("stripes.0", VOTER, 1, 2)
    room.vote("stripes.0", VOTER, 1, 2)
    room.show("stripes", False)
    assert len(heard) == 2


@pytest.mark.parametrize("wrong", ["", "../rooms/x", "a b", "x" * 40])
def test_a_room_is_named_by_a_random_word_alone(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such room"):
        Rooms(tmp_path).room(wrong)
    assert Rooms(tmp_path).find(wrong) is None


def test_a_voter_is_a_cookie_that_this_store_gave(tmp_path: Path) -> None:
    voters = Voters(tmp_path)
    cookie = voters.new_cookie()
    voter = voters.voter(cookie)
    assert voter and cookie.startswith(voter) and cookie != voters.new_cookie()
    assert Voters(tmp_path).voter(cookie) == voter, "a restart knows its voters again"
    other = voters.new_cookie().partition(".")[0]
    for forged in (
        None,
        "",
        ".",
        voter,
        f"{other}.{cookie.partition('.')[2]}",
        cookie + "x",
        "é.é",
    ):
        assert voters.voter(forged) is None
    assert Voters(tmp_path / "other").voter(cookie) is None
