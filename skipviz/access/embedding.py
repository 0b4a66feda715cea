"""Pages in other sites' frames: which sites may, and whose they are.

A page that is asked for with `?embed=true` is led on to the same page below `embedded/`. What comes
by that path is a guest's, whatever cookie or machine it comes from: a page in a frame can be laid
under somebody else's buttons. The page's policy lets it speak to that path alone, so that it cannot
be anybody else's later either; and only there may the sites of `embed_from` frame it.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from skipviz.core import base_path

PATH = "embedded"
SCOPE = "skipviz.embedded"
"""What the ASGI scope of such a request has: the path of the server that it speaks to."""

_NO_PAGE = re.compile(r"(api|_stcore|media|static|v|vote|lecturer|healthz|metrics)(/.*)?|.*\.\w+")


class Embedding:
    """ASGI middleware, before all that ask who somebody is.

    home   the app's path, with a slash at its end
    """

    def __init__(self, app: ASGIApp, base: str = "") -> None:
        self.app = app
        self.home = base_path.prefix(base) + "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        below = f"{self.home}{PATH}/"
        if path.startswith(below):
            inside = self.home + path[len(below) :].lstrip("/")
            scope = {**scope, "path": inside, "raw_path": inside.encode(), SCOPE: below}
        elif scope["type"] == "http" and self._wants_a_frame(scope, path):
            query = scope["query_string"].decode("latin-1")
            to = f"{below}{path[len(self.home) :].lstrip('/')}?{query}"
            answer = RedirectResponse(to, 307, headers={"Cache-Control": "no-store"})
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _wants_a_frame(self, scope: Scope, path: str) -> bool:
        """Is it a page of the app that is asked for with `embed=true`?"""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        is_page = path.startswith(self.home) and not _NO_PAGE.fullmatch(path[len(self.home) :])
        return scope["method"] in ("GET", "HEAD") and query.get("embed") == ["true"] and is_page
