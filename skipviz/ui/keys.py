"""The keys of the program: which there are, and the component that listens to them.

Streamlit draws a button's `shortcut` and would act on it at once or not at all. A page that is
being drawn has no button yet, or one of the page before: so `assets/keys/keys.js` listens in its
place. It keeps an early key until its button is there, and marks a pressed button before the
server answers.
"""

from __future__ import annotations

import streamlit as st

from skipviz.stream import assets
from skipviz.ui import served

RUN, BACK, NEXT, RESET, REPLAY = "Enter", "Left", "Right", "X", "P"  # R is Streamlit's own
TRAIN, STOP, PAUSE, STEP = "Mod+Enter", "Escape", "P", "N"

SHORTCUTS = (RUN, BACK, NEXT, RESET, REPLAY, TRAIN, STOP, STEP)
"""Every key of a button, as `st.button(shortcut=…)` names it."""

_component = st.components.v2.component(
    "skipviz.keys",
    html="<span></span>",
    js=served.text("home.js") + served.text("mount_keys.js"),
    isolate_styles=False,
)


def listen() -> None:
    """Makes the browser listen to the keys; it is told each time that the page is drawn anew."""
    drawing = st.session_state["keys_drawing"] = st.session_state.get("keys_drawing", 0) + 1
    data = {
        "shortcuts": list(SHORTCUTS),
        "drawing": drawing,
        "script": assets.script_path("keys.js"),
        "base": served.base(),
    }
    with st.container(key="skipviz_keys"):  # hidden by assets/style.css
        _component(key="keys", data=data)
