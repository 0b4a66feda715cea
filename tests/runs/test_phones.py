"""The phones of a room: their page, their votes, what they are told, and who is slowed down."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from skipviz.access import settings
from skipviz.access.doors import Doors, action_of
from skipviz.access.roles import Action, Guests
from skipviz.access.throttle import MOST_ADDRESSES, Throttle
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import (
    MOST_BYTES,
    MOST_HEIGHTS,
    Curve,
    Look,
    Phase,
    View,
    Vote,
    from_phone,
)
from skipviz.core.protocol import UnknownMessage
from skipviz.core.sketch import Sketch
from skipviz.store.room import Room
from skipviz.store.rooms import Rooms, rooms_of, word
from skipviz.stream import assets, phone_page, phones, room_broadcast, room_files
from skipviz.stream.phones import COOKIE, Phones
from skipviz.stream.room_broadcast import RoomBroadcast, state

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SCENE, OTHER = sorted(registry.scenes())[:2]
BALLOT = f"{SCENE}.0"
HERE = {"Origin": "http://testserver"}
ELSEWHERE = {"Origin": "http://elsewhere.example"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = rooms_of(tmp_path).room(word())
    made.show(SCENE, Phase.VOTE)
    return made


@pytest.fixture
def hall(tmp_path: Path) -> Phones:
    return Phones(lambda: tmp_path)


@pytest.fixture
def client(hall: Phones) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=hall.routes())) as made:
        yield made


@pytest.fixture
def phone(hall: Phones, client: TestClient, room: Room) -> Callable[[], dict[str, str]]:
    """Makes phones: the headers of one that has opened the page."""

    def opened() -> dict[str, str]:
        client.cookies.clear()
        cookie = client.get(f"/v/{room.code}").cookies[COOKIE]
        client.cookies.clear()
        return {"Cookie": f"{COOKIE}={cookie}", **HERE}

    return opened


def test_the_page_is_small_its_own_and_gives_a_cookie(client: TestClient, room: Room) -> None:
    answer = client.get(f"/v/{room.code.lower()}")
    assert answer.status_code == 200 and answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy and "connect-src 'self' ws://testserver" in policy
    given = answer.headers["set-cookie"]
    assert "HttpOnly" in given and "SameSite=Lax" in given and "Path=/v;" in given
    assert "Secure" not in given and "set-cookie" not in client.get(f"/v/{room.code}").headers
    assert not re.search(r"<script(?![^>]* src=)|<style|\bon\w+=|https?://|style=", answer.text)
    sizes = [len(answer.content)]
    for address in re.findall(r'"(files/[^"]+)"', answer.text):
        part = client.get(f"/v/{address}")
        assert part.status_code == 200 and "immutable" in part.headers["cache-control"]
        assert part.headers["content-encoding"] == "gzip"
    sizes = [len(body) for body in phone_page.files().packed.values()]
    assert len(sizes) == len([*phone_page.FOLDER.iterdir()]) and sum(sizes) <= 40 * 1024
    assert client.get("/v/files/old/phone.js").headers["cache-control"] == "no-store"
    assert client.get("/v/files/old/voters.key").status_code == 404


def test_a_wrong_code_is_one_sentence_by_every_way(client: TestClient, room: Room) -> None:
    page = client.get("/v/<b>wrong")
    assert page.status_code == 404 and f"<h1>{phones.NO_ROOM}</h1>" in page.text
    assert "set-cookie" not in page.headers
    for answer in (
        client.get("/v/BBBBBB/state"),
        client.post("/v/BBBBBB/vote", headers=HERE, content="{}"),
    ):
        assert answer.status_code == 404
        assert answer.json() == [{"type": "refusal", "message": phones.NO_ROOM, "final": True}]
    with client.websocket_connect("/v/BBBBBB/live") as socket:
        assert socket.receive_json()["message"] == phones.NO_ROOM


def test_guessing_is_slowed_down_and_a_right_code_is_not(
    hall: Phones, client: TestClient, room: Room
) -> None:
    hall.wrong_codes = Throttle(per_s=0.001, burst=3)
    statuses = [client.get("/v/BBBBB" + letter).status_code for letter in "BCDFG"]
    assert statuses == [404, 404, 404, 429, 429]
    assert client.get(f"/v/{room.code}").status_code == 200
    assert client.get(f"/v/{room.code}/state").status_code == 200


def test_more_new_voters_than_a_hall_holds_are_told_to_come_again(
    hall: Phones, client: TestClient, room: Room
) -> None:
    hall.new_voters = Throttle(per_s=0.001, burst=1)
    assert client.get(f"/v/{room.code}").status_code == 200
    assert client.get(f"/v/{room.code}").status_code == 200, "it has its cookie"
    client.cookies.clear()
    refused = client.get(f"/v/{room.code}")
    assert refused.status_code == 429 and phones.TOO_MANY_PHONES in refused.text


def test_a_code_that_is_typed_leads_to_its_page(client: TestClient) -> None:
    assert "Type the code" in client.get("/v").text
    for typed, where in (("kqt rpm", "/v/KQTRPM"), ("../x", ""), ("//elsewhere.example", "")):
        answer = client.get("/v/", params={"code": typed}, follow_redirects=False)
        assert answer.headers.get("location", "") == where


def told(socket: Any, kind: str) -> dict[str, Any]:
    """The next message to a phone, which must be of this kind."""
    message: dict[str, Any] = socket.receive_json()
    assert message["type"] == kind, message
    return message


def test_a_vote_is_acknowledged_when_it_is_kept_and_is_told_to_that_phone_alone(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    mine, other = phone(), phone()
    with (
        client.websocket_connect(f"/v/{room.code}/live", headers=mine) as socket,
        client.websocket_connect(f"/v/{room.code}/live", headers=other) as second,
    ):
        first = told(socket, "room")
        assert (first["phase"], first["ballot"], first["counts"]) == ("vote", BALLOT, None)
        assert first["choices"] == list(registry.scenes()[SCENE].choices)
        assert told(socket, "vote")["choice"] is None
        assert told(second, "room") == first and told(second, "vote")["choice"] is None
        socket.send_json({"ballot": BALLOT, "choice": 1})
        own = told(socket, "vote")
        assert (own["ballot"], own["choice"], own["first"]) == (BALLOT, 1, 1)
        assert Rooms(tmp_path).room(room.id).counts(SCENE, 2) == [0, 1], "it is in the file"
        room.show(SCENE, Phase.REVEAL)
        for each, choice in ((socket, 1), (second, None)):
            closed = told(each, "room")  # the vote itself was no news to anybody
            assert closed["phase"] == "reveal" and sum(closed["counts"]) == 1
            assert told(each, "vote")["first"] == choice
        second.send_json({"ballot": BALLOT, "choice": 0})
        assert "closed" in told(second, "refusal")["message"]
        second.send_json({"number": 0})
        assert told(second, "vote")["first"] is None
    with client.websocket_connect(f"/v/{room.code}/live", headers=mine) as socket:
        assert told(socket, "room") == closed and told(socket, "vote")["first"] == 1


NO_VOTES = (
    "",
    "[]",
    "{" * 99,
    "9" * 600,
    '{"get": 1}',
    '{"choice": 1}',
    '{"ballot": 1, "choice": 0}',
    '{"ballot": "x", "choice": true}',
    '{"ballot": "x", "curve": [0.5]}',
    '{"ballot": "x", "curve": [0, 1.01]}',
    '{"ballot": "x", "curve": [0, NaN]}',
    '{"ballot": "x", "curve": [0, true]}',
    '{"ballot": "x", "curve": [0, 1], "choice": 1}',
    '{"ballot": "x", "pick": true}',
    '{"ballot": "x", "pick": NaN}',
    '{"ballot": "x", "pick": "1"}',
    '{"ballot": "x", "pick": 1, "choice": 1}',
    '{"ballot": "x", "curve": ' + str([0] * 34) + "}",
)


@pytest.mark.parametrize("said", NO_VOTES)
def test_what_is_no_vote_is_answered_with_a_sentence_and_changes_nothing(
    said: str, client: TestClient, room: Room, phone: Callable[[], dict[str, str]]
) -> None:
    with pytest.raises(UnknownMessage):
        from_phone(said)
    mine, before = phone(), room.version
    assert client.post(f"/v/{room.code}/vote", headers=mine, content=said).status_code == 400
    with client.websocket_connect(f"/v/{room.code}/live", headers=mine) as socket:
        told(socket, "room"), told(socket, "vote")
        socket.send_text(said)
        assert "no vote" in told(socket, "refusal")["message"]
        socket.send_json({"ballot": BALLOT, "choice": 99})
        assert "not one of the choices" in told(socket, "refusal")["message"]
    assert room.version == before


def test_what_a_phone_may_say_is_understood() -> None:
    assert from_phone('{"ballot": "x.0", "choice": 2}') == Vote("x.0", 2)
    assert from_phone(b'{"number": 12}') == Look(12)
    assert from_phone('{"ballot": "x.0", "curve": [0, 0.12345, 1]}') == Curve("x.0", (0, 0.123, 1))
    longest = max(map(len, registry.scenes())) + len('{"ballot":".99.second","curve":[]}')
    assert longest + MOST_HEIGHTS * len("0.123,") < MOST_BYTES
    assert len('{"ballot": "", "choice": 100}') + 22 + max(map(len, registry.scenes())) < MOST_BYTES


def test_where_sockets_are_barred_a_phone_asks_and_votes_by_http(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(phones, "LONG_POLL_S", 0.01)
    mine = phone()
    news, own = client.get(f"/v/{room.code}/state", headers=mine).json()
    assert (news["phase"], own["choice"]) == ("vote", None)
    body = json.dumps({"ballot": BALLOT, "choice": 0})
    answer = client.post(f"/v/{room.code}/vote", headers=mine, content=body)
    (counted,) = answer.json()
    assert (counted["ballot"], counted["choice"]) == (BALLOT, 0)
    held = f"/v/{room.code}/state?after={news['number']}"
    (again,) = client.get(held, headers=mine).json()
    assert again | {"now": 0} == counted | {"now": 0}, "nothing is new but the vote"
    room.show(OTHER, Phase.VOTE)
    assert client.get(held, headers=mine).json()[0]["ballot"] == f"{OTHER}.0"


def test_another_sites_page_neither_votes_nor_listens(
    hall: Phones, room: Room, phone: Callable[[], dict[str, str]]
) -> None:
    theirs = phone() | ELSEWHERE
    client = TestClient(Starlette(routes=hall.routes(), middleware=[Middleware(Doors)]))
    body = json.dumps({"ballot": BALLOT, "choice": 0})
    assert client.post(f"/v/{room.code}/vote", headers=theirs, content=body).status_code == 403
    with pytest.raises(phones.WebSocketDisconnect):
        with client.websocket_connect(f"/v/{room.code}/live", headers=theirs) as socket:
            socket.receive_json()
    assert room.counts(SCENE, 2) == [0, 0]


@pytest.mark.parametrize("cookie", ["", "AbcDef123-_x", "AbcDef123-_xYZ00.0123456789abcdef012345"])
def test_a_phone_whose_cookie_we_did_not_give_cannot_vote(
    cookie: str, client: TestClient, room: Room
) -> None:
    forged = {"Cookie": f"{COOKIE}={cookie}", **HERE}
    body = json.dumps({"ballot": BALLOT, "choice": 0})
    answer = client.post(f"/v/{room.code}/vote", headers=forged, content=body)
    assert answer.status_code == 403 and answer.json()[0]["message"] == phones.NO_COOKIE
    with client.websocket_connect(f"/v/{room.code}/live", headers=forged) as socket:
        told(socket, "room")
        assert told(socket, "refusal")["final"] is True
        socket.send_text(body)
        assert told(socket, "refusal")["message"] == phones.NO_COOKIE
    assert room.counts(SCENE, 2) == [0, 0]


def test_a_disk_that_is_full_is_told_and_the_phone_stays_connected(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def full() -> None:
        raise OSError("no space left")

    with client.websocket_connect(f"/v/{room.code}/live", headers=phone()) as socket:
        told(socket, "room"), told(socket, "vote")
        with monkeypatch.context() as patched:
            patched.setattr(room, "save", full)
            socket.send_json({"ballot": BALLOT, "choice": 1})
            assert "disk" in told(socket, "refusal")["message"]
        socket.send_json({"ballot": BALLOT, "choice": 1})
        assert told(socket, "vote")["choice"] == 1
    assert room.saved == room.version


def run_async(scenario: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))


class SlowSocket:
    """A phone that takes one message, and the next only when it is let."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.takes, self.gone, self.waits = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def send_text(self, message: str) -> None:
        self.waits.set()
        await self.takes.wait()
        self.taken.append(json.loads(message))

    async def receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "websocket.disconnect"}


