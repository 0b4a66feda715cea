"""The app's live charts of a run in a notebook: one page of HTML that needs no server.

The modules of `assets/live` are the app's own: each stands in the page as it is, under a name that
an import map knows, and plotly.js compressed. What the charts ask of a server stands in the page
too: the curves, and the profiles of at most MOST_EXACT steps; the nearest of them is shown for any
other. Gates' maps are left to the app.
"""

from __future__ import annotations

import base64
import gzip
import math
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skipviz.core import places
from skipviz.core.registry import dataset
from skipviz.core.strict_json import dumps
from skipviz.figures import theme
from skipviz.notebook.loaded import LoadedRun, load
from skipviz.store.frame_log import FrameLog
from skipviz.store.lane_axes import families
from skipviz.store.store import machine_name
from skipviz.store.thinning import spread
from skipviz.stream import messages

MOST_EXACT = 300
HEIGHT_PX = 1250
_STYLE = 'new URL("./live.css", import.meta.url).href'

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>TITLE</title>
<style>body { margin: 8px; background: GROUND; color: INK; font: 16px sans-serif; }</style>
<div id="charts">The charts are being unpacked …</div>
<script type="importmap">IMPORTS</script>
<script type="module">
const data = DATA;
const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const root = document.getElementById("charts");

/** Brings what stands in the page, and the nearest step for one that does not. */
function embedded(listener) {
  const send = (message) => listener.message(message.text ?? bytes(message.bytes).buffer);
  const nearest = (step) => data.exact.reduce((best, one) =>
    (Math.abs(one.step - step) < Math.abs(best.step - step) ? one : best));
  setTimeout(() => data.messages.forEach(send));
  return {
    exactly: (step) => setTimeout(() => send(nearest(step))),
    sample: () => null, samples: async () => null, mapsOf: async () => false,
    profilesOf: () => null, restart: () => null, close: () => null,
  };
}

try {
  const packed = new Blob([bytes(data.plotly)]).stream();
  const text = new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
  const script = document.createElement("script");
  script.textContent = await text;
  document.head.append(script);
  const { mount } = await import("skipviz/live.js");
  root.textContent = "";
  mount(root, { ...data.settings, transport: embedded });
} catch (error) {
  root.textContent = `The charts could not be shown: ${error}`;
}
</script></html>"""


@dataclass(frozen=True)
class Shown:
    """Live charts as a notebook shows them: a frame of its own in the cell's output."""

    html: str
    height_px: int

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:{self.height_px}px;'
            'border:0" title="Live charts of a run"></iframe>'
        )


def show(run: LoadedRun | str | Path, dark: bool = False, height_px: int = HEIGHT_PX) -> Shown:
    """The live charts of a run, a LoadedRun or what `load` takes: replayed and scrubbed as in the
    app. SpecError where it is no run."""
    loaded = run if isinstance(run, LoadedRun) else load(run)
    return Shown(page(loaded, dark), height_px)


def page(run: LoadedRun, dark: bool = False) -> str:
    """The whole page, to be written into a file too."""
    look = theme.theme(dark)
    data = _messages(run) | {"settings": _settings(run, dark), "plotly": _plotly()}
    texts = {
        "TITLE": escape(repr(run)),
        "GROUND": look.ground,
        "INK": look.text,
        "IMPORTS": _script(dumps({"imports": _modules()})),
        "DATA": _script(dumps(data)),
    }
    return re.sub(r"\b(TITLE|GROUND|INK|IMPORTS|DATA)\b", lambda word: texts[word[0]], _PAGE)


def _script(text: str) -> str:
    """JSON that may stand inside a script element."""
    return text.replace("<", r"\u003c")


def _messages(run: LoadedRun) -> dict[str, Any]:
    """What the app's server would send, packed by the same code."""
    log: FrameLog = run.log
    status = run.status.copy()
    status.pop("worker", None)
    status["machine"] = machine_name(run.folder, status.get("device", ""))
    rows = spread(log.n, MOST_EXACT)
    steps = log.column("step")[rows].tolist()
    whole = messages.snapshot(log, 0, log.n, columns=messages.SNAPSHOT_COLUMNS)
    return {
        "messages": [{"text": messages.hello(run.id, log, status)}, {"bytes": _base64(whole)}],
        "exact": [{"step": s, "bytes": _base64(messages.exact(log, s))} for s in steps],
    }


def _settings(run: LoadedRun, dark: bool) -> dict[str, Any]:
    look = theme.theme(dark)
    whose = families(run.experiment)
    return {
        "run": run.id,
        "home": "https://page.invalid/",
        "panels": ["header", "loss", "profile", "graph", "heat"],
        "theme": {"text": look.text, "background": look.ground, "primary": "#2f81f7"},
        "options": {
            "colours": [
                [theme.colour(family), theme.colour(family, dark=True)] for family in whose
            ],
            "chance": math.log(dataset(run.experiment.data).num_classes),
        },
    }


@cache
def _modules() -> dict[str, str]:
    """Every module of the live charts as the address of its own text."""
    home = places.shipped() / "assets" / "live"
    style = _address("text/css", (home / "live.css").read_text(encoding="utf-8"))
    modules = {}
    for path in sorted(home.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'((?:from|import) )"\./([\w-]+\.js)"', r'\1"skipviz/\2"', text)
        text = text.replace(_STYLE, dumps(style))
        modules[f"skipviz/{path.name}"] = _address("text/javascript", text)
    return modules


def _address(kind: str, text: str) -> str:
    return f"data:{kind};base64,{_base64(text.encode())}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@cache
def _plotly() -> str:
    """plotly.js as its package ships it, compressed."""
    spec = find_spec("plotly")
    assert spec is not None and spec.origin is not None
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js"
    return _base64(gzip.compress(path.read_bytes(), 9, mtime=0))
