"""The doors: what each request and socket may do, and the way of a key to a cookie."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from skipviz.access import doors, login, who
from skipviz.access.doors import PEER, Doors, action_of
from skipviz.access.roles import COOKIE, Action
from tests.access.conftest import Set

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

LOCAL, FAR = ("127.0.0.1", 50000), ("192.168.1.9", 50000)
HERE = "http://localhost:8501"


async def _echo(request: Request) -> JSONResponse:
    return JSONResponse({"peers": request.headers.getlist(PEER), "method": request.method})


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    async for heard in socket.iter_text():
        await socket.send_json({"peer": socket.headers.get(PEER), "heard": heard})


def _client(peer: tuple[str, int], base: str = "", **options: Any) -> TestClient:
    home = f"/{base}".rstrip("/")
    paths = ("api/runs/x/poll", "api/rooms/x/answers.csv",
             "api/other", "media/a.png", "lab", "_stcore/health",
             "_stcore/agent/x", "_stcore/upload_file/s/f", "v/KQTRPM/vote", "")  # fmt: skip
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    routes = [Route(f"{home}/{path}", _echo, methods=methods) for path in paths]
    sockets = [
        WebSocketRoute(f"{home}/{path}", _socket)
        for path in ("_stcore/stream", "api/runs/x/live", "v/KQTRPM/live", "api/other/live")
    ]
    app = Starlette(
        routes=[*login.routes(base), *routes, *sockets], middleware=[Middleware(Doors, base=base)]
    )
    return TestClient(app, base_url=HERE, client=peer, follow_redirects=False, **options)


def test_a_browser_cannot_say_whose_connection_it_is() -> None:
    for name in (PEER, PEER.upper()):
        assert _client(FAR).get("/lab", headers={name: "127.0.0.1"}).json()["peers"] == [FAR[0]]
    with _client(FAR).websocket_connect("/_stcore/stream", headers={PEER: "::1"}) as socket:
        socket.send_text("hello")
        assert socket.receive_json()["peer"] == FAR[0]


REQUESTS = (
    ("GET", "api/runs/x/poll", "watch"), ("GET", "media/a.png", "watch"), ("GET", "lab", "nothing"),
    ("GET", "_stcore/health", "nothing"), ("POST", "v/KQTRPM/vote", "nothing"),
    ("GET", "api/rooms/x/answers.csv", None), ("PUT", "_stcore/upload_file/s/f", None),
    ("DELETE", "_stcore/upload_file/s/f", None),
)  # fmt: skip


@pytest.mark.parametrize("guests", ["nothing", "watch", "run"])
@pytest.mark.parametrize(("method", "path", "least"), REQUESTS)
def test_a_request_passes_where_the_table_says_so(
    set_to: Set, guests: str, method: str, path: str, least: str | None
) -> None:
    set_to(guests=guests)
    order = ["nothing", "watch", "run"]
    allowed = least is not None and order.index(guests) >= order.index(least)
    for client, good in ((_client(FAR), allowed), (_client(LOCAL), True)):
        answer = client.request(method, f"/{path}")
        assert answer.status_code == (200 if good else 403)
        assert good or "Only the lecturer may" in answer.text


@pytest.mark.parametrize("peer", [LOCAL, FAR])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "lab"), ("PATCH", "lab"), ("GET", "api/other"), ("POST", "api/runs/x/poll"),
     ("POST", "_stcore/agent/x"), ("GET", "_stcore/agent/x"), ("PUT", "media/a.png"),
     ("DELETE", "")],
)  # fmt: skip
def test_what_is_not_in_the_table_is_refused_to_everybody(
    peer: tuple[str, int], method: str, path: str
) -> None:
    assert _client(peer).request(method, f"/{path}").status_code == 403


@pytest.mark.parametrize("base", ["", "user/ada/skipviz"])
def test_below_a_base_the_same_things_are_asked(base: str) -> None:
    home = f"/{base}".rstrip("/")
    assert _client(FAR, base).put(f"{home}/_stcore/upload_file/s/f").status_code == 403
    assert _client(FAR, base).get(f"{home}/lab").status_code == 200
    with _client(FAR, base).websocket_connect(f"{home}/api/runs/x/live") as socket:
        socket.send_text("hello")
        assert socket.receive_json()["heard"] == "hello"


def test_another_site_s_page_changes_nothing() -> None:
    foreign = {"origin": "http://evil.example"}
    client = _client(LOCAL)
    assert client.put("/_stcore/upload_file/s/f", headers=foreign).status_code == 403
    assert client.post("/v/KQTRPM/vote", headers=foreign).text == doors.OTHER_SITE
    assert client.post("/lecturer/out", headers=foreign).status_code == 403
    assert client.put("/_stcore/upload_file/s/f", headers={"origin": HERE}).status_code == 200
    for path in ("/v/KQTRPM/live", "/api/runs/x/live"):
        with pytest.raises(WebSocketDisconnect) as refused:
            client.websocket_connect(path, headers=foreign).__enter__()
        assert refused.value.code == 1008


def test_sockets_are_refused_like_requests(set_to: Set) -> None:
    set_to(guests="nothing")
    for path, welcome in (("api/runs/x/live", False), ("api/other/live", False),
                          ("v/KQTRPM/live", True), ("_stcore/stream", True)):  # fmt: skip
        if welcome:
            with _client(FAR).websocket_connect(f"/{path}"):
                pass
        else:
            with pytest.raises(WebSocketDisconnect):
                _client(FAR).websocket_connect(f"/{path}").__enter__()


def test_a_key_becomes_a_cookie_once_and_leaves_the_address() -> None:
    key = who.keys().new_key()
    client = _client(FAR)
    assert client.head(f"/lecturer?key={key}").status_code == 200  # looks, and redeems nothing
    answer = client.get(f"/lecturer?key={key}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["referrer-policy"] == "no-referrer" and key not in answer.text
    words = answer.headers["set-cookie"].lower()
    assert "httponly" in words and "samesite=lax" in words and "secure" not in words
    assert client.put("/_stcore/upload_file/s/f").status_code == 200
    assert "You are the lecturer" in client.get("/lecturer").text
    again = _client(FAR).get(f"/lecturer?key={key}")
    assert again.status_code == 403 and "used already" in again.text
    assert "set-cookie" not in again.headers and key not in again.text
    assert client.get("/lecturer").headers["referrer-policy"] == "same-origin"  # its form's Origin
    client.post("/lecturer/out", headers={"origin": HERE})
    assert client.put("/_stcore/upload_file/s/f").status_code == 403


def test_below_a_base_the_cookie_stays_there() -> None:
    answer = _client(FAR, "base").get(f"/base/lecturer?key={who.keys().new_key()}")
    assert "Path=/base;" in answer.headers["set-cookie"]
    assert answer.headers["location"] == "/base/"


def test_a_pass_phrase_logs_in_and_guessing_is_slowed_down(set_to: Set) -> None:
    none_set = _client(FAR).post("/lecturer", data={"passphrase": ""})
    assert none_set.status_code == 403 and "set-cookie" not in none_set.headers
    set_to(passphrase="Brücken über Schichten")
    client = _client(FAR)
    assert "Pass phrase" in client.get("/lecturer").text
    right = client.post("/lecturer", data={"passphrase": "Brücken über Schichten"})
    assert right.status_code == 303 and who.keys().valid(right.cookies[COOKIE])
    guesses = _client(FAR)
    said = [guesses.post("/lecturer", data={"passphrase": f"guess {i}"}) for i in range(6)]
    assert [answer.status_code for answer in said] == [403] * 5 + [429]
    late = guesses.post("/lecturer", data={"passphrase": "Brücken über Schichten"})
    assert late.status_code == 429 and "wait a minute" in late.text


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"passphrase", b"x" * 5000, b"passphrase=%ff%00", b"&=&;"]
)
def test_nonsense_at_the_lecturer_s_door_is_one_sentence(set_to: Set, body: bytes) -> None:
    set_to(passphrase="a sentence to be typed")
    answer = _client(FAR).post("/lecturer", content=body)
    assert answer.status_code == 403 and login.WRONG in answer.text
    assert _client(FAR).get(f"/lecturer?key={'%ff' * 300}").status_code == 403


def test_a_lecturer_who_logs_out_has_his_sockets_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "LOOK_S", 0.05)
    cookie = who.keys().log_in()
    client = _client(FAR, headers={"cookie": f"{COOKIE}={cookie}"})
    with client.websocket_connect("/_stcore/stream") as socket:
        socket.send_text("one")
        assert socket.receive_json()["heard"] == "one"
        who.keys().log_out(cookie)
        messages: list[Any] = []
        listening = threading.Thread(target=lambda: messages.append(socket.receive()), daemon=True)
        listening.start()
        listening.join(60)
        assert [(each["type"], each["code"]) for each in messages] == [("websocket.close", 1008)]


def test_every_route_of_the_server_has_its_line_in_the_table() -> None:
    from streamlit.web.server.starlette import starlette_routes

    from skipviz.ui import server

    names = [name for name in vars(starlette_routes) if name.startswith(("ROUTE_", "_ROUTE_"))]
    streamlits = [str(vars(starlette_routes)[name]) for name in names]
    assert len(streamlits) > 6
    asked = [("GET", path) for path in streamlits if "upload_file" not in path]
    for route in server.ROUTES:
        if isinstance(route, WebSocketRoute):
            asked.append(("WEBSOCKET", route.path))
        else:
            asked += [(method, route.path) for method in getattr(route, "methods", None) or ()]
    for method, path in asked:
        filled = re.sub(r"\{[^}]+\}", "x", path).lstrip("/")
        assert action_of(method, filled) is not None, (method, path)
    assert action_of("POST", "api/runs/x/stop") is None
    assert {each for _, _, each in doors.TABLE} <= set(Action)
