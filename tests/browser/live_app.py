"""A page with live charts of made-up runs, for the browser tests. Runs grow when they are told.

/test/grow?run=&to=      frames up to `to`        /test/state?run=&state=   another status
/test/auto?run=&rate=    grows by itself          /test/drop                closes all sockets
/test/bar?on=1           refuses new sockets      /test/count               sockets open now
"""

from __future__ import annotations

import asyncio
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit.runtime.scriptrunner import get_script_run_ctx

from tests.synthetic import GrowingRun, track


class Breaker:
    """Stands between the browser and the live socket: counts, drops, refuses."""

    barred = False
    sockets: set[asyncio.Event] = set()
    opened = 0

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket" or not scope["path"].endswith("/live"):
            return await self.app(scope, receive, send)
        if Breaker.barred:
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        broken = asyncio.Event()
        Breaker.sockets.add(broken)
        Breaker.opened += 1
        told = asyncio.create_task(self.app(scope, receive, send))
        cut = asyncio.create_task(broken.wait())
        await asyncio.wait([told, cut], return_when=asyncio.FIRST_COMPLETED)
        Breaker.sockets.discard(broken)
        cut.cancel()
        if not told.done():
            told.cancel()
            await send({"type": "websocket.close", "code": 1012})


RUNS: dict[str, GrowingRun] = {}
GROWING: set[asyncio.Task[None]] = set()


def find(run_id: str) -> GrowingRun | None:
    """`pair`, `pair-2`, `wide-7`, `seeds`: the name says the lanes, the rest tells runs apart."""
    kind = run_id.partition("-")[0]
    lanes = {
        "pair": [track("Plain-50", "plain", 50), track("ResNet-50", "resnet", 50)],
        "four": [
            track("Plain-50", "plain", 50),
            track("ResNet-50", "resnet", 50),
            track("Highway-30", "highway", 30, cells=50),
            track("Plain-20", "plain", 20),
        ],
        "deep": [track("Plain-110", "plain", 110), track("ResNet-110", "resnet", 110)],
        "timed": [track("ResNet-20", "resnet", 20)],
        "held": [
            track("Plain-20", "plain", 20, held_out=True),
            track("ResNet-20", "resnet", 20, held_out=True),
        ],
        "bands": [
            track("Plain-20", "plain", 20, seeds=5, held_out=True),
            track("ResNet-20", "resnet", 20, seeds=5, held_out=True),
        ],
        "seeds": [
            track("Plain-20", "plain", 20, seeds=5),
            track("ResNet-20", "resnet", 20, seeds=5),
        ],
    }
    if kind not in lanes:
        return None
    if run_id not in RUNS:
        seconds = 5 if kind == "timed" else 0
        RUNS[run_id] = GrowingRun(run_id, lanes[kind], steps=400, seconds=seconds)
    return RUNS[run_id]


async def grow(request: Request) -> JSONResponse:
    run = find(request.query_params["run"])
    assert run is not None
    run.grow(int(request.query_params["to"]))
    return JSONResponse({"n": run.log.n})


async def auto(request: Request) -> JSONResponse:
    run, rate = find(request.query_params["run"]), float(request.query_params["rate"])
    assert run is not None

    async def climb(of: GrowingRun) -> None:
        while of.log.n < of.steps:
            of.grow(of.log.n + max(1, round(rate / 20)))
            await asyncio.sleep(0.05)
        of.tell(state="finished")

    GROWING.add(asyncio.create_task(climb(run)))
    return JSONResponse({})


async def state(request: Request) -> JSONResponse:
    run = find(request.query_params["run"])
    assert run is not None
    run.tell(state=request.query_params["state"], message=request.query_params.get("message", ""))
    return JSONResponse({})


async def drop(request: Request) -> JSONResponse:
    for broken in Breaker.sockets:
        broken.set()
    return JSONResponse({})


async def bar(request: Request) -> JSONResponse:
    Breaker.barred = request.query_params["on"] == "1"
    return JSONResponse({})


async def count(request: Request) -> JSONResponse:
    return JSONResponse({"open": len(Breaker.sockets), "opened": Breaker.opened})


def page() -> None:
    from skipviz.ui.run.live import PANELS, live

    st.set_page_config(layout="wide", page_title="Live charts under test")
    asked = st.query_params
    panels = asked.get("panels", ",".join(PANELS)).split(",")
    run_id = st.text_input("run", asked.get("run") or "", key="run_id") or None
    st.button("Rerun")
    options: dict[str, Any] = {"chance": 2.302585}
    if "replay" in asked:
        options["replay_s"] = float(asked["replay"])
    live(run_id, panels=panels, key="charts", options=options)


if get_script_run_ctx(suppress_warning=True) is None:
    from skipviz.stream.routes import routes

    handlers = {"grow": grow, "auto": auto, "state": state, "drop": drop, "bar": bar}
    app = st.App(
        __file__,
        routes=[
            *routes(find),
            *(Route(f"/test/{name}", handler) for name, handler in handlers.items()),
            Route("/test/count", count),
        ],
        middleware=[Middleware(Breaker)],
    )
else:
    page()
