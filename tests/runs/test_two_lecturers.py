"""Two lecturers in one room: one page leads it, the other one is told so and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.store.room import Leader
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import read_json
from tests.browser.serving import Server, serving
from tests.streamlit_page import StreamlitPage, streamlit_page

SCENES = sorted(registry.scenes())[:2]
SENTENCE = "Another page leads this room"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    runs = tmp_path_factory.mktemp("lecturers")
    with serving(runs, SKIPVIZ_FUSED="0", SKIPVIZ_RUNNING="1") as made:
        yield made


@pytest.fixture
def room_id(server: Server) -> str:
    """A room in which somebody has voted."""
    room = Rooms(server.runs).room(word())
    room.show(SCENES[0], Phase.VOTE)
    room.vote(room.ballot, word(), 1, 2)
    room.save()
    return room.id


def _opened(page: StreamlitPage, room_id: str, at: int) -> StreamlitPage:
    query = f"scenes={','.join(SCENES)}&seeds=1&at={at}&phase=0&room={room_id}"
    return page.open("lecture", query)


def _is_told(page: StreamlitPage) -> bool:
    return any(SENTENCE in text for text in page.texts())


def _asked(server: Server, room_id: str) -> tuple[Any, ...]:
    """What the room is asked, which page of it is on the wall, and its votes."""
    kept = read_json(server.runs / "rooms" / f"{room_id}.json")
    return kept["scene"], kept["phase"], kept["view"]["page"], kept["votes"]


def test_a_second_lecturer_changes_nothing_until_he_takes_over_and_goes_on_from_there(
    server: Server, room_id: str
) -> None:
    with streamlit_page(server.url) as first, streamlit_page(server.url) as second:
        assert not _is_told(_opened(first, room_id, 1))
        asked = _asked(server, room_id)
        assert asked[0] == SCENES[0]
        assert _is_told(_opened(second, room_id, 2)) and second.button("Next") is None
        title = registry.scenes()[SCENES[0]].title
        assert any(title in text for text in second.texts())
        assert _asked(server, room_id) == asked, "it was only looked at"
        # What is there may be of the script that broke off as well: Next is there for who leads.
        assert second.press("over").button("Next") is not None and "at=1" in second.query
        assert _asked(server, room_id) == asked, "who leads now goes on from there"
        next_page = first.button("Next")
        assert next_page is not None and _is_told(first.press("Next"))
        assert _asked(server, room_id) == asked, "whoever was overtaken is told, and no more"
        while _asked(server, room_id)[0] == SCENES[0]:
            assert not _is_told(second.press("Next"))
        assert _asked(server, room_id)[3] == asked[3] and len(asked[3][SCENES[0]]) == 1


def test_a_page_that_is_gone_leads_no_more(server: Server, room_id: str) -> None:
    with streamlit_page(server.url) as second:
        with streamlit_page(server.url) as first:
            assert not _is_told(_opened(first, room_id, 1))
            assert _is_told(_opened(second, room_id, 1))
        until = time.monotonic() + 60
        while _is_told(_opened(second, room_id, 1)):
            assert time.monotonic() < until, "a page without a browser leads for ever"


def test_a_lecture_that_was_closed_leads_no_more(tmp_path: Path) -> None:
    room = Rooms(tmp_path).room(word())
    first, second = (Leader(name, tuple(SCENES), 0, 0) for name in ("first", "second"))
    assert room.led_by(first, lambda _: True) == first == room.led_by(second, lambda _: True)
    room.let_go()
    assert room.led_by(second, lambda _: True) == second == room.led_by(first, lambda _: True)
