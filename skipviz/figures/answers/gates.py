"""Gates and stripes of one highway net: biases, mean T, T of one sample, outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.figures.layout import laid_out

_PANELS = (
    ("bias", "gate bias b_T", "Cividis", None),
    ("mean", "T, mean over samples", "Viridis", (0.0, 1.0)),
    ("sample_gate", "T of one sample", "Viridis", (0.0, 1.0)),
    ("sample_output", "outputs of that sample", "PuOr", None),
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
        top = max(abs(v) for row in answer[name] for v in row if v is not None)
        if name == "sample_output":
            limits = (-top, top)
        cells = max(map(len, answer[name]))
        chart.add_trace(
            go.Heatmap(
                z=[[*row, *[None] * (cells - len(row))] for row in answer[name]],
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
