"""The lecturer's door.

GET   /lecturer?key=…   a key becomes a cookie, and the address is left by a redirect
GET   /lecturer         who you are; the form for the pass phrase, where one is set; the ways to log
                        in with an account, where some are; log out
POST  /lecturer         passphrase=…
POST  /lecturer/out     ends this browser's log-in
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from skipviz.access import cookies, settings, who
from skipviz.access.doors import connection_of
from skipviz.access.guests import network
from skipviz.access.keys import LOGIN_S
from skipviz.access.roles import COOKIE, Role
from skipviz.access.throttle import Throttle
from skipviz.core import base_path, events
from skipviz.core.events import Event
from skipviz.core.knob import SpecError

MOST_BYTES = 4096
HEADERS = {
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

_UNSAID = {"Referrer-Policy": "no-referrer"}
"""Whoever is led on from a key's address does not say where he came from. A form's page must: with
`no-referrer` a browser sends "Origin: null"."""

_ALL = "all"

USED_KEY = (
    "This key was used already, or is older than 15 minutes: `skipviz key`, on the server's"
    " machine, prints a new one."
)
WRONG = "This is not the pass phrase: try again."
TOO_OFTEN = "Too many wrong pass phrases: wait a minute, or use a key that `skipviz key` prints."
LECTURER = "You are the lecturer on this server."
GUEST = (
    "You are a guest on this server. A lecturer opens the address with a key that the server"
    " printed at its start; `skipviz key`, on the server's machine, prints a new one."
)
NOT_WRITTEN = "The server cannot write your log-in down: its log says why."
LOGGED_OUT = "You are logged out."

_log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
Providers = Callable[[], Sequence[str]]
"""Names the providers whose accounts may log in."""

ONLY_PROVIDER = "default"
"""The name of a provider that was given none."""

WANTS_ACCOUNT = "account"
"""What a page's address says, with a provider's name, of whoever wants to log in there."""

_STREAMLITS = "_streamlit_user"
"""How the cookies begin in which Streamlit keeps what a provider said."""


def routes(base: str = "", providers: Providers = tuple) -> list[BaseRoute]:
    """The routes of the lecturer's door, under `base` (Streamlit's server.baseUrlPath)."""
    return Login(base_path.prefix(base), providers).routes()


class Login:
    """The lecturer's door: keys, the pass phrase, log out.

    home              what stands before every path, without a slash at its end
    providers         whose accounts may log in, now
    wrong_of_one      wrong pass phrases of an address: five at once, then one a minute
    wrong_of_all      … of all together
    """

    def __init__(self, home: str, providers: Providers = tuple) -> None:
        self.home, self.providers = home, providers
        self.wrong_of_one = Throttle(per_s=1 / 60, burst=5)
        self.wrong_of_all = Throttle(per_s=100 / 60, burst=100)

    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{self.home}/lecturer", self._answers(self.page), methods=["GET"]),
            Route(f"{self.home}/lecturer", self._answers(self.with_passphrase), methods=["POST"]),
            Route(f"{self.home}/lecturer/out", self._answers(self.out), methods=["POST"]),
        ]

    def _answers(self, handle: Handler) -> Handler:
        """What a route does; one sentence where the disk takes nothing."""

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except SpecError as error:
                _log.error("A log-in cannot be written down: %s", error)
                return self._answer(NOT_WRITTEN, 507)

        return answer

    async def page(self, request: Request) -> Response:
        """A key is redeemed; without one, who you are. HEAD redeems nothing."""
        key = request.query_params.get("key")
        if key is None or request.method != "GET":
            role = await asyncio.to_thread(who.role, connection_of(request.scope))
            sentence = LECTURER if role is Role.LECTURER else GUEST
            return self._answer(sentence, out=COOKIE in request.cookies)
        cookie = await asyncio.to_thread(who.keys().redeem, key[:200])
        if cookie is None:
            events.tell(Event.LOGIN, outcome="wrong key")
            return self._answer(USED_KEY, 403)
        events.tell(Event.LOGIN, outcome="key")
        return self._welcome(request, cookie)

    async def with_passphrase(self, request: Request) -> Response:
        """Compared in constant time; after some failures an address waits, right or wrong."""
        address = network(request.client.host if request.client else None)
        typed = parse_qs(await _body(request)).get("passphrase", [""])[0]
        # Nothing is awaited until it is counted.
        if not (self.wrong_of_one.permits(address) and self.wrong_of_all.permits(_ALL)):
            events.tell(Event.LOGIN, outcome="too often")
            return self._answer(TOO_OFTEN, 429)
        passphrase = settings.current().passphrase
        right = hmac.compare_digest(typed.encode(), passphrase.encode())
        if not (passphrase and right):
            self.wrong_of_one.count(address, 0)
            self.wrong_of_all.count(_ALL, 0)
            events.tell(Event.LOGIN, outcome="wrong pass phrase")
            return self._answer(WRONG if passphrase else GUEST, 403)
        events.tell(Event.LOGIN, outcome="pass phrase")
        return self._welcome(request, await asyncio.to_thread(who.keys().log_in))

    async def out(self, request: Request) -> Response:
        """Ends the log-in of this browser; its sockets are closed within seconds."""
        for cookie in connection_of(request.scope).cookies(COOKIE):
            await asyncio.to_thread(who.keys().log_out, cookie)
        events.tell(Event.LOGIN, outcome="out")
        answer = self._answer(LOGGED_OUT)
        accounts = [name for name in request.cookies if name.startswith(_STREAMLITS)]
        for name in (COOKIE, *accounts):
            answer.delete_cookie(name, path=self.home or "/", httponly=True, samesite="lax")
        return answer

    def _welcome(self, request: Request, cookie: str) -> Response:
        answer = RedirectResponse(f"{self.home}/", 303, headers=HEADERS | _UNSAID)
        pair, path = (COOKIE, cookie), self.home or "/"
        cookies.give(answer.headers, pair, request.scope, seconds=LOGIN_S, path=path)
        return answer

    def _answer(self, sentence: str, status: int = 200, *, out: bool = False) -> Response:
        form = button = ""
        links = "".join(map(self._link, self.providers()))
        if settings.current().passphrase:
            form = (
                f'<form method="post" action="{escape(self.home)}/lecturer"><label>Pass phrase'
                ' <input type="password" name="passphrase" autocomplete="current-password"'
                " required></label> <button>Log in</button></form>"
            )
        if out:
            button = (
                f'<form method="post" action="{escape(self.home)}/lecturer/out">'
                "<button>Log out</button></form>"
            )
        body = _PAGE.format(
            sentence=_code(sentence), form=links + form, out=button, home=escape(self.home)
        )
        return HTMLResponse(body, status, headers=HEADERS)

    def _link(self, provider: str) -> str:
        """To a page that leads to a provider and comes back."""
        words = "your account" if provider == ONLY_PROVIDER else provider.capitalize()
        where = f"{self.home}/?{urlencode({WANTS_ACCOUNT: provider})}"
        return f'<p><a class="button" href="{escape(where)}">Log in with {escape(words)}</a></p>'


async def _body(request: Request) -> str:
    """What was sent, at most `MOST_BYTES` of it; what is no text is empty."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            return ""
    return body.decode("utf-8", "replace")


def _code(sentence: str) -> str:
    parts = escape(sentence).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>skipviz: lecturer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 1.25rem/1.5 system-ui, sans-serif; }}
body {{ max-width: 38rem; margin: 12vh auto; padding: 0 1.25rem; }}
form {{ margin: 1.5rem 0; display: flex; gap: 0.75rem; flex-wrap: wrap; align-items: end; }}
input, button, .button {{ font: inherit; padding: 0.5rem 0.8rem; }}
.button {{ display: inline-block; border: 1px solid; border-radius: 0.4rem;
  text-decoration: none; }}
</style></head>
<body><main><h1>Lecturer</h1><p>{sentence}</p>{form}{out}
<p><a href="{home}/">To the app</a></p></main></body></html>
"""
