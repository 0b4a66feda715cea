"""The routes that carry a run's frames to a browser.

WebSocket  /api/runs/{id}/live?from=<frames held>&columns=<profiles wanted at once>
                              &sample=<whose maps; none without>
           hello, one snapshot, then what is new, at most ten times a second, maps once;
           the browser may send {"get": step} for the exact profile of a step, and {"sample": k}
GET        /api/runs/{id}/poll?from=&columns=&sample=&maps=
                                                      the same messages, where sockets are barred
GET        /api/runs/{id}/frame?step=                 one exact frame as JSON, or (as=bytes)
                                                      as the messages that {"get": step} brings
GET        /api/runs/{id}/columns?steps=1,5,9         profiles that a heat map lacks
GET        /api/runs/{id}/maps?lane=&sample=&parts=&from=
                                                      the maps of all steps after one, step by step
GET        /api/runs/{id}/samples                     the pictures that the maps are drawn for
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.datafiles import class_samples
from skipviz.stream import assets, messages
from skipviz.stream.feed import Feed, LiveRun, Viewer

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
            Route(f"{home}/maps", self.maps),
            Route(f"{home}/samples", self.samples),
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

    async def maps(self, request: Request) -> Response:
        """All maps of a lane and a sample that the browser lacks, one recorded step after the
        other: it can show the first ones while the others are on their way."""
        feed = self.feed(request.path_params["run_id"])
        found = {
            name: _whole_numbers(request.query_params.get(name, ""))
            for name in ("lane", "sample", "parts", "from")
        }
        lane, sample, parts, start = (
            found[name][0] if found[name] else otherwise
            for name, otherwise in (("lane", 0), ("sample", 0), ("parts", 15), ("from", 0))
        )
        if feed is None or not 0 <= lane < len(feed.run.log.tracks):
            return JSONResponse({"message": "there are no such maps"}, 404)
        log = feed.run.log
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
        feed = self.feed(request.path_params["run_id"])
        count = max((t.samples for t in feed.run.log.tracks), default=0) if feed else 0
        if feed is None or not count:
            return JSONResponse({"message": "there are no such samples"}, 404)
        try:
            experiment = Experiment.from_json(feed.run.log.experiment_json)
            found = await asyncio.to_thread(_samples, experiment, count)
        except (SpecError, OSError) as error:
            return JSONResponse({"message": str(error)}, 404)
        return JSONResponse(found)


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
            await send(_answer(viewer, await socket.receive()))
    except _GONE:
        pass
    finally:
        telling.cancel()


def _answer(viewer: Viewer, event: Mapping[str, Any]) -> list[str | bytes]:
    """What a browser's request brings; nothing for what is no request."""
    try:
        wish = json.loads(event.get("text") or "")
        if "sample" in wish:
            return viewer.shows(int(wish["sample"]))
        return viewer.exactly(int(wish["get"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return []


def _samples(experiment: Experiment, count: int) -> dict[str, Any]:
    rows, labels, images = class_samples.shown(experiment, count)
    names = experiment.dataset.classes
    return {
        "rows": rows.tolist(),
        "labels": labels.tolist(),
        "names": [str(names[label]) for label in labels],
        "shape": list(images.shape[1:]),
        "pixels": base64.b64encode(np.ascontiguousarray(images).tobytes()).decode(),
    }


def _wishes(query: Mapping[str, str]) -> dict[str, int]:
    held = _whole_numbers(query.get("from", ""))
    columns = _whole_numbers(query.get("columns", ""))
    sample = _whole_numbers(query.get("sample", ""))
    return {
        "held": max(0, held[0]) if held else 0,
        "columns": columns[0] if columns else messages.SNAPSHOT_COLUMNS,
        "sample": sample[0] if sample else -1,
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
