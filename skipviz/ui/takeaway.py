"""The component that gives each figure of a page its buttons PNG and SVG.

Live charts have theirs from their own module; those that `st.plotly_chart` draws get them from
`assets/live/figures.js`, which finds them in the page.
"""

from __future__ import annotations

import streamlit as st

from skipviz.stream import assets
from skipviz.ui import served

_component = st.components.v2.component(
    "skipviz.figures",
    html="<span></span>",
    js=served.text("home.js") + served.text("mount_figures.js"),
    isolate_styles=False,
)


def offer() -> None:
    """Makes the browser put the buttons under every figure, now and later."""
    data = {
        "script": assets.script_path("figures.js"),
        "plotly": assets.plotly_path(),
        "base": served.base(),
    }
    with st.container(key="skipviz_takeaway"):  # hidden by assets/style.css
        _component(key="takeaway", data=data)
