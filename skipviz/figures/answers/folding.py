"""A net with skips and the folded one: their losses, and how far apart; what no fold gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures import theme
from skipviz.figures.layout import above, laid_out, strokes

HEIGHT_PX = 350

LEAST = 1e-17
"""A distance of 0 stands here on the logarithmic axis."""

_PAIR = (
    ("with_skips", "with skips", "resnet", "solid"),
    ("folded", "without, from W + I", "plain", "dash"),
)


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Both losses and their distance where a lane folds; of lanes that do not, what the best
    matrix leaves of each unit's branch. Medians, each seed thin beside them."""
    measured = [i for i in range(len(lanes)) if answers[0]["lanes"][i] is not None]
    folding = [i for i in measured if answers[0]["lanes"][i]["folds"]]
    others = [i for i in measured if i not in folding]
    titles = ["training loss (nats)", "distance of the losses (nats)"] if folding else []
    titles += ["share of the branch that no matrix gives"] if others or not folding else []
    chart = make_subplots(rows=1, cols=len(titles), horizontal_spacing=0.1)
    lines = strokes(lanes, dark)
    for i in folding:
        name = lanes[i][0] if len(folding) > 1 else ""
        for field, what, family, dash in _PAIR:
            stroke = {"color": theme.colour(family, dark=dark), "dash": dash}
            _curves(chart, 1, _rows(answers, i, field), f"{name} {what}".strip(), stroke)
        apart = np.maximum(_rows(answers, i, "distance"), LEAST)
        stroke = lines[i] | {"color": theme.theme(dark).line}
        _curves(chart, 2, apart, f"{name} distance".strip(), stroke)
    for i in others:
        _curves(chart, len(titles), _rows(answers, i, "left"), lanes[i][0], lines[i], first=1)
    for place, title in enumerate(titles, start=1):
        chart.update_yaxes(title_text=title, row=1, col=place)
    if folding:
        chart.update_xaxes(title_text="step", row=1)
        chart.update_yaxes(type="log", range=[-17.3, 1], exponentformat="power", row=1, col=2)
    if others:
        chart.update_xaxes(title_text="unit (1 = nearest the input)", row=1, col=len(titles))
    chart.update_yaxes(rangemode="tozero", row=1, col=len(titles) if others else 1)
    return above(laid_out(chart, dark=dark, height=HEIGHT_PX))


def _rows(answers: Sequence[dict[str, Any]], lane: int, field: str) -> np.ndarray:
    return np.array([answer["lanes"][lane][field] for answer in answers], dtype=float)


def _curves(
    chart: go.Figure,
    place: int,
    rows: np.ndarray,
    label: str,
    stroke: dict[str, str],
    first: int = 0,
) -> None:
    x = list(range(first, first + rows.shape[1]))
    for row in rows if len(rows) > 1 else ():
        chart.add_scatter(
            x=x, y=row, line=stroke | {"width": 1}, opacity=0.4, hoverinfo="skip",
            showlegend=False, legendgroup=label, mode="lines", row=1, col=place,
        )  # fmt: skip
    chart.add_scatter(
        x=x, y=np.median(rows, axis=0), name=label, legendgroup=label,
        line=stroke | {"width": 3.5}, mode="lines", row=1, col=place,
        hovertemplate=f"{label}<br>%{{x}}: %{{y:.4g}}<extra></extra>",
    )  # fmt: skip