def test_a_slow_phone_gets_the_newest_state_only_and_holds_nobody_up(room: Room) -> None:
    async def scenario() -> None:
        broadcast, slow, fast = RoomBroadcast(room), SlowSocket(), SlowSocket()
        fast.takes.set()
        async with broadcast.followed():
            serving = [
                asyncio.create_task(phones._serve(socket, broadcast, word()))  # type: ignore[arg-type]
                for socket in (slow, fast)
            ]
            await slow.waits.wait()
            for turn in range(1, 21):
                await asyncio.to_thread(room.show, (SCENE, OTHER)[turn % 2], Phase.VOTE)
                while not fast.taken or fast.taken[-1]["ballot"] != room.ballot:
                    await asyncio.sleep(0)
            slow.takes.set()
            while not slow.taken or slow.taken[-1]["ballot"] != room.ballot:
                await asyncio.sleep(0)
            assert len([m for m in slow.taken if m["type"] == "room"]) <= 2
            assert broadcast.encoded == 21, "once a change, for all phones"
            for socket in (slow, fast):
                socket.gone.set()
            await asyncio.gather(*serving)
        assert room.listeners == set()

    run_async(scenario)


def test_votes_of_one_moment_are_written_together(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = []
    save = room.save
    monkeypatch.setattr(room, "save", lambda: (saves.append(1), save()))
    monkeypatch.setattr(room_broadcast, "GATHERED_S", 0.2)

    async def scenario() -> None:
        broadcast = RoomBroadcast(room)
        votes = [broadcast.vote(Vote(BALLOT, 1), word()) for _ in range(300)]
        await asyncio.gather(*votes)

    run_async(scenario)
    assert room.counts(SCENE, 2) == [0, 300] and room.saved == room.version
    assert len(saves) < 5


def test_a_question_goes_its_way_and_each_answer_is_kept_apart(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    mine, choices = phone(), registry.scenes()[SCENE].choices
    with client.websocket_connect(f"/v/{room.code}/live", headers=mine) as socket:
        told(socket, "room"), told(socket, "vote")
        before = ""
        for phase, choice in ((Phase.VOTE, 0), (Phase.SECOND_VOTE, 1), (Phase.SEEN, len(choices))):
            if phase is not Phase.VOTE:
                socket.send_json({"ballot": before, "choice": 0})
                assert "closed" in told(socket, "refusal")["message"], "a phase that is over"
                room.show(SCENE, phase)
                asked, own = told(socket, "room"), told(socket, "vote")
                assert (asked["phase"], asked["counts"], own["choice"]) == (phase, None, None)
                assert asked["ballot"] == room.ballot != before
                unseen = ["I could not tell"] * (phase is Phase.SEEN)
                assert asked["choices"] == [*choices, *unseen]
            socket.send_json({"ballot": room.ballot, "choice": choice})
            assert told(socket, "vote")["choice"] == choice
            before = room.ballot
            closed = Phase.TALK if phase is Phase.VOTE else Phase.RUN
            room.go_to(SCENE, closed)
            room.show(SCENE, closed)
            asked = told(socket, "room")
            assert (asked["counts"], asked["shown"]) == (None, None)
            assert (asked["talk_ends"] is not None) is (closed is Phase.TALK)
            told(socket, "vote")
    with client.websocket_connect(f"/v/{room.code}/live", headers=phone()) as late:
        assert told(late, "room")["phase"] == "run"
    room.reveal(SCENE, 1)
    room.show(SCENE, Phase.REVEAL)
    again = Rooms(tmp_path).room(room.id)
    revealed = state(again)
    assert revealed["shown"] == 1 and again.phase is Phase.REVEAL, "a restart changes nothing"
    assert [revealed[f"{stage}counts"].index(1) for stage in ("", "second_", "seen_")] == [  # type: ignore[literal-required]
        0,
        1,
        len(choices),
    ]


def test_where_a_curve_is_asked_for_a_choice_is_not_taken_and_the_other_way_round(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    sketch = Sketch("Draw it.", 0, "layer", "norm", (1.0, 50.0), (1e-9, 1.0), "loss", 0, "plain",
                    "plain", "layers", log_y=True)  # fmt: skip
    drawn = replace(registry.scenes()[SCENE], sketch=sketch)
    monkeypatch.setattr(registry, "scenes", lambda: {SCENE: drawn})
    curve, choice, voter = Curve(BALLOT, (0.0, 0.5, 1.0)), Vote(BALLOT, 0), word()

    async def scenario() -> None:
        broadcast = RoomBroadcast(room)
        asked = state(room)
        assert asked["kind"] == "sketch" and asked["question"] == "Draw it."
        assert asked["axes"] == sketch.axes
        with pytest.raises(SpecError, match="another way"):
            await broadcast.vote(choice, voter)
        own = await broadcast.vote(curve, voter)
        assert own["curve"] == [0.0, 0.5, 1.0] and own["choice"] is None
        room.configure(replace(room.settings, sketch=False))
        assert state(room)["kind"] == "choice"
        with pytest.raises(SpecError, match="another way"):
            await broadcast.vote(curve, voter)
        await broadcast.vote(choice, voter)

    run_async(scenario)
    assert room.counts(SCENE, 2) == [1, 0] and room.sketches(SCENE) == []
    x, y = sketch.points([0.0, 0.5, 1.0])
    assert x == [1, 25.5, 50] and y == pytest.approx([1e-9, 10**-4.5, 1])


def test_phones_of_a_room_that_was_deleted_are_told_so_once(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]]
) -> None:
    mine, code = phone(), room.code
    with client.websocket_connect(f"/v/{code}/live", headers=mine) as socket:
        told(socket, "room"), told(socket, "vote")
        assert room.phones == 1
        room.end("deleted")
        said = told(socket, "refusal")
        assert said["final"] and said["message"].startswith("The lecturer has deleted this room")
        socket.send_json({"ballot": BALLOT, "choice": 0})
        assert told(socket, "refusal")["final"]
    for answer in (client.get(f"/v/{code}"), client.get(f"/v/{code}/state")):
        assert answer.status_code == 410 and "deleted this room" in answer.text
    assert "Traceback" not in client.get(f"/v/{code}").text


def test_the_answers_of_a_room_are_a_file_and_those_of_none_are_a_sentence(
    room: Room, tmp_path: Path
) -> None:
    room.vote(BALLOT, word(), 1, 2)
    app = Starlette(routes=room_files.routes(lambda: tmp_path, base="under"))
    with TestClient(app) as client:
        answer = client.get(f"/under/api/rooms/{room.id}/answers.csv")
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        assert f'filename="answers-{room.code}.csv"' in answer.headers["content-disposition"]
        assert answer.content.decode("utf-8-sig").startswith("scene,title,question,stage,")
        assert f"{SCENE}," in answer.text
        for wrong in ("AAAAAAAAAAAA", "..%2Fvoters", room.code):
            assert client.get(f"/under/api/rooms/{wrong}/answers.csv").status_code == 404
        room.end("deleted")
        assert client.get(f"/under/api/rooms/{room.id}/answers.csv").status_code == 404


def test_equal_states_have_equal_numbers_after_a_restart_too(room: Room, tmp_path: Path) -> None:
    assert state(Rooms(tmp_path).room(room.id)) == state(room)
    before = state(room)["number"]
    room.show(SCENE, Phase.REVEAL)
    assert state(room)["number"] != before < 2**53


def test_a_throttle_lets_a_burst_through_then_so_many_a_second() -> None:
    now = 0.0
    throttle = Throttle(per_s=2, burst=3, clock=lambda: now)
    assert [throttle.count("a", 1.0) for _ in range(7)] == [0, 0, 0, 0.5, 1.0, None, None]
    assert throttle.count("b", 1.0) == 0, "another address has its own"
    now = 1.0
    assert throttle.count("a", 1.0) == 0.5, "what was refused does not count"
    now = 100.0
    assert [throttle.count("a", 1.0) for _ in range(4)] == [0, 0, 0, 0.5]
    for i in range(MOST_ADDRESSES + 5):
        throttle.count(str(i), 1.0)
    assert len(throttle._next_free) == MOST_ADDRESSES


def test_a_picked_number_is_rounded_kept_in_its_bounds_and_its_outcome_goes_to_all(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]]
) -> None:
    room.show("convergence", Phase.PICK)
    ballot = room.ballot
    with client.websocket_connect(f"/v/{room.code}/live", headers=phone()) as socket:
        asked = told(socket, "room")
        assert (asked["kind"], asked["phase"], asked["tried"]) == ("pick", "pick", None)
        assert asked["pick"]["label"] == "learning rate" and len(asked["pick"]["lanes"]) == 2
        assert told(socket, "vote")["pick"] is None
        sentence = "The learning rate must be a number from 0.0003 to 3."
        socket.send_json({"ballot": ballot, "pick": 30})
        assert told(socket, "refusal")["message"] == sentence
        for wrong in ({"choice": 1}, {"curve": [0, 1]}):
            socket.send_json({"ballot": ballot, **wrong})
            assert "asked in another way" in told(socket, "refusal")["message"]
        socket.send_json({"ballot": ballot, "pick": 0.01234})
        assert told(socket, "vote")["pick"] == 0.012 and room.picks("convergence") == [0.012]
        room.tries(
            "convergence",
            {"total": 1, "state": "running", "outcomes": [(0.012, [None, 0.1], [9, None])]},
        )
        room.show("convergence", Phase.PICKED)
        while (shown := told(socket, "room"))["phase"] == "pick":
            assert shown["tried"] is None, "what came is shown when the wall shows it"
            told(socket, "vote")
        assert shown["tried"]["outcomes"] == [[0.012, [None, 0.1], [9, None]]]
        assert told(socket, "vote")["pick"] == 0.012
        socket.send_json({"ballot": ballot, "pick": 0.5})
        assert "closed" in told(socket, "refusal")["message"]


