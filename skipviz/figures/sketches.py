"""The curves that a room drew, laid over one another, and the measured one with its seed band.

sketches.draw(sketch, first, second, band, dark) -> plotly Figure
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from skipviz.core.sketch import Band, Sketch
from skipviz.figures import charts, theme

Curves = Sequence[Sequence[float]]


def draw(
    sketch: Sketch, first: Curves, second: Curves, band: Band | None, dark: bool = False
) -> go.Figure:
    """On the sketch's own axes. Curves of the first vote are dotted where there is a second one."""
    figure, look = go.Figure(), theme.theme(dark)
    for curves, name in ((first, "first vote" if second else "drawn"), (second, "second vote")):
        if curves:
            is_dotted = curves is first and bool(second)
            figure.add_trace(_laid_over(sketch, curves, name, is_dotted, look.line))
    if band is not None:
        for trace in _measured(sketch, band, theme.colour(sketch.family, dark)):
            figure.add_trace(trace)
    charts.lay_out(figure, sketch.x, sketch.y, dark)
    y_range = np.log10(sketch.y_range).tolist() if sketch.log_y else list(sketch.y_range)
    figure.update_xaxes(range=list(sketch.x_range))
    figure.update_yaxes(range=y_range, type="log" if sketch.log_y else "linear")
    if sketch.log_y:
        dtick = max(1, round((y_range[1] - y_range[0]) / 6))
        figure.update_yaxes(exponentformat="power", dtick=dtick)
    return figure


def _laid_over(sketch: Sketch, curves: Curves, name: str, is_dotted: bool, ink: str) -> Any:
    """All curves as one trace: with gaps between them, the paler the more there are."""
    x: list[float | None] = []
    y: list[float | None] = []
    for heights in curves:
        each_x, each_y = sketch.points(heights)
        x += [*each_x, None]
        y += [*each_y, None]
    opacity = float(np.clip(3 / len(curves), 0.12, 0.7)) * (0.6 if is_dotted else 1)
    line = {"color": ink, "width": 2.5, "dash": "dot" if is_dotted else "solid"}
    return go.Scatter(
        x=x, y=y, mode="lines", line=line, opacity=opacity, name=f"{name} ({len(curves)})",
        hoverinfo="skip",
    )  # fmt: skip


def _measured(sketch: Sketch, band: Band, ink: str) -> list[Any]:
    """The seeds' band, its lower edge first, and the median."""
    red, green, blue = (int(ink[at : at + 2], 16) for at in (1, 3, 5))
    quiet = {"mode": "lines", "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
    return [
        go.Scatter(x=list(band.x), y=list(band.low), **quiet),
        go.Scatter(
            x=list(band.x), y=list(band.high), fill="tonexty",
            fillcolor=f"rgba({red},{green},{blue},0.3)", **quiet,
        ),
        go.Scatter(
            x=list(band.x), y=list(band.middle), mode="lines", line={"color": ink, "width": 4},
            name=f"measured: {sketch.label}",
            hovertemplate="%{x}: %{y:.4g}<extra></extra>",
        ),
    ]  # fmt: skip
