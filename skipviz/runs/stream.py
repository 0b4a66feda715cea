"""The routes that carry a run's frames to a browser.

WebSocket  /api/runs/{id}/live?from=<frames held>&columns=<profiles wanted at once>
           hello, one snapshot, then what is new, at most ten times a second;
           the browser may send {"get": step} for the exact profile of a step
GET        /api/runs/{id}/poll?from=&columns=&maps=   the same messages, where sockets are barred
GET        /api/runs/{id}/frame?step=                 one exact frame as JSON, or (as=bytes)
                                                      as the messages that {"get": step} brings
GET        /api/runs/{id}/columns?steps=1,5,9         profiles that a heat map lacks
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from skipviz.runs import assets, messages
from skipviz.runs.feed import Feed, LiveRun, Viewer

__all__ = ["Feed", "LiveRun", "Streams", "routes"]

Find = Callable[[str], LiveRun | None]

LONG_POLL_S = 5.0
_GONE = (WebSocketDisconnect, RuntimeError, OSError)
_log = logging.getLogger(__name__)


def routes(find: Find, *, base: str = "") -> list[BaseRoute]:
    """All routes of the live charts, under `base` (Streamlit's server.baseUrlPath).

    `find` gives the run of an id, or None; it is called on the event loop and must not linger.
    """
    return Streams(find).routes(base) + assets.routes(base)


class Streams:
    """The feeds of all runs that somebody watches."""

    def __init__(self, find: Find) -> None:
        self.find = find
        self.feeds: dict[str, Feed] = {}

    def routes(self, base: str = "") -> list[BaseRoute]:
        home = f"/{base.strip('/')}".rstrip("/") + "/api/runs/{run_id}"
        return [
            WebSocketRoute(f"{home}/live", self.live),
            Route(f"{home}/poll", self.poll),
            Route(f"{home}/frame", self.frame),
            Route(f"{home}/columns", self.columns),
        ]

    def feed(self, run_id: str) -> Feed | None:
        """The feed of a run; feeds that nobody watches are let go."""
        for idle in [key for key, feed in self.feeds.items() if not feed.viewers]:
            del self.feeds[idle]
        run = self.find(run_id)
        if run is None:
            return None
        feed = self.feeds.get(run_id)
        if feed is None or feed.run is not run:
            feed = self.feeds[run_id] = Feed(run)
        return feed

    async def live(self, socket: WebSocket) -> None:
        """One viewer's socket, until it goes away."""
        if not same_host(socket.headers):
            await socket.close(1008, "another site's page may not watch")
            return
        await socket.accept()
        run_id = socket.path_params["run_id"]
        feed = self.feed(run_id)
        if feed is None:
            with suppress(*_GONE):
                await socket.send_text(missing(run_id))
                await socket.close()
            return
        async with feed.watched():
            viewer = Viewer(feed, **_wishes(socket.query_params))
            await _serve(socket, viewer)

    async def poll(self, request: Request) -> Response:
        """What is new, as soon as there is something, at the latest after a few seconds."""
        feed = self.feed(request.path_params["run_id"])
        if feed is None:
            gone = missing(request.path_params["run_id"])
            return _bytes([gone])
        viewer = Viewer(feed, **_wishes(request.query_params))
        if viewer.held:
            viewer.goes_on(_whole_numbers(request.query_params.get("maps", "")))
        async with feed.watched():
            if viewer.held == feed.n > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(feed.after(feed.tick), LONG_POLL_S)
            return _bytes(viewer.news())

    async def frame(self, request: Request) -> Response:
        """One exact frame."""
        feed = self.feed(request.path_params["run_id"])
        steps = _whole_numbers(request.query_params.get("step", ""))
        if feed is None or not steps or not feed.run.log.n:
            return JSONResponse({"message": "there is no such frame"}, 404)
        if request.query_params.get("as") == "bytes":
            return _bytes(Viewer(feed).exactly(steps[0]))
        body = messages.frame_json(feed.run.log.frame(steps[0]))
        return Response(body, media_type="application/json")

    async def columns(self, request: Request) -> Response:
        """Profiles of some steps."""
        feed = self.feed(request.path_params["run_id"])
        steps = _whole_numbers(request.query_params.get("steps", ""))
        if feed is None or not steps or not feed.run.log.n:
            return JSONResponse({"message": "there are no such frames"}, 404)
        wanted = steps[: messages.SNAPSHOT_COLUMNS]
        return _bytes([messages.profiles(feed.run.log, wanted)])


def _bytes(found: list[str | bytes]) -> Response:
    return Response(
        messages.join(found),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _serve(socket: WebSocket, viewer: Viewer) -> None:
    """Sends what is new and answers requests, side by side, until the viewer is gone."""
    turn = asyncio.Lock()

    async def send(found: list[str | bytes]) -> None:
        async with turn:
            for message in found:
                if isinstance(message, str):
                    await socket.send_text(message)
                else:
                    await socket.send_bytes(message)

    async def tell() -> None:
        tick = 0
        try:
            while True:
                tick = await viewer.feed.after(tick)
                await send(viewer.news())
        except _GONE:
            pass
        except Exception:
            # Closed, the browser comes back by itself; open, it would wait for ever.
            _log.exception("The stream of run %s broke off", viewer.feed.run.id)
            with suppress(*_GONE):
                await socket.close(1011)

    telling = asyncio.create_task(tell())
    try:
        while socket.client_state is WebSocketState.CONNECTED:
            step = _request(await socket.receive())
            if step is not None:
                await send(viewer.exactly(step))
    except _GONE:
        pass
    finally:
        telling.cancel()


def _request(event: Mapping[str, Any]) -> int | None:
    """The step that a browser asks for; None for anything else."""
    try:
        wish = json.loads(event.get("text") or "")
        return int(wish["get"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _wishes(query: Mapping[str, str]) -> dict[str, int]:
    held = _whole_numbers(query.get("from", ""))
    columns = _whole_numbers(query.get("columns", ""))
    return {
        "held": max(0, held[0]) if held else 0,
        "columns": columns[0] if columns else messages.SNAPSHOT_COLUMNS,
    }


def _whole_numbers(text: str) -> list[int]:
    parts = text[:4000].split(",")
    return [int(p) for p in parts if len(p) < 16 and p.lstrip("-").isdecimal() and p.isascii()]


def missing(run_id: str) -> str:
    """What a viewer of a run that is not there is told."""
    sentence = f"There is no run {run_id[:40]} on this machine; its address may be cut or too old."
    return messages.text("missing", message=sentence)


def same_host(headers: Mapping[str, str]) -> bool:
    """Does the page that opens a socket come from this server? (Others send no Origin.)

    Streamlit checks its own socket alone; without this, any web page could read a local run.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
        port = page.port or {"http": 80, "https": 443}.get(page.scheme)
        for host in [headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")]:
            here = urlsplit(f"//{host.strip()}")
            # A proxy may hand on the host without its port; a port that is there must fit.
            if here.hostname and here.hostname == page.hostname and here.port in (None, port):
                return True
    except ValueError:
        pass
    return False
