"""Pages of plain HTML with the live charts in them, and the app's own routes: no Streamlit.

    python -m tests.browser.plain_app PORT

/           follows the run `pair`; the page says its colours      /grow?to=   frames up to `to`
/report     the same charts from messages that stand in the page      /watched    viewers of `pair`
"""

from __future__ import annotations

import base64
import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from skipviz.stream import assets, messages
from skipviz.stream.routes import Streams
from tests.synthetic import GrowingRun, track

PAGE = """<!doctype html><meta charset="utf-8"><title>A page of plain HTML</title>
<style>body {{ background: {background}; color: {text}; font: 16px sans-serif; }}</style>
<h1>Charts in a page</h1>
<div id="charts" style="width: 900px"></div>
<script type="module">
import {{ mount }} from "/{script}";
const messages = {messages};

/** Brings what stands in the page, once, and has nothing else to bring. */
function embedded(listener) {{
  setTimeout(() => messages.forEach((message) => listener.message(message.text
    ?? Uint8Array.from(atob(message.bytes), (sign) => sign.charCodeAt(0)).buffer)));
  const nothing = () => null;
  return {{ exactly: nothing, sample: nothing, samples: async () => null, mapsOf: async () => false,
    profilesOf: nothing, restart: nothing, close: nothing }};
}}

const settings = {settings};
if (messages.length) settings.transport = embedded;
window.unmount = mount(document.getElementById("charts"), settings);
window.retitle = (title) => mount(document.getElementById("charts"), {{ ...settings, title }});
</script>"""

LIGHT, DARK = ("#16202a", "#ffffff"), ("#e8eaed", "#101418")
RUN: list[GrowingRun] = []


def run() -> GrowingRun:
    """The one run of this server, made where its event loop is."""
    if not RUN:
        lanes = [track("Plain-20", "plain", 20), track("ResNet-20", "resnet", 20)]
        RUN.append(GrowingRun("pair", lanes, steps=100))
    return RUN[0]


def page(colours: tuple[str, str], embedded: list[dict[str, str]]) -> HTMLResponse:
    """A page of these colours (text, background) that follows the run, or holds its messages."""
    text, background = colours
    settings = {
        "run": "pair",
        "panels": ["header", "loss", "profile"],
        "theme": {"text": text, "background": background, "primary": "#2f81f7"},
        "options": {"colours": {"plain": "#d55e00", "resnet": "#0072b2"}, "chance": 2.302585},
    }
    return HTMLResponse(
        PAGE.format(
            text=text,
            background=background,
            script=assets.script_path(),
            messages=json.dumps(embedded),
            settings=json.dumps(settings),
        )
    )


async def follow(request: Request) -> HTMLResponse:
    return page(DARK, [])


async def report(request: Request) -> HTMLResponse:
    done = GrowingRun("done", run().tracks, steps=100)
    done.grow(100)
    hello = messages.hello("pair", done.log, {"state": "finished", "steps": 100}, None)
    snapshot = base64.b64encode(messages.snapshot(done.log, 0, 100)).decode()
    return page(LIGHT, [{"text": hello}, {"bytes": snapshot}])


async def grow(request: Request) -> JSONResponse:
    run().grow(int(request.query_params["to"]))
    return JSONResponse({"n": run().log.n})


def find(run_id: str) -> GrowingRun | None:
    return run() if run_id == "pair" else None


STREAMS = Streams(find)


async def watched(request: Request) -> JSONResponse:
    return JSONResponse(sum(each.viewers for each in STREAMS.broadcasts.values()))


app = Starlette(
    routes=[
        *STREAMS.routes(),
        *assets.routes(),
        Route("/watched", watched),
        Route("/", follow),
        Route("/report", report),
        Route("/grow", grow),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
