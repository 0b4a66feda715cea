"""A small provider of accounts (OpenID Connect) on 127.0.0.1, with real keys, codes and tokens.

It asks nobody for a pass word: its page has a link for each account. Everything else is as in the
standard: a code works once and for the client, address and PKCE challenge that it was made for; the
identity token is signed by a key that it publishes, with the nonce that the client sent.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.browser.serving import free_port

CLIENT, SECRET = "skipviz", "a-secret-of-the-client"
_ASKED = ("client_id", "redirect_uri", "state", "nonce", "code_challenge")


@dataclass
class Provider:
    """accounts   what is said of each, by the name of its link
    redirect   the one address that codes are sent to"""

    url: str
    redirect: str
    accounts: Mapping[str, Mapping[str, Any]]
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.about),
            Route("/authorize", self.authorize),
            Route("/choose", self.choose),
            Route("/token", self.token, methods=["POST"]),
            Route("/keys", self.keys),
        ]

    async def about(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = {name: request.query_params[name] for name in _ASKED}
        assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, self.redirect)
        assert request.query_params["code_challenge_method"] == "S256"
        links = "".join(
            f'<p><a href="/choose?{urlencode(asked | {"account": name})}">{name}</a></p>'
            for name in self.accounts
        )
        return HTMLResponse(f"<!doctype html><title>Who are you?</title>{links}")

    async def choose(self, request: Request) -> Response:
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(request.query_params)
        query = urlencode({"code": code, "state": request.query_params["state"]})
        return RedirectResponse(f"{self.redirect}?{query}", 302)

    async def token(self, request: Request) -> Response:
        form = dict(await request.form())
        client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        asked = self.codes.pop(str(form.get("code")), None)
        digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        good = (
            asked is not None
            and request.headers.get("authorization") == f"Basic {client}"
            and form.get("redirect_uri") == self.redirect
            and challenge == asked["code_challenge"]
        )
        if not good or asked is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 3600,
                  "nonce": asked["nonce"], **self.accounts[asked["account"]]}  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return JSONResponse(
            {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": signed}
        )


@contextmanager
def providing(redirect: str, accounts: Mapping[str, Mapping[str, Any]]) -> Iterator[Provider]:
    """Serves a provider until the end of the block."""
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}", redirect, accounts)
    app = Starlette(routes=provider.routes())
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the provider did not start"
        time.sleep(0.02)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(20)
