"""A lecture's room: who may vote, what is counted, what outlives a restart."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import Phase, Stage, Tried
from skipviz.store import room as rooms_file
from skipviz.store.room import Room
from skipviz.store.room_settings import Settings
from skipviz.store.rooms import ALPHABET, CODE_LETTERS, UNUSED_S, Rooms, word
from skipviz.store.store import read_json, write_json
from skipviz.store.voters import Voters
from tests.fixtures import make

VOTER = "AbcDef123-_x"
"""As `word` makes them; a name that is drawn anew would be another test in every process."""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Rooms(tmp_path).room(word())
    made.show("stripes", Phase.VOTE)
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
    room.show("stripes", Phase.RUN)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes.0", word(), 0, 2)
    room.show("lesion", Phase.VOTE)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes.0", word(), 0, 2)
    assert room.scene == "lesion" and room.phase is Phase.VOTE


@pytest.mark.parametrize("choice", [7, 2, -1])
def test_what_is_no_vote_gets_one_sentence(room: Room, choice: int) -> None:
    with pytest.raises(SpecError, match="not one of the choices"):
        room.vote("stripes.0", VOTER, choice, 2)


@pytest.mark.parametrize("voter", ["../../x", "", "x" * 23])
def test_whoever_is_no_voter_answers_nothing_in_any_way(room: Room, voter: str) -> None:
    for answer in (
        lambda: room.vote("stripes.0", voter, 0, 2),
        lambda: room.draw("stripes.0", voter, [0.5] * 5),
        lambda: room.pick("stripes.0", voter, 0.1),
    ):
        with pytest.raises(SpecError, match="not of this server"):
            answer()
    assert room.affected() == (0, 0)


def test_the_steps_of_a_question_and_its_answers_outlive_the_server_and_are_taken_back(
    room: Room, tmp_path: Path
) -> None:
    room.configure(Settings(talk_s=60, seen=False))
    room.vote("stripes.0", VOTER, 0, 2)
    before = time.time()
    room.go_to("stripes", Phase.TALK)
    ends = room.talk_ends
    assert before + 60 <= ends <= time.time() + 60
    room.go_to("stripes", Phase.SECOND_VOTE)
    room.show("stripes", Phase.SECOND_VOTE)
    with pytest.raises(SpecError, match="closed"):
        room.vote("stripes.0", VOTER, 1, 2)
    room.vote("stripes.0.second", VOTER, 1, 2)
    room.go_to("stripes", Phase.TALK)
    assert room.talk_ends == ends, "the clock does not start again on the way back"
    room.go_to("stripes", Phase.SECOND_VOTE)
    room.raise_hands("stripes", [2, 0], Stage.SECOND)
    room.save()
    again = Rooms(tmp_path).room(room.id)
    assert (again.phase, again.step("stripes")) == (Phase.SECOND_VOTE, Phase.SECOND_VOTE)
    assert again.settings == Settings(talk_s=60, seen=False) and again.ballot == "stripes.0.second"
    assert again.counts("stripes", 2) == [1, 0]
    assert again.counts("stripes", 2, Stage.SECOND) == [2, 1]
    assert again.voted("stripes", VOTER) == 0 and again.voted("stripes", VOTER, Stage.SECOND) == 1
    assert (again.answered("stripes", Stage.SECOND), again.affected()) == (3, (1, 2))
    again.forget("stripes")
    assert again.step("stripes") is Phase.VOTE and not again.answered("stripes", Stage.SECOND)


def test_curves_are_kept_and_told_in_no_order_of_voters(room: Room) -> None:
    for heights in ([0.9, 0.1], [0.1, 0.2], [0.5, 0.5]):
        room.draw("stripes.0", word(), heights)
    assert room.sketches("stripes") == [[0.1, 0.2], [0.5, 0.5], [0.9, 0.1]]
    assert room.answered("stripes") == 3 and room.counts("stripes", 2) == [0, 0]


def test_a_deleted_room_holds_nothing_and_takes_nothing_and_its_code_leads_to_no_other(
    room: Room, tmp_path: Path
) -> None:
    room.vote("stripes.0", VOTER, 1, 2)
    code = room.code
    room.end("deleted")
    kept = read_json(tmp_path / "rooms" / f"{room.id}.json")
    assert kept == {"code": code, "ended": "deleted"} and not room.exists
    for act in (
        lambda: room.show("stripes", Phase.VOTE),
        lambda: room.vote("stripes.0", VOTER, 1, 2),
        lambda: room.forget("stripes"),
    ):
        with pytest.raises(SpecError):
            act()
    again = Rooms(tmp_path)
    assert again.of_code(code).ended == "deleted" and again.all_rooms() == []
    assert Rooms(tmp_path).room(room.id).ended == "deleted"


def test_a_room_that_nobody_used_for_90_days_ends_and_is_forgotten_90_days_later(
    room: Room, tmp_path: Path
) -> None:
    other = Rooms(tmp_path).room(word())
    other.show("lesion", Phase.VOTE)
    path, then = tmp_path / "rooms" / f"{room.id}.json", time.time() - UNUSED_S
    os.utime(path, (then + 600, then + 600))
    assert Rooms(tmp_path).of_code(room.code).exists, "not yet"
    os.utime(path, (then - 1, then - 1))
    house = Rooms(tmp_path)
    assert [each.id for each in house.all_rooms()] == [other.id]
    assert house.of_code(room.code).ended == "expired" and "votes" not in read_json(path)
    house.tidy()
    assert path.is_file(), "its phones are still told"
    os.utime(path, (then - 1, then - 1))
    house.tidy()
    assert not path.is_file() and house.of_code(room.code) is None
    assert house.find(room.id) is None


@pytest.mark.parametrize("name", make.ROOMS)
def test_a_room_of_an_older_program_is_what_it_was(name: str, tmp_path: Path) -> None:
    place = Path(make.__file__).parent / "rooms" / name
    expected = json.loads((place / "expected.json").read_text(encoding="utf-8"))
    (tmp_path / "rooms").mkdir()
    shutil.copy(place / f"{expected['id']}.json", tmp_path / "rooms")
    room = Rooms(tmp_path).of_code(expected["code"])
    assert room is not None and room.id == expected["id"] and room.phase is Phase.VOTE
    assert room.ballot == expected["ballot"] and room.runs("lesion") == expected["runs"]
    for scene, choices in (("lesion", 3), ("stripes", 2)):
        assert room.counts(scene, choices) == expected["counts"][scene]
        assert room.shown(scene) == expected["shown"][scene]
    assert room.voted("stripes", "voter-1-x") == expected["voted"]
    assert room.step("lesion") is Phase.REVEAL and room.step("stripes") is Phase.VOTE
    assert room.settings == Settings() and room.counts("lesion", 3, Stage.SECOND) == [0, 0, 0]
    room.vote(room.ballot, "voter-2-x", 1, 2)
    room.save()
    assert Rooms(tmp_path).room(room.id).counts("stripes", 2) == [1, 1]


def test_votes_outlive_the_server_and_hold_no_names(room: Room, tmp_path: Path) -> None:
    room.vote("stripes.0", VOTER, 1, 2)
    room.save()
    again = Rooms(tmp_path).room(room.id)
    assert again.exists and again.counts("stripes", 2) == [0, 1]
    assert again.voted("stripes", VOTER) == 1 and again.code == room.code


def test_many_votes_are_one_piece_of_writing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    monkeypatch.setattr(rooms_file, "write_json", lambda path, value: written.append(value))
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
        room.show("stripes", Phase.VOTE)
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
    room.show("stripes", Phase.VOTE)
    room.vote("stripes.0", VOTER, 1, 2)
    room.vote("stripes.0", VOTER, 1, 2)
    room.show("stripes", Phase.RUN)
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


def test_picks_are_kept_apart_from_votes_and_what_came_of_them_outlives_a_restart(
    tmp_path: Path,
) -> None:
    room = Rooms(tmp_path).room("a-room-of-picks")
    room.show("convergence", Phase.VOTE)
    room.vote(room.ballot, "voter-of-one", 1, 3)
    room.show("convergence", Phase.PICK)
    room.pick(room.ballot, "voter-of-one", 0.3)
    room.pick(room.ballot, "voter-of-one", 0.1)
    room.pick(room.ballot, "voter-of-two", 0.1)
    assert (room.picks("convergence"), room.picked("convergence", "voter-of-two")) == (
        [0.1, 0.1],
        0.1,
    )
    assert room.counts("convergence", 3) == [0, 1, 0]
    tried: Tried = {"total": 1, "state": "finished", "outcomes": [(0.1, [0.5, None], [None, 7])]}
    room.tries("convergence", tried)
    room.show("convergence", Phase.PICKED)
    with pytest.raises(SpecError, match="closed"):
        room.pick(room.ballot, "voter-of-two", 0.2)
    again = Rooms(tmp_path).room("a-room-of-picks")
    assert again.picks("convergence") == [0.1, 0.1] and again.phase is Phase.PICKED
    read = again.tried("convergence")
    assert read is not None and list(read["outcomes"][0]) == [0.1, [0.5, None], [None, 7]]
    ballot = again.ballot
    again.forget_picks("convergence")
    assert (again.picks("convergence"), again.tried("convergence")) == ([], None)
    assert again.counts("convergence", 3) == [0, 1, 0] and again.ballot != ballot
