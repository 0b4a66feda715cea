"""A button that copies the page's address: what is on the screen, for whoever opens it."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.ui import served

_HTML = """
<button class="sv-copy" type="button" title="Copy the link to what this page shows">
<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path fill="none"
stroke="currentColor" stroke-width="2" stroke-linecap="round" d="M9 15l6-6M10 6.5l2-2a4.2 4.2 0 0 1
6 6l-2.6 2.6M14 17.5l-2 2a4.2 4.2 0 0 1-6-6l2.6-2.6"/></svg><span aria-live="polite">Copy link
</span></button>
"""

_component = st.components.v2.component(
    "skipviz.copy_link",
    html=_HTML.strip(),
    css=served.text("copy_link.css"),
    js=served.text("copy_link.js"),
    isolate_styles=False,
)


def copy_link(box: DeltaGenerator, key: str) -> None:
    """The button, in `box`."""
    with box:
        _component(key=key)
