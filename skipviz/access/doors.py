"""Every request and every socket passes here first.

What a path and a method do stands in one table; what does not stand in it is refused to everybody.
What changes something is taken from pages of this server alone. A socket whose lecturer logs out,
is revoked or runs out of time is closed.

Streamlit's own socket carries a page's wishes: they are asked one by one, where they act
(`skipviz/ui/access.py`), of the connection that is noted here in a header of ours; what a browser
says of itself under that name is dropped.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skipviz.access import cookies, settings, who
from skipviz.access.embedding import SCOPE
from skipviz.access.guests import COOKIE, COOKIE_S
from skipviz.access.origins import same_host
from skipviz.access.roles import Action, Connection, Role, is_local, refusal
from skipviz.core import base_path, events
from skipviz.core.events import Event

PEER = "skipviz-peer"
"""The header in which Streamlit's session is told whose connection it is."""

EMBEDDED = "skipviz-embedded"
"""The header in which it is told that the page may stand in another site's frame: "1"."""

LOOK_S = 2.0
"""So often a lecturer's socket is looked at."""

STREAM = "_stcore/stream"
OTHER_SITE = "Another site's page may not do this here; open it on this server."

_READ = "GET HEAD OPTIONS"
TABLE: tuple[tuple[str, str, Action], ...] = (
    ("WEBSOCKET", r"_stcore/stream", Action.LOAD),
    ("WEBSOCKET", r"api/runs/[^/]+/live", Action.WATCH),
    ("WEBSOCKET", r"v/.+", Action.VOTE),
    (_READ, r"api/runs/[^/]+/export/.+", Action.EXPORT),
    (_READ, r"api/runs/.+", Action.WATCH),
    (_READ, r"api/rooms/[^/]+/answers\.csv", Action.READ_ROOM),
    (_READ, r"media/.+", Action.WATCH),
    (_READ, r"(v|v/.*|vote)", Action.VOTE),
    ("POST", r"v/[^/]+/step", Action.LECTURE),
    ("POST", r"v/.+", Action.VOTE),
    (_READ, r"lecturer", Action.LOG_IN),
    ("POST", r"lecturer(/out)?", Action.LOG_IN),
    ("OPTIONS", r"_stcore/upload_file/.+", Action.LOAD),
    ("PUT DELETE", r"_stcore/upload_file/.+", Action.ADD_DATA),
    (_READ, r"_stcore/(health|script-health-check|host-config|bidi-components/.+)", Action.LOAD),
    (_READ, r"healthz", Action.CHECK_HEALTH),
    (_READ, r"(metrics|_stcore/metrics)", Action.READ_METRICS),
    (_READ, r"(?!api/|_stcore/|media/|v/|lecturer/).*", Action.LOAD),
)
"""Methods, path below the server's base, action. The last line: the app's files, its pages' frames
and whatever a browser asks by itself (an icon)."""


def action_of(method: str, path: str) -> Action | None:
    """What a request does; None where the table does not say it."""
    for methods, pattern, action in TABLE:
        if method in methods.split() and re.fullmatch(pattern, path, re.DOTALL):
            return action
    return None


def connection_of(scope: Mapping[str, Any]) -> Connection:
    """A connection as its ASGI scope says."""
    client = scope.get("client")
    headers = Headers(scope=dict(scope)).items()
    return Connection(client[0] if client else None, tuple(headers), SCOPE in scope)


class Doors:
    """ASGI middleware: who may pass, and where to.

    base   what stands before every path (Streamlit's server.baseUrlPath)
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app = app
        self.home = base_path.prefix(base) + "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = connection_of(scope)
        method = scope.get("method", "WEBSOCKET")
        path = str(scope["path"])
        inside = path[len(self.home) :] if path.startswith(self.home) else path.lstrip("/")
        action = action_of(method, inside)
        sentence = _against(connection, method, inside, action)
        if sentence:
            what = action.name.lower() if action else "unknown"
            events.tell(Event.REFUSED, outcome=scope["type"], action=what)
            await _refuse(scope, receive, send, sentence)
            return
        scope = {**scope, "headers": _noted(scope["headers"], connection)}
        if scope["type"] == "websocket" and _by_cookie(connection):
            receive = _while_logged_in(connection, receive, send)
        if action is Action.LOAD and _is_guests_page(scope, connection):
            send = _with_cookie(connection, scope, self.home.rstrip("/") or "/", send)
        await self.app(scope, receive, send)


def _against(connection: Connection, method: str, path: str, action: Action | None) -> str:
    """Why this is refused, in a sentence; empty where it is not."""
    if action is None:
        return "There is no such thing to be done here."
    changes = method not in _READ.split() and path != STREAM  # Streamlit looks at its own's Origin
    if changes and not same_host({key.lower(): value for key, value in connection.headers}):
        return OTHER_SITE
    if not who.permitted(action, connection):
        text = str(refusal(action))
        return f"{text[0].upper()}{text[1:]}."
    return ""


def _by_cookie(connection: Connection) -> bool:
    """Is this a lecturer who can stop being one?"""
    at_this_machine = settings.current().trust_local and is_local(connection)
    return not at_this_machine and who.role(connection) is Role.LECTURER


def _noted(headers: list[tuple[bytes, bytes]], connection: Connection) -> list[tuple[bytes, bytes]]:
    ours = (PEER.encode(), EMBEDDED.encode())
    other_headers = [(name, value) for name, value in headers if name.lower() not in ours]
    embedded = [(ours[1], b"1")] if connection.embedded else []
    return [*other_headers, (ours[0], (connection.peer or "").encode()), *embedded]


def _is_guests_page(scope: Scope, connection: Connection) -> bool:
    """Does a browser of a guest who may run nets ask for a page?"""
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    wants_page = any("text/html" in value for value in connection.all("accept"))
    return (
        wants_page
        and who.permitted(Action.TRAIN, connection)
        and who.role(connection) is Role.GUEST
    )


def _with_cookie(connection: Connection, scope: Scope, path: str, send: Send) -> Send:
    """`send` that gives a browser without a guest's cookie one with its page."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            cookie = await asyncio.to_thread(who.guests().cookie, connection)
            if cookie is not None:
                headers = MutableHeaders(scope=message)
                cookies.give(headers, (COOKIE, cookie), scope, seconds=COOKIE_S, path=path)
        await send(message)

    return sent


async def _refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # its "connect"
        await send({"type": "websocket.close", "code": 1008, "reason": sentence[:120]})
        return
    answer = PlainTextResponse(sentence, 403, headers={"Cache-Control": "no-store"})
    await answer(scope, receive, send)


def _while_logged_in(connection: Connection, receive: Receive, send: Send) -> Receive:
    """`receive` of a lecturer's socket; when its log-in has ended, the socket is closed."""

    async def heard() -> Message:
        waiting = asyncio.ensure_future(receive())
        try:
            while True:
                done, _ = await asyncio.wait([waiting], timeout=LOOK_S)
                if who.role(connection) is not Role.LECTURER:
                    await send({"type": "websocket.close", "code": 1008, "reason": "logged out"})
                    return {"type": "websocket.disconnect", "code": 1008}
                if done:
                    return waiting.result()
        finally:
            waiting.cancel()

    return heard
