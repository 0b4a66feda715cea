"""Figures of what the probes of a trained run found: they draw what they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from skipviz.core.escapes import plotly
from skipviz.figures import theme
from skipviz.figures.layout import LAYER, laid_out


def confusion(
    counts: Sequence[Sequence[int]], classes: Sequence[str], title: str, dark: bool
) -> Any:
    """How often each class was taken for each other: rows true, columns predicted, pictures."""
    names = [plotly(name) for name in classes]
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=names,
            y=names,
            text=counts,
            texttemplate="%{text}",
            colorscale="Cividis",
            showscale=False,
            hovertemplate="true %{y}, taken for %{x}: %{z} pictures<extra></extra>",
        )
    )
    figure.update_layout(title={"text": title, "x": 0})
    figure = laid_out(figure, dark=dark, x="predicted class", y="true class")
    figure.update_xaxes(type="category")
    return figure.update_yaxes(autorange="reversed", type="category")


def spread(entries: Sequence[dict[str, Any]], colour: str, what: str, dark: bool) -> Any:
    """The middle half and the middle 98 % of the values, layer by layer."""
    depths = [entry["depth"] for entry in entries]
    figure = go.Figure()
    for low, high, name, opacity in ((0, 4, "middle 98 %", 0.25), (1, 3, "middle half", 0.5)):
        figure.add_scatter(
            x=depths + depths[::-1],
            y=[e["quantiles"][high] for e in entries]
            + [e["quantiles"][low] for e in entries][::-1],
            fill="toself",
            fillcolor=colour,
            opacity=opacity,
            line={"width": 0},
            name=name,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=depths,
        y=[e["quantiles"][2] for e in entries],
        line={"color": colour, "width": 3},
        name="median",
        hovertemplate="layer %{x}: median %{y:.3g}<extra></extra>",
    )
    figure.update_layout(legend={"orientation": "h", "y": 1.12, "x": 0})
    return laid_out(figure, dark=dark, x=LAYER, y=what)


def histogram(entry: dict[str, Any], colour: str, what: str, dark: bool) -> Any:
    """One layer's values, counted."""
    edges = entry["edges"]
    figure = go.Figure(
        go.Bar(
            x=[(a + b) / 2 for a, b in zip(edges, edges[1:], strict=False)],
            y=entry["counts"],
            width=[b - a for a, b in zip(edges, edges[1:], strict=False)],
            marker={"color": colour, "line": {"width": 0}},
            hovertemplate="about %{x:.3g}: %{y} values<extra></extra>",
        )
    )
    return laid_out(figure, dark=dark, x=what, y="number of values")


def cells(points: Sequence[dict[str, Any]], dark: bool) -> Any:
    """A dense net's units for one picture: one row a unit, one column a cell."""
    figure = go.Figure(
        go.Heatmap(
            z=[point["maps"][0][0] for point in points],
            y=[str(point["depth"]) for point in points],
            colorscale="PuOr",
            zmid=0,
            colorbar={"title": "x"},
            hovertemplate="layer %{y}, cell %{x}: %{z:.3g}<extra></extra>",
        )
    )
    figure = laid_out(figure, dark=dark, x="cell", y=LAYER)
    return figure.update_yaxes(type="category")


def probabilities(
    lanes: Sequence[tuple[str, str, Sequence[float]]], classes: Sequence[str], dark: bool
) -> Any:
    """What each lane says of one picture: (label, family, probability of each class)."""
    figure = go.Figure()
    for label, family, shares in lanes:
        figure.add_bar(
            x=[plotly(name) for name in classes],
            y=list(shares),
            name=label,
            marker={"color": theme.colour(family, dark=dark)},
            hovertemplate=f"{label}: class %{{x}}, probability %{{y:.2f}}<extra></extra>",
        )
    figure.update_layout(legend={"orientation": "h", "y": 1.15, "x": 0})
    figure = laid_out(figure, dark=dark, x="class", y="probability (softmax)")
    figure.update_xaxes(type="category")
    return figure.update_yaxes(range=[0, 1])