VIEW: View = {
    "scene": "Stripes", "page": "figure 1", "says": "look", "run": "a-run", "panels": ["loss"],
    "quantity": "signal", "colours": [("#000000", "#FFFFFF")], "step": None,
}  # fmt: skip


def test_those_who_follow_hear_of_the_wall_s_page_and_of_the_step_of_its_run(
    client: TestClient, room: Room, phone: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    room.look_at(VIEW)
    step = f"/v/{room.code}/step"
    with client.websocket_connect(f"/v/{room.code}/live", headers=phone()) as socket:
        assert told(socket, "room")["view"] == json.loads(json.dumps(VIEW))
        told(socket, "vote")
        assert client.post(step, json={"run": "a-run", "step": 7}).status_code == 204
        assert told(socket, "room")["view"]["step"] == 7
    view = state(room)["view"]
    assert view is not None and view["step"] == 7
    room.look_at({**VIEW, "run": "another"})
    view = state(room)["view"]
    assert view is not None and view["step"] is None, "the step was of the run before"
    for body in ("", "[]", '{"run": "a-run", "step": true}', '{"run": 1, "step": 1}', "{" * 99):
        assert client.post(step, content=body).status_code == 400
    assert client.post("/v/BBBBBB/step", content="{}").status_code == 404
    assert "7" not in json.dumps(Rooms(tmp_path).room(room.id).view)


def test_where_guests_may_not_watch_no_run_is_named(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.look_at(VIEW)
    now = settings.current()
    monkeypatch.setattr(settings, "current", lambda: replace(now, guests=Guests.NOTHING))
    view = state(room)["view"]
    assert view is not None and (view["run"], view["scene"]) == ("", "Stripes")


def test_the_charts_have_a_frame_of_their_own_which_alone_allows_styles_in_elements(
    client: TestClient, room: Room
) -> None:
    frame, page = client.get(f"/v/{room.code}/charts"), client.get(f"/v/{room.code}")
    policy = frame.headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline';" in policy and "script-src 'self';" in policy
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    assert assets.script_path() in frame.text and assets.plotly_path() in frame.text
    assert client.get("/v/BBBBBB/charts").status_code == 404
    assert action_of("POST", f"v/{room.code}/step") is Action.LECTURE
    assert action_of("POST", f"v/{room.code}/vote") is Action.VOTE
