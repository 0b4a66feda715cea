"""The training loss around the trained weights, on one plane of each lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.figures.layout import laid_out

DECADES = (-3, 2)
"""Of the colour scale: the same for every net, so that colours can be compared."""


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """A filled contour plot for each lane, of the seed in the middle, all on one colour scale; a
    white line where the net is as good as guessing."""
    entries = [_middle([answer["lanes"][i] for answer in answers]) for i in range(len(lanes))]
    titles = [
        f"{label}<br>largest eigenvalue {entry['sharpest']:.3g}"
        for (label, _), entry in zip(lanes, entries, strict=True)
    ]
    chart = make_subplots(rows=1, cols=len(lanes), subplot_titles=titles, horizontal_spacing=0.05)
    ticks = list(range(DECADES[0], DECADES[1] + 1))
    for place, entry in enumerate(entries, start=1):
        with np.errstate(divide="ignore"):
            height = np.log10(np.array(entry["loss"], dtype=float)).clip(*DECADES)
        chart.add_contour(
            x=entry["at"], y=entry["at"], z=height, customdata=np.array(entry["loss"]),
            coloraxis="coloraxis", contours={"start": DECADES[0], "end": DECADES[1], "size": 0.25},
            line={"width": 0.5},
            hovertemplate="(%{x:.2f}, %{y:.2f}): loss %{customdata:.3g}<extra></extra>",
            row=1, col=place,
        )  # fmt: skip
        if "guess" in entry:
            level = np.log10(entry["guess"])
            chart.add_contour(
                x=entry["at"], y=entry["at"], z=height, showscale=False, showlegend=False,
                hoverinfo="skip",
                contours={"coloring": "none", "start": level, "end": level, "size": 1},
                line={"width": 3.5, "color": "#FFFFFF"}, row=1, col=place,
            )  # fmt: skip
        chart.update_xaxes(title_text="direction 1", row=1, col=place)
    chart.update_layout(
        coloraxis={
            "colorscale": "Cividis", "cmin": DECADES[0], "cmax": DECADES[1],
            "colorbar": {"title": "loss (nats)", "tickvals": ticks,
                         "ticktext": [f"{10.0**tick:g}" for tick in ticks]},
        }
    )  # fmt: skip
    chart = laid_out(chart, dark=dark, height=430)
    chart.update_yaxes(title_text="direction 2", row=1, col=1)
    return chart.update_layout(margin={"t": 70, "r": 90})


def _middle(of_seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The seed whose share of the plane above guessing is the middle one of all."""
    return sorted(of_seeds, key=lambda entry: float(entry["worse"]))[(len(of_seeds) - 1) // 2]
