"""The lecturer's address with a key, as the server prints it and opens it at its start."""

from __future__ import annotations

import socket

from skipviz.access import settings, who
from skipviz.access.roles import is_loopback
from skipviz.core import base_path

WILDCARDS = ("", "0.0.0.0", "::")


def network_address() -> str | None:
    """This machine's address in its network, found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address


def address_of(listens: str, port: int, *, base: str = "", tls: bool = False) -> str:
    """The address of a server that listens at `listens`, as others in the network reach it;
    without a slash at its end."""
    host = (network_address() or "localhost") if listens in WILDCARDS else listens
    host = f"[{host}]" if ":" in host else host
    path = base_path.prefix(base)
    return f"{'https' if tls else 'http'}://{host}:{port}{path}"


def needs_key(listens: str) -> bool:
    """Whether a lecturer of such a server may need a key."""
    return not (is_loopback(listens) and settings.current().trust_local)


def with_key(address: str) -> str:
    """The lecturer's address with a new key."""
    return f"{address}/lecturer?key={who.keys().new_key()}"


def to_open(listens: str, port: int, *, base: str = "", tls: bool = False) -> str:
    """Where the browser of whoever starts a server is sent: to the app, as its lecturer. A key of
    its own, for the one that is printed shall still work."""
    address = address_of(listens, port, base=base, tls=tls)
    return with_key(address) if needs_key(listens) else f"{address}/"


def at_start(listens: str, port: int, *, base: str = "", tls: bool = False) -> str:
    """What a server says at its start, on the terminal and in no log: the lecturer's address, where
    one is needed. Empty where none is."""
    address = address_of(listens, port, base=base, tls=tls)
    who.keys().serves_at(address)
    if not needs_key(listens):
        return ""
    return (
        f"\n  Lecturer: {with_key(address)}\n"
        "  (works once, for 15 minutes; `skipviz key` prints a new one)\n"
        f"  Everybody else is a guest: {settings.current().guests}.\n\n"
    )
