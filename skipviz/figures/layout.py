"""What every Plotly figure of a page shares: ink, grid, margins, axis titles, lanes' colours."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from skipviz.figures import theme

HEIGHT_PX = 380

DASHES = ("solid", "dash", "dot", "dashdot")
"""Lanes of one family differ by their dashes."""

LAYER = "layer (1 = nearest the input)"


def laid_out(
    figure: go.Figure, *, dark: bool, x: str = "", y: str = "", height: int = HEIGHT_PX
) -> go.Figure:
    """The figure on a page's ground; axis titles where they are given."""
    ink = "#F2F5F8" if dark else "#16202A"
    grid = "#2A323D" if dark else "#E3E8ED"
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 20, "t": 40, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "size": 15},
    )
    figure.update_xaxes(gridcolor=grid, zerolinecolor=grid)
    figure.update_yaxes(gridcolor=grid, zerolinecolor=grid)
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)
    return figure


def above(figure: go.Figure) -> go.Figure:
    """The legend in a row above the plot, with room for it."""
    figure.update_layout(
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}, margin={"t": 70}
    )
    return figure


def strokes(lanes: Sequence[tuple[str, str]], dark: bool) -> list[dict[str, str]]:
    """The line of each lane (label, family): its family's colour; the second of a family is
    dashed."""
    seen: dict[str, int] = {}
    dashes = []
    for _, family in lanes:
        place = seen.get(family, 0)
        seen[family] = place + 1
        colour = theme.colour(family, dark=dark)
        dashes.append({"color": colour, "dash": DASHES[place % len(DASHES)]})
    return dashes
