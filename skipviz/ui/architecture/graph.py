"""A graph that one can work with: pan, zoom, clicks on units, downloads.

Streamlit draws the SVG in the browser; a component decorates it (assets/graph/). No `dot` program
is needed, here or there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from skipviz.ui.shell import HERE

_HTML = """
<div class="sk-bar" role="toolbar" aria-label="Graph">
  <button data-act="in" title="Closer (+)" aria-label="Closer">+</button>
  <button data-act="out" title="Farther (−)" aria-label="Farther">−</button>
  <button data-act="fit" title="All of it (0)" aria-label="All of it">Fit</button>
  <span>Drag to move. After a click on the graph: wheel, + − 0 and the arrow keys.</span>
  <button data-act="svg" title="Download as SVG">SVG</button>
  <button data-act="png" title="Download as PNG">PNG</button>
  <button data-act="dot" title="Download the graph's source for Graphviz">DOT</button>
</div>
"""

_ASSETS = HERE / "assets" / "graph"

_component = st.components.v2.component(
    "skipviz.graph",
    html=_HTML.strip(),
    css=(_ASSETS / "graph.css").read_text(encoding="utf-8"),
    js=(_ASSETS / "graph.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def graph(
    dot: str,
    *,
    key: str,
    name: str,
    alt: str,
    targets: Mapping[str, str] | None = None,
    on_click: Callable[[str], None] | None = None,
) -> None:
    """Shows a graph, to be panned and zoomed, as high as the page's style lets `{key}_chart` be.

    dot       its source
    name      of the files that can be downloaded, without an ending
    targets   what can be clicked: the names of nodes and frames, and what a click does, in words
    on_click  is told the name of what was clicked, before the page runs again
    """

    def clicked() -> None:
        target = st.session_state[f"{key}_bar"].clicked
        if target in (targets or {}) and on_click is not None:
            on_click(target)

    with st.container(key=f"{key}_chart"):
        st.graphviz_chart(dot, width="stretch", height="stretch", alt=alt)
    data = {"chart": f"{key}_chart", "name": name, "dot": dot, "targets": targets or {}}
    _component(key=f"{key}_bar", data=data, on_clicked_change=clicked)
