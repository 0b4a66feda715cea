"""The routes that carry a run's frames to a browser.

WebSocket  /api/runs/{id}/live?from=<frames held>&columns=<profiles wanted at once>
                              &sample=<whose maps; none without>
           hello, one snapshot, then what is new, at most ten times a second, maps once;
           the browser may send {"get": step} for the exact profile of a step, and {"sample": k}
GET        /api/runs/{id}/poll?from=&columns=&sample=&maps=
                                                      the same messages, where sockets are barred
GET        /api/runs/{id}/frame?step=                 one exact frame as JSON, or (as=bytes)
                                                      as the messages that {"get": step} brings
GET        /api/runs/{id}/profiles?steps=1,5,9        profiles that a heat map lacks; /columns, the
                                                      name until now, answers for one more version
GET        /api/runs/{id}/maps?lane=&sample=&parts=&from=
                                                      the maps of all steps after one, step by step
GET        /api/runs/{id}/samples                     the pictures that the maps are drawn for
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from skipviz.core import base_path
from skipviz.core.knob import SpecError
from skipviz.core.protocol import BrowserRequest, TextKind, UnknownMessage
from skipviz.stream import assets, map_samples, messages
from skipviz.stream.broadcast import LiveRun, RunBroadcast, Viewer
from skipviz.stream.packed import Packed

Find = Callable[[str], LiveRun | None]

LONG_POLL_S = 5.0
_GONE = (WebSocketDisconnect, RuntimeError, OSError)
_log = logging.getLogger(__name__)


def routes(find: Find, *, base: str = "") -> list[BaseRoute]:
    """All routes of the live charts, under `base`; `find` as in `Streams`."""
    return Streams(find).routes(base)


class Streams:
    """The broadcasts of all runs that somebody watches.

    find     the run of an id, or None; it is called on the event loop and must not linger
    packed   the messages that their viewers share
    """

    def __init__(self, find: Find) -> None:
        self.find = find
        self.broadcasts: dict[str, RunBroadcast] = {}
        self.packed = Packed()
        self._is_leaving = False

    def routes(self, base: str = "") -> list[BaseRoute]:
        """All routes of the live charts, under `base` (Streamlit's server.baseUrlPath)."""
        home = base_path.prefix(base) + "/api/runs/{run_id}"
        return [
            WebSocketRoute(f"{home}/live", self.live),
            Route(f"{home}/poll", self.poll),
            Route(f"{home}/frame", self.frame),
            Route(f"{home}/profiles", self.profiles),
            Route(f"{home}/columns", self.profiles),
            Route(f"{home}/maps", self.maps),
            Route(f"{home}/samples", self.samples),
            *assets.routes(base),
        ]

    def broadcast(self, run_id: str) -> RunBroadcast | None:
        """The broadcast of a run; those that nobody watches are let go."""
        for idle in [key for key, each in self.broadcasts.items() if not each.viewers]:
            del self.broadcasts[idle]
        run = self.find(run_id)
        if run is None:
            return None
        broadcast = self.broadcasts.get(run_id)
        if broadcast is None or broadcast.run is not run:
            broadcast = self.broadcasts[run_id] = RunBroadcast(run, self.packed)
            broadcast.over = self._is_leaving
        return broadcast

    async def opened(self, run_id: str) -> RunBroadcast | None:
        """The same, its frames at hand: a long run's file is looked through in a thread, while
        others are served."""
        known = self.broadcasts.get(run_id)
        run = None if known is not None and known.viewers else self.find(run_id)
        if run is not None:
            await asyncio.to_thread(lambda: run.log)
        return self.broadcast(run_id)

    def leave(self) -> None:
        """The server leaves: whoever waits for news is answered now."""
        self._is_leaving = True
        for broadcast in self.broadcasts.values():
            broadcast.leave()

    async def live(self, socket: WebSocket) -> None:
        """One viewer's socket, until it goes away."""
        await socket.accept()
        run_id = socket.path_params["run_id"]
        broadcast = await self.opened(run_id)
        if broadcast is None:
            with suppress(*_GONE):
                await socket.send_text(missing(run_id))
                await socket.close()
            return
        async with broadcast.watched():
            viewer = Viewer(broadcast, **_options(socket.query_params))
            await _serve(socket, viewer)

    async def poll(self, request: Request) -> Response:
        """What is new, as soon as there is something, at the latest after a few seconds."""
        broadcast = await self.opened(request.path_params["run_id"])
        if broadcast is None:
            return _bytes([missing(request.path_params["run_id"])])
        viewer = Viewer(broadcast, **_options(request.query_params))
        if viewer.held:
            viewer.goes_on(_whole_numbers(request.query_params.get("maps", "")))
        async with broadcast.watched():
            if viewer.held == broadcast.n > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(broadcast.after(broadcast.tick), LONG_POLL_S)
            return _bytes(viewer.news())

    async def frame(self, request: Request) -> Response:
        """One exact frame."""
        broadcast = await self.opened(request.path_params["run_id"])
        steps = _whole_numbers(request.query_params.get("step", ""))
        if broadcast is None or not steps or not broadcast.run.log.n:
            return JSONResponse({"message": "there is no such frame"}, 404)
        if request.query_params.get("as") == "bytes":
            return _bytes(Viewer(broadcast).exactly(steps[0]))
        body = messages.frame_json(broadcast.run.log.frame(steps[0]))
        return Response(body, media_type="application/json")

    async def profiles(self, request: Request) -> Response:
        """Profiles of some steps."""
        broadcast = await self.opened(request.path_params["run_id"])
        steps = _whole_numbers(request.query_params.get("steps", ""))
        if broadcast is None or not steps or not broadcast.run.log.n:
            return JSONResponse({"message": "there are no such frames"}, 404)
        wanted = steps[: messages.SNAPSHOT_COLUMNS]
        return _bytes([messages.profiles(broadcast.run.log, wanted)])

    async def maps(self, request: Request) -> Response:
        """All maps of a lane and a sample that the browser lacks, one recorded step after the
        other: it can show the first ones while the others are on their way."""
        broadcast = await self.opened(request.path_params["run_id"])
        lane, sample, parts, start = (
            _first(request.query_params, name, otherwise)
            for name, otherwise in (("lane", 0), ("sample", 0), ("parts", 15), ("from", 0))
        )
        if broadcast is None or not 0 <= lane < len(broadcast.run.log.tracks):
            return JSONResponse({"message": "there are no such maps"}, 404)
        log = broadcast.run.log
        rows = [row for row in log.map_rows(lane) if int(log.column("step")[row]) >= start]

        async def each() -> AsyncIterator[bytes]:
            for row in rows:
                yield messages.join([messages.maps(log, lane, row, sample, parts)])
                await asyncio.sleep(0)  # the others' turn

        return StreamingResponse(
            each(), media_type="application/octet-stream", headers={"Cache-Control": "no-store"}
        )

    async def samples(self, request: Request) -> Response:
        """The samples that a run's maps are drawn for: {"rows": of the training split, "labels",
        "names", "shape": [C, H, W], "pixels": base64 of uint8 [K, C, H, W]}."""
        broadcast = await self.opened(request.path_params["run_id"])
        count = max((t.samples for t in broadcast.run.log.tracks), default=0) if broadcast else 0
        experiment = broadcast.run.experiment if broadcast else None
        if experiment is None or not count:
            return JSONResponse({"message": "there are no such samples"}, 404)
        try:
            samples = await asyncio.to_thread(map_samples.of, experiment, count)
        except (SpecError, OSError) as error:
            return JSONResponse({"message": str(error)}, 404)
        return JSONResponse(samples)


def _bytes(news: list[str | bytes]) -> Response:
    return Response(
        messages.join(news),
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
    )


async def _serve(socket: WebSocket, viewer: Viewer) -> None:
    """Sends what is new and answers requests, side by side, until the viewer is gone."""
    turn = asyncio.Lock()

    async def send(news: list[str | bytes]) -> None:
        async with turn:
            for message in news:
                if isinstance(message, str):
                    await socket.send_text(message)
                else:
                    await socket.send_bytes(message)

    async def send_news() -> None:
        tick = 0
        try:
            while not viewer.broadcast.over:
                tick = await viewer.broadcast.after(tick)
                await send(viewer.news())
        except _GONE:
            pass
        except Exception:
            # Closed, the browser comes back by itself; open, it would wait for ever.
            _log.exception("The stream of run %s broke off", viewer.broadcast.run.id)
            with suppress(*_GONE):
                await socket.close(1011)

    sending = asyncio.create_task(send_news())
    try:
        async for request in _requests(socket):
            await send(viewer.answers(request))
    except _GONE:
        pass
    finally:
        sending.cancel()


async def _requests(socket: WebSocket) -> AsyncIterator[BrowserRequest]:
    """What a browser asks for, until it goes away. Anything else gets a sentence in the log, once:
    whoever sends nonsense may send much of it."""
    complained = False
    while socket.client_state is WebSocketState.CONNECTED:
        event = await socket.receive()
        if event["type"] != "websocket.receive":
            return
        try:
            request = messages.request(event.get("text") or event.get("bytes") or "")
        except UnknownMessage as error:
            if not complained:
                _log.warning("A browser sent %s; its charts go on without.", error)
            complained = True
        else:
            yield request


def _options(query: Mapping[str, str]) -> dict[str, int]:
    """A Viewer's, from the query of its address."""
    return {
        "held": max(0, _first(query, "from", 0)),
        "columns": _first(query, "columns", messages.SNAPSHOT_COLUMNS),
        "sample": _first(query, "sample", -1),
    }


def _first(query: Mapping[str, str], name: str, otherwise: int) -> int:
    return next(iter(_whole_numbers(query.get(name, ""))), otherwise)


def _whole_numbers(text: str) -> list[int]:
    parts = text[:4000].split(",")
    return [int(p) for p in parts if len(p) < 16 and p.lstrip("-").isdecimal() and p.isascii()]


def missing(run_id: str) -> str:
    """The message to a viewer of a run that is not there."""
    sentence = f"There is no run {run_id[:40]} on this machine; its address may be cut or too old."
    return messages.text({"type": TextKind.MISSING, "message": sentence})
