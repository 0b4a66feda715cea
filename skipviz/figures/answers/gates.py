"""Gates and stripes of one highway net: biases, mean T, T of one sample, outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures.layout import laid_out

_PANELS = (
    ("bias", "gate bias b_T", "Cividis", None),
    ("mean", "T, mean over samples", "Cividis", (0.0, 1.0)),
    ("sample_gate", "T of one sample", "Cividis", (0.0, 1.0)),
    ("sample_output", "its outputs ÷ rms of their layer", "PuOr", (-2.5, 2.5)),
)


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Four heat maps, layers × cells, of the first seed."""
    answer = answers[0]
    panels = [panel for panel in _PANELS if answer[panel[0]]]
    chart = make_subplots(
        rows=1,
        cols=len(panels),
        shared_yaxes=True,
        subplot_titles=[title for _, title, _, _ in panels],
        horizontal_spacing=0.07,
    )
    wide = (1 - 0.07 * (len(panels) - 1)) / len(panels)
    for place, (name, title, scale, limits) in enumerate(panels):
        rows = answer[name] if name != "sample_output" else _of_one_size(answer[name])
        cells = max(map(len, rows))
        chart.add_trace(
            go.Heatmap(
                z=[[*row, *[None] * (cells - len(row))] for row in rows],
                y=answer["depth"],
                x0=1,
                colorscale=scale,
                zmin=limits[0] if limits else None,
                zmax=limits[1] if limits else None,
                colorbar={
                    "x": (wide + 0.07) * place + wide + 0.003,
                    "len": 0.95,
                    "thickness": 10,
                    "tickfont": {"size": 12},
                },
                hovertemplate=f"layer %{{y}}, cell %{{x}}<br>{title} %{{z:.3g}}<extra></extra>",
            ),
            row=1,
            col=place + 1,
        )
    chart = laid_out(chart, dark=dark, x="cell", height=460)
    chart.update_yaxes(autorange="reversed")
    return chart.update_yaxes(title_text="layer (1 = nearest the input)", row=1, col=1)


def _of_one_size(rows: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    """Each layer's outputs over their root mean square: a stripe keeps its colour in a net whose
    signal fades with depth, too, and pictures before and after training can be compared."""
    scaled = []
    for row in rows:
        values = [value for value in row if value is not None]
        size = math.sqrt(sum(value * value for value in values) / max(1, len(values))) or 1.0
        scaled.append([None if value is None else value / size for value in row])
    return scaled
