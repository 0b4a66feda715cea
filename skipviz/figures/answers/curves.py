"""Curves over the depth of every lane: the median over seeds, each seed thin beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures.layout import LAYER, above, laid_out, strokes


def panels(
    answers: Sequence[dict[str, Any]],
    lanes: Sequence[tuple[str, str]],
    dark: bool,
    shown: Sequence[tuple[str, str, bool]],
    across: tuple[str, str] = ("depth", LAYER),
) -> go.Figure:
    """One panel beside the other, one for each (field, axis title, logarithmic)."""
    figure = make_subplots(rows=1, cols=len(shown), horizontal_spacing=0.09)
    for place, (name, title, log) in enumerate(shown, start=1):
        for i, ((label, _), stroke) in enumerate(zip(lanes, strokes(lanes, dark), strict=True)):
            entries = [answer["lanes"][i] for answer in answers]
            if not entries[0].get(name):
                continue
            values = np.array([entry[name] for entry in entries], dtype=float)
            x = entries[0][across[0]]
            if len(values) > 1:
                for row in values:
                    figure.add_scatter(
                        x=x, y=row, line=stroke | {"width": 1}, opacity=0.4, hoverinfo="skip",
                        showlegend=False, legendgroup=label, mode="lines", row=1, col=place,
                    )  # fmt: skip
            figure.add_scatter(
                x=x, y=np.median(values, axis=0), name=label, legendgroup=label,
                showlegend=place == 1, line=stroke | {"width": 3}, mode="lines", row=1, col=place,
                hovertemplate=f"{label}<br>%{{x}}: %{{y:.4g}}<extra></extra>",
            )  # fmt: skip
        figure.update_yaxes(title_text=title, row=1, col=place)
        if log:
            figure.update_yaxes(type="log", exponentformat="power", row=1, col=place)
    return above(laid_out(figure, dark=dark, x=across[1]))
