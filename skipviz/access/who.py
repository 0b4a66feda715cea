"""Who is behind a connection of this server, and what he may do: asked afresh for each action."""

from __future__ import annotations

import hmac

from skipviz.access import settings
from skipviz.access.guests import Guests, guests_of
from skipviz.access.keys import Keys
from skipviz.access.roles import Action, Connection, Role, role_of
from skipviz.core import places


def keys() -> Keys:
    """The keys and log-ins that go with this server's runs."""
    now = settings.current()
    return Keys(places.runs(), now.passphrase, now.lecturers)


def role(connection: Connection | None) -> Role:
    """Lecturer or guest, as this server is set."""
    trust_local = settings.current().trust_local
    return role_of(connection, trust_local=trust_local, valid=keys().valid)


def permitted(action: Action, connection: Connection | None) -> bool:
    """Whether whoever is behind this connection may do this, now. The server's figures may also be
    read by a program that has their token."""
    if action is Action.READ_METRICS and connection is not None and _has_token(connection):
        return True
    return action.permitted(role(connection), settings.current().guests)


def _has_token(connection: Connection) -> bool:
    token = settings.current().metrics_token
    expected = f"Bearer {token}".encode()
    said = [value.encode("utf-8", "replace") for value in connection.all("authorization")]
    return bool(token) and len(said) == 1 and hmac.compare_digest(said[0], expected)


def guests() -> Guests:
    """The guests of this server's runs."""
    return guests_of(places.runs())
