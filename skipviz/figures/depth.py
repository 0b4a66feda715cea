"""The revolution of depth: layers, errors and parameters of the nets that lowered the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures import theme

ROW_PX = 78
EDGES_PX = 114


@dataclass(frozen=True)
class Net:
    """One row of the figure. Each figure has its source, shown on hover.

    family       "" where the net has none of ours: a quiet bar
    parameters   as a label says it: "60M"
    """

    name: str
    family: str
    layers: int
    top5_error: float
    size: float
    parameters: str
    layers_source: str
    error_source: str
    parameters_source: str


@dataclass(frozen=True)
class _Panel:
    title: str
    axis: str
    values: Sequence[float]
    labels: Sequence[str]
    sources: Sequence[str]


def _panels(nets: Sequence[Net]) -> tuple[_Panel, ...]:
    return (
        _Panel(
            "Depth",
            "weighted layers",
            [net.layers for net in nets],
            [f"{net.layers}" for net in nets],
            [net.layers_source for net in nets],
        ),
        _Panel(
            "Top-5 error of the entry",
            "% of the test images",
            [net.top5_error for net in nets],
            [f"{net.top5_error:g} %" for net in nets],
            [net.error_source for net in nets],
        ),
        _Panel(
            "Parameters of one net",
            "millions",
            [net.size / 1e6 for net in nets],
            [net.parameters for net in nets],
            [net.parameters_source for net in nets],
        ),
    )


def revolution(nets: Sequence[Net], dark: bool = False) -> go.Figure:
    """Three bars for each net, side by side: as depth grows, the error falls; size does not say."""
    look, panels = theme.theme(dark), _panels(nets)
    titles = [f"<b>{panel.title}</b>" for panel in panels]
    chart = make_subplots(cols=3, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.04)
    names = [f"<b>{net.name}</b>" for net in nets]
    colours = [theme.colour(net.family, dark) if net.family else look.quiet for net in nets]
    for number, panel in enumerate(panels, start=1):
        bar = go.Bar(
            x=list(panel.values),
            y=names,
            orientation="h",
            marker_color=colours,
            text=list(panel.labels),
            textposition="outside",
            textfont_size=18,
            cliponaxis=False,
            customdata=list(panel.sources),
            hovertemplate="%{y}: %{text}<br>%{customdata}<extra></extra>",
        )
        chart.add_trace(bar, row=1, col=number)
        wide = max(panel.values, default=1) * 1.34
        chart.update_xaxes(title_text=panel.axis, range=[0, wide], row=1, col=number)
    chart.update_yaxes(autorange="reversed", tickfont_size=18, ticksuffix="  ")
    chart.update_yaxes(title_text="net (year)", title_standoff=24, row=1, col=1)
    chart.update_xaxes(gridcolor=look.fill, zerolinecolor=look.line, nticks=5)
    chart.update_annotations(font_size=19, yshift=6)
    chart.update_layout(
        showlegend=False,
        bargap=0.32,
        height=ROW_PX * len(nets) + EDGES_PX,
        margin={"l": 225, "r": 10, "t": 48, "b": 66},
        font={"size": 16, "color": look.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return chart
