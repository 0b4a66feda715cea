"""The live charts of one run: one component that follows the run by itself.

A rerun of the page costs it nothing: frames come over a socket of its own (`runs.stream`), the
browser appends them (`assets/live/`, which knows nothing of Streamlit). A new run id clears the
charts and follows the new run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.strict_json import dumps
from skipviz.figures import theme
from skipviz.stream import assets
from skipviz.ui import served

PANELS = ("header", "loss", "profile", "graph", "heat", "gates")

_THEME = {
    "text": "text-color", "background": "background-color", "primary": "primary-color",
    "red": "red-color", "orange": "orange-color", "font": "font", "size": "base-font-size",
}  # fmt: skip
"""The charts' CSS variables (`assets/live/theme.js`), and Streamlit's that they follow."""

_STYLE = " ".join(f"--sv-{ours}: var(--st-{theirs});" for ours, theirs in _THEME.items())
_HTML = f'<div class="sv-live" data-state="loading" style="{_STYLE}"></div>'

_component = st.components.v2.component(
    "skipviz.live",
    html=_HTML,
    js="".join(map(served.text, ("home.js", "address.js", "mount_live.js"))),
    isolate_styles=False,
)


def live(
    run_id: str | None,
    *,
    panels: Sequence[str] = PANELS,
    key: str = "live",
    height: int | None = None,
    title: str = "",
    options: Mapping[str, Any] | None = None,
    tell: str = "",
    words: Mapping[str, str] | None = None,
) -> None:
    """Shows the charts of a run, or empty charts that say what to press.

    panels    which charts, in this order: header, loss, profile, graph, heat, gates
              (gates appears only where a lane has some)
    height    of one chart in pixels; None: fitting
    tell      an address below the app's, which is told the step that is chosen: {"run", "step"}
    words     what the page's address says of the charts, by name; it keeps what is chosen in them
    options   colours   of each lane, (light, dark), or {family: (light, dark)}; default: families'
              dashes    of each lane, as in plotly; default: lanes of one family differ
              chance    the loss of guessing, drawn as a dashed line: log(number of classes)
              quantity  the profile shown at first: "signal", "weight" or "activation"
              empty     the sentence that stands in empty charts
              extra     a sample of the gates panel that was measured by a probe: lane, row, step,
                        name, shape, pixels, and of "now", "init" and "twin" step, bias, mean, gate,
                        output, lists [layers][cells]
              replay_s  a run that is over already is drawn again within so many seconds
    """
    unknown = [name for name in panels if name not in PANELS]
    if unknown:
        raise SpecError(f"panel '{unknown[0]}': must be one of {', '.join(PANELS)}")
    settings = {
        "id": key,
        "run": run_id,
        "panels": list(panels),
        "height": height,
        "title": title,
        "options": {"colours": _colours(), **(options or {})},
        "plotly": assets.plotly_path(),
    }
    data = {"settings": settings, "script": assets.script_path(), "base": served.base(),
            "tell": tell, "words": words}  # fmt: skip
    # Streamlit refuses two underscores in a row, which a run's id may have or make.
    _component(key=key.replace("_", "."), data=json.loads(dumps(data)))


def _colours() -> dict[str, tuple[str, str]]:
    """Every family's colour on a light and on a dark page."""
    families = ("plain", *registry.architectures())
    return {family: (theme.colour(family), theme.colour(family, dark=True)) for family in families}
