"""The page of the phones: a few small files of assets/vote/, packed once.

Its own code and looks alone, by address: nothing inline, nothing from elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from starlette.responses import Response

from skipviz.access.headers import sockets_of
from skipviz.core import places

FOLDER = places.shipped() / "assets" / "vote"
_KINDS = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}


@dataclass(frozen=True)
class Files:
    """All files, as they are now.

    version   a hash over all of them; it is in their addresses, so browsers keep them for good
    """

    version: str
    bodies: Mapping[str, bytes]
    packed: Mapping[str, bytes]


def files() -> Files:
    """The files, read anew only where one has changed; looked at once a second, for 500 phones may
    come within ten."""
    return _looked_at(int(time.monotonic()))


@lru_cache(maxsize=1)
def _looked_at(second: int) -> Files:
    paths = sorted(path for path in FOLDER.iterdir() if path.suffix in _KINDS)
    return _read(tuple((path, path.stat().st_mtime_ns) for path in paths))


@cache
def _read(stamps: tuple[tuple[Path, int], ...]) -> Files:
    bodies = {path.name: path.read_bytes() for path, _ in stamps}
    version = hashlib.sha256(b"".join(bodies.values())).hexdigest()[:12]
    for name in [name for name in bodies if name.endswith(".html")]:
        bodies[name] = bodies[name].replace(b"VERSION", version.encode())
    packed = {name: gzip.compress(body, 9) for name, body in bodies.items()}
    return Files(version, bodies, packed)


def file(name: str, request_headers: Mapping[str, str], *, version: str = "") -> Response | None:
    """One of the files; None where there is no such file."""
    now = files()
    if name not in now.bodies:
        return None
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable"
        if version == now.version
        else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    body = now.bodies[name]
    if "gzip" in request_headers.get("accept-encoding", ""):
        body = now.packed[name]
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type=_KINDS[Path(name).suffix], headers=headers)


def page(request_headers: Mapping[str, str]) -> Response:
    """The page of a phone in a room."""
    response = file("phone.html", request_headers)
    if response is None:
        raise FileNotFoundError(f"{FOLDER} has no phone.html")
    return guarded(response, request_headers)


def charts(script: str, plotly: str, request_headers: Mapping[str, str]) -> Response:
    """The frame of the live charts, which come from these addresses below the app's. What draws
    them writes styles into elements, so that this page, and no other of the phones', allows it."""
    text = files().bodies["charts.html"].decode("utf-8")
    text = text.replace("SCRIPT", html.escape(script)).replace("PLOTLY", html.escape(plotly))
    response = guarded(Response(text, media_type="text/html"), request_headers)
    policy = response.headers["Content-Security-Policy"]
    policy = policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    policy = policy.replace("img-src data:", "img-src 'self' data: blob:")
    response.headers["Content-Security-Policy"] = policy
    return response


def ask_for_code(sentence: str, status: int, request_headers: Mapping[str, str]) -> Response:
    """The page that asks for a room's code, with a sentence in large type above it."""
    text = files().bodies["code.html"].decode("utf-8")
    text = text.replace("SENTENCE", html.escape(sentence))
    return guarded(Response(text, status, media_type="text/html"), request_headers)


def guarded(response: Response, request_headers: Mapping[str, str]) -> Response:
    """The page runs what lies beside it and speaks to this server alone."""
    sockets = sockets_of(request_headers.get("host", ""))
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:;"
        f" frame-src 'self';"
        f" connect-src 'self'{sockets}; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'self'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
