"""Feature reuse in dense blocks: |W| at init, |W| now, and what would be missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures.layout import laid_out

_PANELS = (
    ("weight_at_init", "mean |W| at init", "Cividis"),
    ("weight", "mean |W| now", "Cividis"),
    ("missing", "rise of the loss without it", "Viridis"),
)


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Three heat maps (sources × targets) of the first dense block of the first lane that has one;
    the two of |W| share a scale."""
    blocks = [entry["blocks"][0] for entry in answers[0]["lanes"] if entry["blocks"]]
    if not blocks:
        return laid_out(
            go.Figure().add_annotation(text="No lane of this run is a dense net.", showarrow=False),
            dark=dark,
        )
    block = blocks[0]
    titles = [title for _, title, _ in _PANELS]
    chart = make_subplots(rows=1, cols=3, subplot_titles=titles, horizontal_spacing=0.085)
    top = max(v for name in ("weight", "weight_at_init") for row in block[name] for v in row if v)
    for place, (name, title, scale) in enumerate(_PANELS, start=1):
        values = np.array(block[name], dtype=float).T
        limits = {"zmin": 0, "zmax": top} if name != "missing" else {"zmin": 0}
        chart.add_heatmap(
            z=values, x=block["targets"], y=block["sources"], colorscale=scale, **limits,
            colorbar={"x": 1.01 if name == "missing" else 0.645, "len": 0.9, "thickness": 12},
            showscale=name != "weight_at_init",
            hovertemplate=f"%{{y}} read by %{{x}}<br>{title} %{{z:.3g}}<extra></extra>",
            row=1, col=place,
        )  # fmt: skip
    chart = laid_out(chart, dark=dark, x="read by unit", height=460)
    chart.update_xaxes(**_ticks(block["targets"]), tickangle=0)
    chart.update_yaxes(**_ticks(block["sources"]), autorange="reversed", showticklabels=False)
    return chart.update_yaxes(title_text="features of unit", showticklabels=True, row=1, col=1)


def _ticks(names: Sequence[str]) -> dict[str, list[str]]:
    """Short words for an axis: units by their numbers, at most a dozen of them."""
    every = max(1, len(names) // 6)
    ticks = [name for i, name in enumerate(names) if not name.startswith("unit ") or i % every == 0]
    short = {"input": "in", "classifier": "out"}
    return {
        "tickvals": ticks,
        "ticktext": [short.get(name, name.removeprefix("unit ")) for name in ticks],
    }
