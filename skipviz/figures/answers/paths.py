"""How long the paths are that there are, and that the gradient takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures import theme
from skipviz.figures.layout import above, laid_out

TOP = 0.4
"""Where the axis of shares ends, unless one is larger."""


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """For each lane that has paths: grey how many of each length, coloured how much gradient."""
    lanes_with_paths = [i for i in range(len(lanes)) if answers[0]["lanes"][i]["units"]]
    if not lanes_with_paths:
        return laid_out(
            go.Figure().add_annotation(text="No lane of this run has skips that add up.",
                                       showarrow=False),
            dark=dark,
        )  # fmt: skip
    titles = [lanes[i][0] for i in lanes_with_paths]
    chart = make_subplots(
        rows=1, cols=len(lanes_with_paths), subplot_titles=titles, horizontal_spacing=0.07
    )
    grey = theme.theme(dark).quiet
    for place, i in enumerate(lanes_with_paths, start=1):
        entries = [answer["lanes"][i] for answer in answers]
        mean = np.median([entry["gradient"] for entry in entries], axis=0)
        bars = (
            ("share of the paths", entries[0]["count"], grey),
            ("share of the gradient", mean, theme.colour(lanes[i][1], dark=dark)),
        )
        for name, values, colour in bars:
            chart.add_bar(
                x=entries[0]["length"], y=values, name=name, marker={"color": colour},
                legendgroup=name, showlegend=place == 1, row=1, col=place,
                hovertemplate=f"{name}<br>through %{{x}} units: %{{y:.3g}}<extra></extra>",
            )  # fmt: skip
    chart.update_layout(bargap=0.1)
    top = max(value for trace in chart.data for value in trace.y)
    chart.update_yaxes(range=[0, max(TOP, 1.05 * top)])  # one axis for figures that are compared
    chart = laid_out(chart, dark=dark, x="units that a path goes through", y="share")
    chart = above(chart)
    return chart.update_layout(legend={"y": 1.12}, margin={"t": 90})
