"""How this server gives a browser a cookie: the lecturer's, a guest's, a voter's alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders


def is_https(scope: Mapping[str, Any]) -> bool:
    """Does the browser speak https, to this server or to a proxy before it? Anybody's word is
    taken: whoever lies changes his own cookie alone."""
    forwarded = Headers(scope=dict(scope)).get("x-forwarded-proto", "")
    return scope.get("scheme") == "https" or forwarded.partition(",")[0].strip().lower() == "https"


def give(
    headers: MutableHeaders,
    pair: tuple[str, str],
    scope: Mapping[str, Any],
    *,
    seconds: int,
    path: str,
) -> None:
    """Adds a cookie (name, value) to an answer to this request, for so many seconds, below `path`.
    Scripts cannot read it, other sites' forms do not send it, and what was given over https is
    sent over https alone."""
    secure = "; Secure" if is_https(scope) else ""
    words = f"{'='.join(pair)}; Max-Age={seconds}; Path={path}; HttpOnly; SameSite=Lax{secure}"
    headers.append("set-cookie", words)
