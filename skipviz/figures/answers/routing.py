"""Class routing as small multiples: every class beside the null, on one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.core.escapes import plotly
from skipviz.figures.layout import laid_out

COLUMNS = 6
REACH = 0.4
"""Where the colour scale ends, unless the maps go further: pictures before and after training are
compared by eye."""
ROW_PX = 190


def figure(
    answers: Sequence[dict[str, Any]],
    lanes: Sequence[tuple[str, str]],
    dark: bool,
    names: Sequence[str] = (),
) -> Any:
    """Maps (layers × cells) of up to eleven classes of the first seed, and the shuffled labels'
    first, which stands for all of them: `names` are those of the classes."""
    answer = answers[0]
    class_numbers = answer["shown"][: 2 * COLUMNS - 1]
    maps = answer["maps"][: len(class_numbers)]
    titles = [f"class {plotly(names[k]) if names else k}" for k in class_numbers]
    return multiples(
        [*maps, answer["null"][0]],
        [*titles, "shuffled labels"],
        answer["depth"],
        max(REACH, reach(answer)),
        dark,
    )


def reach(answer: dict[str, Any]) -> float:
    """The end of the colour scale: the 99.5 % quantile of the deviations of the true classes."""
    values = np.abs(np.concatenate([np.ravel(row) for each in answer["maps"] for row in each]))
    return max(float(np.quantile(values, 0.995)), 1e-6)


def multiples(
    maps: Sequence[Any], titles: Sequence[str], depth: Sequence[int], reach: float, dark: bool
) -> Any:
    """Signed maps in rows of six, all from −reach to reach on one scale."""
    columns = min(COLUMNS, len(maps))
    rows = -(-len(maps) // columns)
    chart = make_subplots(
        rows=rows,
        cols=columns,
        shared_xaxes=True,
        shared_yaxes=True,
        subplot_titles=titles,
        horizontal_spacing=0.015,
        vertical_spacing=0.14 / rows,
    )
    for place, (each, title) in enumerate(zip(maps, titles, strict=True)):
        chart.add_heatmap(
            z=each,
            y=list(depth),
            x0=1,
            coloraxis="coloraxis",
            hovertemplate=f"{title}<br>layer %{{y}}, cell %{{x}}: %{{z:+.3f}}<extra></extra>",
            row=place // columns + 1,
            col=place % columns + 1,
        )
    chart = laid_out(chart, dark=dark, height=ROW_PX * rows + 120 if rows > 1 else 400)
    chart.update_layout(
        coloraxis={
            "colorscale": "PuOr",
            "cmin": -reach,
            "cmax": reach,
            "colorbar": {"title": "T − mean", "thickness": 14, "tickformat": "+.2f"},
        }
    )
    chart.update_yaxes(autorange="reversed")
    chart.update_yaxes(title_text="layer", col=1)
    return chart.update_xaxes(title_text="cell", row=rows)
