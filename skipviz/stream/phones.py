"""The routes of the phones in a lecture's room: a page of our own, no Streamlit session.

GET        /v/{code}               the page; gives a cookie to a phone that has none
GET        /v                      asks for a code; ?code=… goes to its page
GET        /v/files/{version}/{name}   the page's files
WebSocket  /v/{code}/live          the room's state when it has changed; takes votes
GET        /v/{code}/state?after=  the same as a JSON list, where sockets are barred: at once where
                                   the state is another one, else when it changes or after a while
GET        /v/{code}/charts        a frame with the live charts, for whoever opens them
POST       /v/{code}/step          the lecturer's: the step that is chosen in the charts of a run
POST       /v/{code}/vote          an answer, where sockets are barred; answered when it is kept
GET        /vote?room=…            the address of before there were codes: goes to the page

No address, name or browser is written down; how often an address tried is in memory alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from skipviz.access import cookies
from skipviz.access.guests import network
from skipviz.access.throttle import Throttle
from skipviz.core import base_path
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import (
    MOST_BYTES,
    Curve,
    Number,
    PhoneKind,
    Refusal,
    Vote,
    from_phone,
)
from skipviz.core.protocol import UnknownMessage
from skipviz.core.strict_json import read
from skipviz.store.room import Room
from skipviz.store.rooms import rooms_of
from skipviz.store.voters import voters_of
from skipviz.stream import assets, phone_page
from skipviz.stream.room_broadcast import ENDED, RoomBroadcast, ended, text

COOKIE = "skipviz_voter"
COOKIE_S = 90 * 86_400
LONG_POLL_S = 20.0
LONGEST_WAIT_S = 10.0

NO_ROOM = "There is no room of this code: look at the code on the wall and type it again."
TOO_MANY_CODES = "Too many wrong codes came from this network: wait a minute and try again."
TOO_MANY_PHONES = "Too many phones come at once: open this page again in a moment."
NO_COOKIE = "This phone keeps no cookies, so it cannot vote: allow them and open this page again."

_GONE = (WebSocketDisconnect, RuntimeError, OSError)
_log = logging.getLogger(__name__)


def routes(root: Callable[[], Path], *, base: str = "") -> list[BaseRoute]:
    """All routes of the phones, under `base` (Streamlit's server.baseUrlPath); `root` gives the
    folder of the store."""
    return Phones(root, base).routes()


class Phones:
    """The rooms that somebody follows.

    A whole class may come from one address: `new_voters` lets in what a hall needs, `wrong_codes`
    slows guessing down. A right code never waits.
    """

    def __init__(self, root: Callable[[], Path], base: str = "") -> None:
        self.root = root
        self.home = base_path.prefix(base)
        self.broadcasts: dict[str, RoomBroadcast] = {}
        self.new_voters = Throttle(per_s=200, burst=2000)
        self.wrong_codes = Throttle(per_s=1, burst=60)
        self._is_leaving = False

    def routes(self) -> list[BaseRoute]:
        here = f"{self.home}/v"
        return [
            Route(here, self.code),
            Route(f"{here}/", self.code),
            Route(f"{here}/files/{{version}}/{{name}}", self.file),
            Route(f"{here}/{{code}}", self.page),
            WebSocketRoute(f"{here}/{{code}}/live", self.live),
            Route(f"{here}/{{code}}/state", self.state),
            Route(f"{here}/{{code}}/charts", self.charts),
            Route(f"{here}/{{code}}/step", self.step, methods=["POST"]),
            Route(f"{here}/{{code}}/vote", self.vote, methods=["POST"]),
            Route(f"{self.home}/vote", self.old_address),
        ]

    # --- Pages --------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        """The page of a room's phones; whoever brings no cookie of ours gets one."""
        room, sentence, status = await self._room(request)
        if room is None:
            return phone_page.ask_for_code(sentence, status, request.headers)
        response = phone_page.page(request.headers)
        if self._voter(request) is None:
            if not await self.new_voters.passes(_address(request), LONGEST_WAIT_S):
                return phone_page.ask_for_code(TOO_MANY_PHONES, 429, request.headers)
            pair, path = (COOKIE, voters_of(self.root()).new_cookie()), f"{self.home}/v"
            cookies.give(response.headers, pair, request.scope, seconds=COOKIE_S, path=path)
        return response

    async def code(self, request: Request) -> Response:
        """Asks for a code, or goes to the room of the one that was typed."""
        typed = "".join(request.query_params.get("code", "").split())[:20]
        if typed.isalnum() and typed.isascii():
            return RedirectResponse(f"{self.home}/v/{typed.upper()}", 303)
        sentence = "Type the code that stands on the wall."
        return phone_page.ask_for_code(sentence, 200, request.headers)

    async def file(self, request: Request) -> Response:
        """One of the page's files."""
        path = request.path_params
        response = phone_page.file(path["name"], request.headers, version=path["version"])
        return response or PlainTextResponse("not found", 404)

    async def old_address(self, request: Request) -> Response:
        """Goes from an address with a room's id to the page of its code."""
        room = rooms_of(self.root()).find(request.query_params.get("room", ""))
        where = f"{self.home}/v" if room is None else f"{self.home}/v/{room.code}"
        return RedirectResponse(where, 303)

    # --- Messages -----------------------------------------------------------------------------

    async def live(self, socket: WebSocket) -> None:
        """One phone's socket, until it goes away."""
        await socket.accept()
        room, sentence, _ = await self._room(socket)
        if room is None:
            with suppress(*_GONE):
                await socket.send_text(refusal(sentence, final=True))
                await socket.close()
            return
        broadcast = self.broadcast(room)
        async with broadcast.followed():
            await _serve(socket, broadcast, self._voter(socket))

    async def state(self, request: Request) -> Response:
        """Messages that a socket would have brought, as a list."""
        room, sentence, status = await self._room(request)
        if room is None:
            return _json([refusal(sentence, final=True)], status)
        broadcast, voter = self.broadcast(room), self._voter(request)
        held = _number(request.query_params.get("after", ""))
        async with broadcast.followed():
            with suppress(TimeoutError):
                await asyncio.wait_for(broadcast.after(held), LONG_POLL_S)
            news = [broadcast.text] if broadcast.number != held else []
            return _json([*news, *_own(broadcast, voter)])

    async def charts(self, request: Request) -> Response:
        """The frame with the live charts."""
        room, sentence, status = await self._room(request)
        if room is None:
            return PlainTextResponse(sentence, status)
        script, plotly = assets.script_path(), assets.plotly_path()
        return phone_page.charts(script, plotly, request.headers)

    async def step(self, request: Request) -> Response:
        """The step that the lecturer has chosen: those who follow go to it. The doors let nobody
        else in."""
        room, sentence, status = await self._room(request)
        if room is None:
            return PlainTextResponse(sentence, status)
        body = (await request.body())[:MOST_BYTES]
        try:
            value = read(body)
        except (ValueError, RecursionError):
            value = None
        match value:
            case {"run": str(run), "step": int() | None as step} if not isinstance(step, bool):
                room.lead(run[:40], step)
                return Response(status_code=204)
        return PlainTextResponse("This is no step of a run.", 400)

    async def vote(self, request: Request) -> Response:
        """A vote without a socket."""
        room, sentence, status = await self._room(request)
        if room is None:
            return _json([refusal(sentence, final=True)], status)
        voter = self._voter(request)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                break
        try:
            wish = from_phone(bytes(body))
        except UnknownMessage as error:
            return _json([refusal(f"This is no vote: {error}.")], 400)
        if voter is None or not isinstance(wish, Vote | Curve | Number):
            return _json([refusal(NO_COOKIE, final=True)], 403)
        return _json([await _taken(self.broadcast(room), wish, voter)])

    def broadcast(self, room: Room) -> RoomBroadcast:
        """The broadcast of a room; those that nobody follows are let go."""
        for idle in [key for key, each in self.broadcasts.items() if not each.room.phones]:
            del self.broadcasts[idle]
        if room.id not in self.broadcasts:
            self.broadcasts[room.id] = RoomBroadcast(room)
            self.broadcasts[room.id].over = self._is_leaving
        return self.broadcasts[room.id]

    def leave(self) -> None:
        """The server leaves: whoever waits for news is answered now."""
        self._is_leaving = True
        for broadcast in self.broadcasts.values():
            broadcast.leave()

    async def _room(self, connection: HTTPConnection) -> tuple[Room | None, str, int]:
        """The room of the code in an address; else a sentence and a status, slowed down where
        somebody guesses."""
        room = rooms_of(self.root()).of_code(connection.path_params["code"])
        if room is not None:
            return (None, ENDED[room.ended], 410) if room.ended else (room, "", 200)
        if await self.wrong_codes.passes(_address(connection), LONGEST_WAIT_S):
            return None, NO_ROOM, 404
        return None, TOO_MANY_CODES, 429

    def _voter(self, connection: HTTPConnection) -> str | None:
        return voters_of(self.root()).voter(connection.cookies.get(COOKIE))


async def _serve(socket: WebSocket, broadcast: RoomBroadcast, voter: str | None) -> None:
    """Sends what is new and takes votes, side by side, until the phone is gone."""
    turn = asyncio.Lock()

    async def send(*messages: str) -> None:
        async with turn:
            for message in messages:
                await socket.send_text(message)

    async def send_news() -> None:
        number = 0
        try:
            while not broadcast.over:
                number = await broadcast.after(number)
                await send(broadcast.text, *_own(broadcast, voter))
        except _GONE:
            pass
        except Exception:
            # Closed, the phone comes back by itself; open, it would wait for ever.
            _log.exception("A phone's socket in a room broke off")
            with suppress(*_GONE):
                await socket.close(1011)

    sending = asyncio.create_task(send_news())
    try:
        while True:
            event: Mapping[str, Any] = await socket.receive()
            if event["type"] != "websocket.receive":
                return
            await send(await _answer(broadcast, event.get("text") or "", voter))
    except _GONE:
        pass
    finally:
        sending.cancel()


async def _answer(broadcast: RoomBroadcast, said: str, voter: str | None) -> str:
    """What a phone's message is answered."""
    if broadcast.room.ended:
        return text(ended(broadcast.room))
    try:
        wish = from_phone(said)
    except UnknownMessage as error:
        return refusal(f"This is no vote: {error}.")
    if isinstance(wish, Vote | Curve | Number) and voter is not None:
        return await _taken(broadcast, wish, voter)
    return refusal(NO_COOKIE, final=True) if voter is None else text(broadcast.own_vote(voter))


async def _taken(broadcast: RoomBroadcast, vote: Vote | Curve | Number, voter: str) -> str:
    """A vote, kept in the room's file; or why not."""
    try:
        return text(await broadcast.vote(vote, voter))
    except SpecError as error:
        sentence = str(error).partition(": ")[2]
        return refusal(f"{sentence[:1].upper()}{sentence[1:]}.")
    except OSError:
        _log.exception("A room's votes cannot be written")
        return refusal("The server cannot write the vote down: tell the lecturer to free its disk.")


def _own(broadcast: RoomBroadcast, voter: str | None) -> list[str]:
    """What is said to one phone alone; nothing in a room that is no more."""
    if broadcast.room.ended:
        return []
    return [refusal(NO_COOKIE, final=True) if voter is None else text(broadcast.own_vote(voter))]


def refusal(sentence: str, *, final: bool = False) -> str:
    """The message to a phone whose wish cannot be."""
    message: Refusal = {"type": PhoneKind.REFUSAL, "message": sentence, "final": final}
    return text(message)


def _json(messages: list[str], status: int = 200) -> Response:
    body = f"[{','.join(messages)}]"
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(body, status, headers, media_type="application/json")


def _number(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else 0


def _address(connection: HTTPConnection) -> str:
    """What counts as one address."""
    return network(connection.client.host if connection.client else None)
