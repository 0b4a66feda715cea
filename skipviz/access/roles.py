"""Two roles, and the one table of what each may do.

The lecturer is who holds a valid cookie, or who is plainly at this machine: the peer is loopback,
the Host is loopback, nothing was forwarded, no other site's page asks, and `trust_local` is on.
Everybody else is a guest. It is decided for each connection and asked afresh for each action; the
address that the server is bound to plays no part.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from skipviz.core.knob import SpecError

COOKIE = "skipviz_lecturer"


class Role(StrEnum):
    """Who somebody is."""

    LECTURER = "lecturer"
    GUEST = "guest"


class Guests(StrEnum):
    """What guests may do: the setting `guests`."""

    NOTHING = "nothing"
    WATCH = "watch"
    RUN = "run"

    @property
    def permits(self) -> frozenset[Guests]:
        """The levels that this one includes, itself among them."""
        order = list(Guests)
        return frozenset(order[: order.index(self) + 1])


class Action(Enum):
    """Everything that somebody may do here: (the words after "may", the setting of `guests` from
    which on guests may do it too; None: the lecturer alone). What is not in it is refused."""

    VOTE = ("vote in a room", Guests.NOTHING)
    LOG_IN = ("log in as the lecturer, and out again", Guests.NOTHING)
    LOAD = ("load the app's own files", Guests.NOTHING)
    CHECK_HEALTH = ("ask whether the server is well", Guests.NOTHING)
    WATCH = ("look at pages, runs and recordings", Guests.WATCH)
    TRAIN = ("train nets", Guests.RUN)
    PREVIEW = ("have nets measured at init", Guests.RUN)
    CONTROL_OWN = ("steer, stop and resume their own runs", Guests.RUN)
    MEASURE = ("have runs measured", Guests.RUN)
    EXPORT = ("take runs away as files", Guests.RUN)
    CONTROL_ANY = ("steer, stop or resume somebody else's run", None)
    KEEP_RUNS = ("name, annotate and pin runs", None)
    DELETE_RUNS = ("delete runs and have them back", None)
    MAKE_SITE = ("make a course site", None)
    IMPORT_RUNS = ("take in runs from files", None)
    SWEEP = ("run and stop sweeps", None)
    LECTURE = ("hold the lecture", None)
    READ_ROOM = ("read what a room answered", None)
    END_ROOM = ("delete a lecture's room", None)
    READ_DATA = ("have a data set read for the first time", None)
    GET_DATA = ("download data sets", None)
    ADD_DATA = ("upload pictures and make data sets of them", None)
    REMOVE_DATA = ("delete data sets", None)
    READ_METRICS = ("read the server's figures", None)

    @property
    def words(self) -> str:
        """What is done, as it stands after "may"."""
        return self.value[0]

    def permitted(self, role: Role, guests: Guests) -> bool:
        """Whether this role may do it under this setting."""
        return role is Role.LECTURER or self.value[1] in guests.permits


@dataclass(frozen=True)
class Connection:
    """What a connection says of itself.

    peer      the address of the other side, None where there is none (a Unix socket)
    headers   every header with its value, doubles included; names in any case
    embedded  whether a page speaks that may stand in another site's frame
    """

    peer: str | None
    headers: tuple[tuple[str, str], ...]
    embedded: bool = False

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def cookies(self, name: str) -> list[str]:
        """Every value of a cookie, of all Cookie headers."""
        values = []
        for part in ";".join(self.all("cookie")).split(";"):
            try:
                jar = SimpleCookie(part.strip())
            except CookieError:
                continue
            values += [morsel.value for key, morsel in jar.items() if key == name]
        return values


_FORWARDING = (
    "forwarded", "x-forwarded", "x-real-", "x-original-", "via", "cf-", "true-client-ip",
    "x-client-ip", "x-cluster-client-ip", "fastly-", "x-envoy-", "x-proxy", "x-azure-",
    "x-appengine-", "x-amzn-", "x-scheme",
)  # fmt: skip
"""How the headers begin that proxies add; one of them is enough to be a guest."""


def is_loopback(host: str) -> bool:
    """Is this host name or address this machine itself: localhost, 127.0.0.0/8, ::1, or an IPv4
    address of these written as IPv6?"""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _host(netloc: str) -> str:
    """The host of "host", "host:port", "[::1]:port"; empty for anything else."""
    if not netloc or set(netloc) & set("@/?#\\ \t"):
        return ""
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port  # a port that is none raises
    except ValueError:
        return ""
    return parts.hostname or ""


def _here(connection: Connection) -> bool:
    """Does one loopback Host stand there, and no page of another origin?"""
    hosts = connection.all("host")
    if len(hosts) != 1 or not is_loopback(_host(hosts[0])):
        return False
    origins = connection.all("origin")
    return all(
        origin.lower() in {f"{scheme}://{hosts[0].lower()}" for scheme in ("http", "https")}
        for origin in origins
    )


def is_local(connection: Connection) -> bool:
    """Is this somebody at this machine, with nothing in between?"""
    forwarded = any(name.lower().startswith(_FORWARDING) for name, _ in connection.headers)
    peer = connection.peer
    return peer is not None and is_loopback(peer) and _here(connection) and not forwarded


def role_of(
    connection: Connection | None, *, trust_local: bool, valid: Callable[[str], bool]
) -> Role:
    """Who this is. No connection is a guest's, and an embedded page always is.

    valid   whether the value of a cookie is a lecturer's, now
    """
    if connection is None or connection.embedded:
        return Role.GUEST
    if trust_local and is_local(connection):
        return Role.LECTURER
    return Role.LECTURER if any(map(valid, connection.cookies(COOKIE))) else Role.GUEST


def refusal(action: Action) -> SpecError:
    """The sentence for whoever may not do this."""
    return SpecError(
        f"only the lecturer may {action.words} on this server; if that is you, open the address"
        " that the server printed at its start, or one that `skipviz key` prints"
    )
