"""A trained net made deeper by identities: how much noise they bear, and training on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures.layout import above, laid_out, strokes

HEIGHT_PX = 430
WINDOW = 10
"""Steps whose mean is drawn: the loss of single batches is noise."""


def figure(
    answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool
) -> go.Figure:
    """Accuracy against the noise on the inserted weights, and the loss of training on: a thin line
    for each seed, a thick one for their median."""
    chart = make_subplots(rows=1, cols=2, horizontal_spacing=0.12)
    noise = [f"{sd:g}" for sd in answers[0]["noise"]]
    for i, (name, stroke) in enumerate(zip(lanes, strokes(lanes, dark), strict=True)):
        entries = [answer["lanes"][i] for answer in answers]
        if entries[0] is None:
            continue
        _panel(chart, 1, noise, [entry["noisy"] for entry in entries], name[0], stroke)
        curves = [_smooth(entry["curve"]) for entry in entries]
        _panel(chart, 2, list(range(len(curves[0]))), curves, name[0], stroke)
    chart.update_yaxes(title_text="accuracy on training samples", range=[0, 1.03], row=1, col=1)
    chart.update_xaxes(title_text="noise on inserted weights (sd)", type="category", row=1, col=1)
    chart.update_yaxes(title_text="training loss (nats)", type="log", row=1, col=2)
    chart.update_yaxes(exponentformat="power", dtick=1, row=1, col=2)
    chart.update_xaxes(title_text=f"step of training on (mean of {WINDOW})", row=1, col=2)
    return above(laid_out(chart, dark=dark, height=HEIGHT_PX))


def _smooth(losses: Sequence[float]) -> list[float]:
    window = min(WINDOW, len(losses)) or 1
    return [float(np.mean(losses[i : i + window])) for i in range(max(0, len(losses) - window + 1))]


def _panel(
    chart: go.Figure,
    place: int,
    x: Sequence[Any],
    rows: Sequence[Sequence[float]],
    label: str,
    stroke: dict[str, str],
) -> None:
    values = np.array(rows, dtype=float)
    for row in values if len(values) > 1 else ():
        chart.add_scatter(
            x=x, y=row, line=stroke | {"width": 1}, opacity=0.4, hoverinfo="skip",
            showlegend=False, legendgroup=label, mode="lines", row=1, col=place,
        )  # fmt: skip
    chart.add_scatter(
        x=x, y=np.median(values, axis=0), name=label, legendgroup=label, showlegend=place == 1,
        line=stroke | {"width": 3}, mode="lines", row=1, col=place,
        hovertemplate=f"{label}<br>%{{x}}: %{{y:.4g}}<extra></extra>",
    )  # fmt: skip
