"""Who looks at this page, and what he may do: asked on the server wherever something acts.

A widget's message can be forged, so that hiding a button guards nothing: `require` stands where the
act is (`ui/manager.py`, `ui/data/jobs.py`, `ui/lecture/lecture.py`); `may` only keeps dead buttons
off the page.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from skipviz.access import who
from skipviz.access.doors import EMBEDDED, PEER
from skipviz.access.roles import Action, Connection, Role, refusal
from skipviz.core import events
from skipviz.core.events import Event
from skipviz.core.guest import LECTURER
from skipviz.core.knob import SpecError
from skipviz.server.run import Run

_KEPT = "access_connection"


def connection() -> Connection | None:
    """The connection of this page's browser, as the doors noted it; where it is just gone, what it
    was; None of what never came through the doors."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return None
    headers = st.context.headers
    pairs = tuple((name, value) for name in headers for value in headers.get_all(name))
    peers = [value for name, value in pairs if name.lower() == PEER]
    if len(peers) == 1:
        embedded = any(name.lower() == EMBEDDED for name, _ in pairs)
        st.session_state[_KEPT] = Connection(peers[0] or None, pairs, embedded)
    kept: Connection | None = st.session_state.get(_KEPT)
    return kept


def may(action: Action) -> bool:
    """May whoever looks at this page do this, now?"""
    return who.permitted(action, connection())


def require(action: Action) -> None:
    """SpecError, in a sentence that says what to do, where he may not."""
    if not may(action):
        raise _refused(action)


def guest() -> str:
    """Whose runs this page's visitor begins: the lecturer's (""), or those of his browser. No
    message of a page reaches it: it is read from the connection alone."""
    here = connection()
    return LECTURER if who.role(here) is Role.LECTURER else who.guests().guest(here)


def may_control(run: Run) -> bool:
    """May he steer, stop or resume this run, now? A guest may his browser's own."""
    return may(Action.CONTROL_ANY) or (run.guest == guest() and may(Action.CONTROL_OWN))


def require_control(run: Run | None) -> None:
    """SpecError where he may not steer, stop or resume this run."""
    if run is None or not may_control(run):
        raise _refused(Action.CONTROL_ANY)


def _refused(action: Action) -> SpecError:
    events.tell(Event.REFUSED, outcome="page", action=action.name.lower())
    return refusal(action)
