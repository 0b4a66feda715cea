"""Which guest is behind a connection: a browser, however many tabs it has open.

A browser is known by a signed random cookie, which it is given with its first page where guests may
run nets. Whoever comes without one shares one guest with all others of his address, so that a
client that throws its cookies away gains nothing; and one address is given so many cookies as a
hall needs, then one a second.

<runs>/guests.key   what cookies are signed with

Nothing else is kept of a browser; addresses are in memory alone.
"""

from __future__ import annotations

import ipaddress
import secrets
from functools import cache
from pathlib import Path

from skipviz.access.roles import Connection
from skipviz.access.throttle import Throttle
from skipviz.core.guest import ADDRESS, BROWSER, NOBODY
from skipviz.core.signed_words import SignedWords

COOKIE = "skipviz_guest"
COOKIE_S = 90 * 24 * 3600
NEW_AT_ONCE, NEW_PER_S = 500, 1
"""Of one address: a whole class may share one."""

_IPV6_PREFIX = 64
"""Whoever has an IPv6 address has all that begin like it."""


class Guests:
    """Tells guests apart, and gives cookies.

    path   the file of the key
    """

    def __init__(self, path: Path) -> None:
        """OSError where the key can be neither read nor made."""
        self._words = SignedWords(path)
        self._newcomers = Throttle(NEW_PER_S, NEW_AT_ONCE)

    def guest(self, connection: Connection | None) -> str:
        """The guest's name inside this server; never empty."""
        if connection is None:
            return NOBODY
        for cookie in connection.cookies(COOKIE):
            word = self._words.word(cookie)
            if word:
                return f"{BROWSER}{word}"
        return f"{ADDRESS}{network(connection.peer)}"

    def cookie(self, connection: Connection) -> str | None:
        """A cookie for a browser that has none; None where it has one, or where too many of its
        address were given."""
        if self.guest(connection).startswith(BROWSER):
            return None
        if self._newcomers.count(network(connection.peer), longest_s=0) is None:
            return None
        return self._words.sign(secrets.token_urlsafe(12))


def network(peer: str | None) -> str:
    """What counts as one address: an IPv4 address, the first half of an IPv6 address."""
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return "unknown"
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None or address.version == 4:
        return str(mapped or address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


@cache
def guests_of(root: Path) -> Guests:
    """The guests of a folder of runs, the same for all of this process."""
    return Guests(root / "guests.key")
