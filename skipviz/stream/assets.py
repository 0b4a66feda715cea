"""The files of the components that load by address, and the plotly.js that its package ships.

/assets/{version}/live.js …    of assets/live/ and assets/keys/; version: a hash over all of them,
                               so browsers keep them for good
/vendor/plotly.min.js?v=…      one copy for all charts, compressed once; no network needed
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from functools import cache, lru_cache
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from skipviz.core import base_path, places

ROOT = places.shipped() / "assets"
_FOLDERS = ("keys", "live")
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_FOR_GOOD = "public, max-age=31536000, immutable"


def routes(base: str = "") -> list[BaseRoute]:
    """The routes of both, under `base` (Streamlit's server.baseUrlPath)."""
    home = base_path.prefix(base)
    return [
        Route(home + "/assets/{version}/{name}", _asset),
        Route(home + "/vendor/plotly.min.js", _plotly),
    ]


def _files() -> list[Path]:
    files = (path for folder in _FOLDERS for path in (ROOT / folder).iterdir())
    return sorted(path for path in files if path.suffix in _KINDS)


def version() -> str:
    """A hash over the files as they are now: an edit must show."""
    entries = [entry for folder in _FOLDERS for entry in os.scandir(ROOT / folder)]
    return _version_of(tuple(sorted((entry.path, entry.stat().st_mtime_ns) for entry in entries)))


@lru_cache(maxsize=1)
def _version_of(stamps: tuple[tuple[str, int], ...]) -> str:
    """Read once for every page as long as the files are these."""
    of = hashlib.sha256()
    for path in _files():
        of.update(path.name.encode() + path.read_bytes())
    return of.hexdigest()[:12]


def script_path(name: str = "live.js") -> str:
    """Where a component's main module is, below the app's address."""
    return f"assets/{version()}/{name}"


@cache
def plotly_path() -> str:
    """Where plotly.js is, below the app's address."""
    return f"vendor/plotly.min.js?v={installed('plotly')}"


async def _asset(request: Request) -> Response:
    """A file by its name: only names that are there are looked at."""
    file = {path.name: path for path in _files()}.get(request.path_params["name"])
    if file is None:
        return PlainTextResponse("not found", 404)
    current = request.path_params["version"] == version()
    headers = {"Cache-Control": _FOR_GOOD if current else "no-cache"}
    return Response(file.read_bytes(), media_type=_KINDS[file.suffix], headers=headers)


def plotly_file() -> Path:
    """plotly.js as its package ships it."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the plotly package is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@cache
def _plotly_bytes(packed: bool) -> bytes:
    data = plotly_file().read_bytes()
    return gzip.compress(data, 6) if packed else data


async def _plotly(request: Request) -> Response:
    """plotly.js, compressed once: a middleware would do it again for every student."""
    packed = "gzip" in request.headers.get("accept-encoding", "")
    body = await asyncio.to_thread(_plotly_bytes, packed)
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="text/javascript", headers=headers)
