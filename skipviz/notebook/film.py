"""A replay as a film: a browser without a window draws it, by what draws the charts of the app.

    write(run, "mp4", path)      or "gif"

The browser is the user's own Chromium or Chrome. It gets the run from a server of its own on this
machine, which ends with it, and hands the finished film back.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from skipviz.core import browsers, child_processes
from skipviz.core.knob import SpecError, show
from skipviz.core.registry import dataset
from skipviz.core.strict_json import dumps
from skipviz.figures import theme
from skipviz.notebook.loaded import LoadedRun
from skipviz.store.lane_axes import families
from skipviz.store.store import machine_name
from skipviz.stream import assets
from skipviz.stream.routes import Streams
from skipviz.stream.still import StillRun

KINDS = ("gif", "mp4")
SILENT_S = 120.0
"""A browser that has said nothing for so long is given up."""

NO_BROWSER = (
    "film: no Chromium or Chrome is on this machine; install one, or open the run in the app and"
    " press Film there"
)
_FLAGS = ("--headless=new", "--disable-gpu", "--no-first-run", "--no-default-browser-check",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--window-size=1400,1400")  # fmt: skip

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A film</title>
<style>body { width: 1280px; background: GROUND; color: INK; font: 16px sans-serif; }</style>
<div id="charts"></div>
<script type="module">
const tell = (what, body) => fetch(`/TOKEN/${what}`, { method: "POST", body });
try {
  const { mount, film } = await import("/SCRIPT");
  const root = document.getElementById("charts");
  mount(root, { ...SETTINGS, home: new URL("/", location.href).href });
  await tell("film", await film(root, KIND, (share) => tell("share", String(share))));
} catch (error) {
  await tell("failed", String(error?.message ?? error));
}
</script></html>"""


@dataclass
class _Studio:
    """What the browser has told so far: how much is drawn, and the film or why there is none."""

    share: float = 0.0
    film: bytes = b""
    trouble: str = ""
    heard_at: float = field(default_factory=time.monotonic)

    async def hear(self, request: Request) -> Response:
        what, body = request.path_params["what"], await request.body()
        self.heard_at = time.monotonic()
        if what == "film":
            self.film = body
        elif what == "failed":
            self.trouble = body.decode(errors="replace") or "the browser did not say why"
        else:
            with suppress(ValueError):
                self.share = float(body)
        return Response(status_code=204)


def write(
    run: LoadedRun, kind: str, to: Path, progress: Callable[[float], None] = lambda share: None
) -> None:
    """Writes the whole run as a film, `progress` told the share that is drawn. SpecError where no
    browser is found, or the one there is cannot make it."""
    if kind not in KINDS:
        raise SpecError(f"film {show(kind)}: must be one of {', '.join(KINDS)}")
    browser = browsers.chromium()
    if not browser:
        raise SpecError(NO_BROWSER)
    studio = _Studio()
    server = _Server(_app(run, kind, studio))
    with tempfile.TemporaryDirectory(prefix="skipviz-", ignore_cleanup_errors=True) as profile:
        with server:
            _draw([browser, *_FLAGS, f"--user-data-dir={profile}", server.url], studio, progress)
    if not studio.film:
        raise SpecError(f"film: {studio.trouble or 'the browser ended without a word'}")
    to.write_bytes(studio.film)


def _app(run: LoadedRun, kind: str, studio: _Studio) -> Starlette:
    """The page, the run's stream, and where the browser says what came of it."""
    status = run.status.copy()
    status.pop("worker", None)
    status["machine"] = machine_name(run.folder, status.get("device", ""))
    still, token = StillRun(run.id, run.log, run.experiment, status), secrets.token_hex(16)
    look = theme.theme(dark=False)
    words = {"GROUND": look.ground, "INK": look.text, "TOKEN": token, "KIND": dumps(kind),
             "SCRIPT": assets.script_path(),
             "SETTINGS": dumps(_settings(run)).replace("<", r"\u003c")}  # fmt: skip
    html = re.sub(rf"\b({'|'.join(words)})\b", lambda word: words[word[0]], _PAGE)

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(html)

    streams = Streams(lambda run_id: still if run_id == run.id else None)
    told = Route(f"/{token}/{{what}}", studio.hear, methods=["POST"])
    return Starlette(routes=[Route("/", page), told, *streams.routes()])


def _settings(run: LoadedRun) -> dict[str, Any]:
    """What `mount` needs to show the run on a light page."""
    look, whose = theme.theme(dark=False), families(run.experiment)
    return {
        "run": run.id,
        "plotly": assets.plotly_path(),
        "panels": ["header", "loss", "profile", "graph"],
        "theme": {"text": look.text, "background": look.ground},
        "options": {
            "colours": [[theme.colour(each), theme.colour(each, dark=True)] for each in whose],
            "chance": math.log(dataset(run.experiment.data).num_classes),
        },
    }


def _draw(command: list[str], studio: _Studio, progress: Callable[[float], None]) -> None:
    """Starts the browser and waits for the film, for trouble, for its end or too long a silence."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command = [command[0], "--no-sandbox", *command[1:]]  # root has no sandbox
    nowhere = subprocess.DEVNULL
    try:
        browser = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    except OSError as error:
        raise SpecError(f"film: {command[0]} does not start ({error.strerror})") from None
    share = -1.0
    try:
        while not (studio.film or studio.trouble) and browser.poll() is None:
            if studio.share != share:
                share = studio.share
                progress(share)
            if time.monotonic() - studio.heard_at > SILENT_S:
                studio.trouble = f"the browser has said nothing for {SILENT_S:.0f} s"
            time.sleep(0.05)
    finally:
        child_processes.end(browser)


class _Server:
    """An app on a free port of this machine alone, in a thread of its own."""

    def __init__(self, app: Starlette) -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none"
        )
        self.server = uvicorn.Server(config)
        self.socket = config.bind_socket()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/"
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        asyncio.run(self.server.serve([self.socket]))

    def __enter__(self) -> _Server:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(10)
        self.socket.close()
