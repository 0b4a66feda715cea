"""Who is behind a connection of this server, and what he may do: asked afresh for each action."""

from __future__ import annotations

from skipviz.access import settings
from skipviz.access.keys import Keys
from skipviz.access.roles import Action, Connection, Role, role_of
from skipviz.core import places


def keys() -> Keys:
    """The keys and log-ins that go with this server's runs."""
    return Keys(places.runs(), settings.current().passphrase)


def role(connection: Connection | None) -> Role:
    """Lecturer or guest, as this server is set."""
    trust_local = settings.current().trust_local
    return role_of(connection, trust_local=trust_local, valid=keys().valid)


def permitted(action: Action, connection: Connection | None) -> bool:
    """Whether whoever is behind this connection may do this, now."""
    return action.permitted(role(connection), settings.current().guests)
