"""Accuracy of the head after each unit, with neighbours swapped, and with a stretch shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.figures.layout import above, laid_out, strokes

TITLES = ("the head reads after the unit", "swapped with the unit before", "shuffled")


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Three panels of one scale: over the units the median over seeds thick and each seed thin;
    of the shuffled stretch a dot for each order of each seed."""
    chart = make_subplots(
        rows=1, cols=3, shared_yaxes=True, subplot_titles=TITLES, horizontal_spacing=0.03,
        column_widths=[0.4, 0.35, 0.25],
    )  # fmt: skip
    for i, ((label, _), stroke) in enumerate(zip(lanes, strokes(lanes, dark), strict=True)):
        entries = [answer["lanes"][i] for answer in answers]
        _curves(chart, 1, label, stroke, entries)
        if entries[0]["swapped"]["depth"]:
            _curves(chart, 2, label, stroke, [entry["swapped"] for entry in entries])
        if entries[0]["shuffled"]:
            _dots(chart, label, stroke, [entry["shuffled"] for entry in entries])
    chart = above(laid_out(chart, dark=dark))
    chart.update_layout(margin={"t": 70, "b": 84}, legend={"y": 1.09})
    chart.update_xaxes(title_text="layer", row=1, col=1)
    chart.update_xaxes(title_text="layer", row=1, col=2)
    chart.update_xaxes(showticklabels=False, range=[-0.7, len(lanes) - 0.3], row=1, col=3)
    chart.update_yaxes(range=[-0.03, 1.05], tickformat=".0%")
    return chart.update_yaxes(title_text="training accuracy", row=1, col=1)


def _curves(
    chart: Any, column: int, label: str, stroke: dict[str, str], entries: Sequence[dict[str, Any]]
) -> None:
    """Accuracy over the depth: (S, P)."""
    where = {"row": 1, "col": column, "legendgroup": label}
    depth, values = entries[0]["depth"], np.array([entry["accuracy"] for entry in entries], float)
    for row in values if len(values) > 1 else ():
        chart.add_scatter(
            x=depth, y=row, mode="lines", line=stroke | {"width": 1}, opacity=0.4,
            hoverinfo="skip", showlegend=False, **where,
        )  # fmt: skip
    chart.add_scatter(
        x=depth, y=np.median(values, axis=0), mode="lines+markers", name=label,
        line=stroke | {"width": 3}, marker={"size": 8}, showlegend=column == 1,
        hovertemplate=f"{label}<br>layer %{{x}}: %{{y:.1%}}<extra></extra>", **where,
    )  # fmt: skip


def _dots(
    chart: Any, label: str, stroke: dict[str, str], entries: Sequence[dict[str, Any]]
) -> None:
    """Accuracy of every order of every seed, above one place; open dots where the line is not
    solid."""
    symbol = "circle" if stroke["dash"] == "solid" else "circle-open"
    accuracies = [value for entry in entries for value in entry["accuracy"]]
    units = entries[0]["units"]
    chart.add_scatter(
        x=[label] * len(accuracies), y=accuracies, mode="markers", name=label, legendgroup=label,
        marker={"color": stroke["color"], "size": 8, "opacity": 0.6, "symbol": symbol},
        showlegend=False, row=1, col=3,
        hovertemplate=f"{label}, {units} units<br>%{{y:.1%}}<extra></extra>",
    )  # fmt: skip
