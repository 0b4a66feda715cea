"""Gradients along a line: the trace, and how fast neighbours stop resembling each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.figures import theme
from skipviz.figures.layout import above, laid_out, strokes


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Left a trace of each lane, one above the other; right the autocorrelation."""
    count = len(lanes)
    chart = make_subplots(
        rows=count, cols=2, column_widths=[0.6, 0.4], shared_xaxes=True, horizontal_spacing=0.1,
        vertical_spacing=0.04, specs=[[{}, {"rowspan": count} if row == 0 else None]
                                      for row in range(count)],
    )  # fmt: skip
    grey = theme.theme(dark).quiet
    for i, ((label, _), stroke) in enumerate(zip(lanes, strokes(lanes, dark), strict=True)):
        entries = [answer["lanes"][i] for answer in answers]
        chart.add_scatter(
            y=entries[0]["trace"], name=label, showlegend=False, line=stroke | {"width": 1.5},
            hovertemplate=f"{label}<br>point %{{x}}: %{{y:.2f}}<extra></extra>", row=i + 1, col=1,
        )  # fmt: skip
        curve = np.median([entry["autocorrelation"] for entry in entries], axis=0)
        chart.add_scatter(
            x=list(range(1, len(curve) + 1)), y=curve, name=label, line=stroke | {"width": 3},
            hovertemplate=f"{label}<br>distance %{{x}}: %{{y:.2f}}<extra></extra>", row=1, col=2,
        )  # fmt: skip
    chart.add_hline(y=0, line={"color": grey, "dash": "dot"}, row=1, col=2)
    chart = laid_out(chart, dark=dark, height=max(380, 110 * count + 130))
    chart.update_xaxes(title_text="point on the line between two samples", row=count, col=1)
    chart.update_xaxes(title_text="distance in points", row=1, col=2)
    chart.update_yaxes(showticklabels=False, col=1)
    chart.update_yaxes(title_text="gradient (own scale)", row=(count + 1) // 2, col=1)
    chart.update_yaxes(title_text="autocorrelation", range=[-0.35, 1.05], row=1, col=2)
    return above(chart)
