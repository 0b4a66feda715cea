"""What every answer tells the browser to keep to: where scripts, styles and sockets may come from,
who may frame a page, what a link says of where it was clicked.

Our own routes set a policy of their own (`stream/phone_page.py`, `access/login.py`) or are no page
at all, and get the strictest. Streamlit's pages get the narrowest with which they work:

- scripts from this server, and the inline ones of Streamlit's index.html by their hashes
- `blob:` modules: Streamlit imports a component's own text from one; WebAssembly: Graphviz draws in
  the browser
- inline styles: Streamlit's own, and Plotly's, are made while the page is drawn
- `data:` to be read: Streamlit's camera hands its picture on as such an address
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skipviz.access import settings
from skipviz.access.embedding import SCOPE

POLICY = "Content-Security-Policy"
NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""For what is no page: were it opened as one, nothing in it would run."""

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]{1,255}")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def sockets_of(host: str) -> str:
    """The sockets of this host, as a policy names them: browsers of 2019 do not take 'self' for
    them. Empty for what is no host."""
    return f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""


def hashes(page: str) -> list[str]:
    """The inline scripts of a page as a policy's sources."""
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def streamlits_page() -> str:
    """The page that Streamlit serves for every address of the app."""
    spec = find_spec("streamlit")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the streamlit package is not installed")
    return (Path(spec.origin).parent / "static" / "index.html").read_text(encoding="utf-8")


def policy_of_pages(
    host: str, inline: Iterable[str], *, below: str = "", framing: Sequence[str] = ()
) -> str:
    """The policy of Streamlit's pages; `inline`: the hashes of their inline scripts. Of a page that
    other sites may frame: `below`, the only path that it may speak to, and `framing`, their
    origins."""
    scripts = " ".join(["'self'", "blob:", "'wasm-unsafe-eval'", *inline])
    speaks_to = f"'self' data:{sockets_of(host)}"
    if below:
        schemes = ("http", "https", "ws", "wss") if _HOST.fullmatch(host) else ()
        speaks_to = " ".join(["data:", *(f"{scheme}://{host}{below}" for scheme in schemes)])
    ancestors = " ".join(["'self'", *framing])
    return (
        f"default-src 'none'; script-src {scripts};"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
        f" connect-src {speaks_to}; media-src 'self' blob:; manifest-src 'self';"
        f" form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    )


class SafeHeaders:
    """ASGI middleware: what an answer does not say itself is said here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._inline = hashes(streamlits_page())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            # A browser lays the headers of "not modified" over those that it has.
            if message["type"] == "http.response.start" and message["status"] != 304:
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                host = Headers(scope=scope).get("host", "")
                below = str(scope.get(SCOPE, ""))
                framing = settings.current().embed_from if below else ()
                of_page = policy_of_pages(host, self._inline, below=below, framing=framing)
                policy = of_page if is_page else NO_PAGE
                headers.setdefault(POLICY, policy)
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        await self.app(scope, receive, sent)
