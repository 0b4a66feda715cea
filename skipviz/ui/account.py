"""Logging in with an account, where the setting `lecturers` names some (OpenID Connect).

Streamlit asks the provider (`[auth]` in secrets.toml) and keeps what it said in a cookie of its
own, for a month. That makes nobody the lecturer: a page here changes what the provider said just
now, once, for a key to the lecturer's door, and leaves for it. From there on it is our cookie that
counts, with its time, its log out and its revoking.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from importlib.util import find_spec

import streamlit as st
from streamlit.errors import StreamlitAuthError
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from skipviz.access import accounts, settings, who
from skipviz.access.login import ONLY_PROVIDER, WANTS_ACCOUNT
from skipviz.access.roles import Role
from skipviz.core import base_path, events
from skipviz.core.escapes import markdown
from skipviz.core.events import Event
from skipviz.ui import access, served

_log = logging.getLogger(__name__)

UNUSABLE = (
    "lecturers: accounts are listed, but nobody can log in with one: install skipviz[oidc], and"
    " write [auth] into .streamlit/secrets.toml as docs/operating.md says"
)


def providers() -> list[str]:
    """The names of the providers whose accounts may log in here; empty where none may."""
    if not settings.current().lecturers or find_spec("authlib") is None:
        return []
    section = st.secrets.get("auth", {}) if st.secrets.load_if_toml_exists() else {}
    only = [ONLY_PROVIDER] if "client_id" in section else []
    return only + [name for name, value in section.items() if isinstance(value, Mapping)
                   and "client_id" in value]  # fmt: skip


def check() -> None:
    """Writes one sentence into the log where accounts are listed and none can log in."""
    if settings.current().lecturers and not providers():
        _log.warning("%s", UNUSABLE)


def arrive() -> None:
    """Takes a visitor to the provider that his address names; one who comes back with the account
    of a lecturer leaves for the lecturer's door. Others see the page."""
    names = providers()
    here = access.connection()
    if not names or _is_embedded() or who.role(here) is Role.LECTURER:
        return
    claims = st.user.to_dict() if st.user.is_logged_in else {}
    if accounts.is_fresh(claims, time.time()):
        _exchange(claims)
    wanted = st.query_params.get(WANTS_ACCOUNT)
    if wanted in names:
        try:
            st.login(None if wanted == ONLY_PROVIDER else wanted)
        except StreamlitAuthError as error:
            _log.warning("%s", error)
            st.error("Logging in with an account is not set up rightly: the server's log says why.")
        st.stop()


def _is_embedded() -> bool:
    """Does the page stand in another site's frame, where nobody becomes the lecturer?"""
    here = access.connection()
    return here is not None and here.embedded


def way_in() -> None:
    """A link to the lecturer's door, for guests of a server with accounts or a pass phrase."""
    is_guest = who.role(access.connection()) is not Role.LECTURER and not _is_embedded()
    if is_guest and (settings.current().passphrase or providers()):
        where = f"{base_path.prefix(served.base())}/lecturer"
        st.html(f'<p><a href="{where}" target="_self">Log in as the lecturer</a></p>')


def _exchange(claims: Mapping[str, object]) -> None:
    entry = accounts.entry_of(claims, settings.current().lecturers)
    if entry is None:
        events.tell(Event.LOGIN, outcome="other account")
        name = markdown(str(claims.get("email") or claims.get("sub")))
        st.info(
            f"You logged in as {name}, which is no lecturer's account on this server: you are a"
            " guest. Whoever runs the server can add it to its lecturers.",
            icon=":material/person:",
        )
        return
    key = who.keys().key_of_account(entry, accounts.sign_in(claims))
    if key is not None:
        events.tell(Event.LOGIN, outcome="account")
        _leave_for(f"{base_path.prefix(served.base())}/lecturer?key={key}")


def _leave_for(path: str) -> None:
    """Takes the browser to a path of this server, as `st.login` does; ends this page's script."""
    context = get_script_run_ctx()
    if context is not None:
        message = ForwardMsg()
        message.auth_redirect.url = path
        context.enqueue(message)
    st.stop()
