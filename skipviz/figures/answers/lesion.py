"""Accuracy with one unit taken out, unit by unit, beside the whole net's: a panel for each lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.figures import theme
from skipviz.figures.layout import LAYER, laid_out


def figure(
    answers: Sequence[dict[str, Any]],
    lanes: Sequence[tuple[str, str]],
    dark: bool,
    chosen: Sequence[int] = (),
) -> Any:
    """The median over seeds thick, each seed thin; the whole net's accuracy dashed; `chosen`
    layers ringed."""
    found = answers[0]["lanes"]
    titles = [f"{lanes[each['lane']][0]}: {each['how']}" for each in found]
    made = make_subplots(
        rows=1, cols=len(found), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.03
    )
    for place, first in enumerate(found):
        entries = [answer["lanes"][place] for answer in answers]
        _lane(made, place + 1, entries, theme.colour(lanes[first["lane"]][1], dark=dark), dark)
        ringed = [(d, a) for d, a in zip(first["depth"], _median(entries), strict=True)]
        ringed = [(d, a) for d, a in ringed if d in chosen]
        made.add_scatter(
            x=[d for d, _ in ringed], y=[a for _, a in ringed], mode="markers", hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 17, "color": theme.theme(dark).text,
                    "line": {"width": 3}},
            showlegend=False, row=1, col=place + 1,
        )  # fmt: skip
    made = laid_out(made, dark=dark, x=LAYER, height=430)
    made.update_layout(clickmode="event+select", dragmode=False, showlegend=False)
    made.update_yaxes(range=[-0.03, 1.05], tickformat=".0%")
    return made.update_yaxes(title_text="training accuracy", row=1, col=1)


def _lane(made: Any, column: int, entries: list[dict[str, Any]], colour: str, dark: bool) -> None:
    where = {"row": 1, "col": column}
    base = float(np.median([entry["base"]["accuracy"] for entry in entries]))
    for entry in entries if len(entries) > 1 else ():
        made.add_scatter(
            x=entry["depth"], y=entry["accuracy"], mode="lines", hoverinfo="skip", opacity=0.4,
            line={"color": colour, "width": 1}, showlegend=False, **where,
        )  # fmt: skip
    made.add_scatter(
        x=entries[0]["depth"], y=_median(entries), mode="lines+markers", name="",
        line={"color": colour, "width": 2}, marker={"size": 9, "color": colour},
        hovertemplate="without layer %{x}: %{y:.1%}", showlegend=False, **where,
    )  # fmt: skip

    made.add_hline(  # last: Plotly draws none in a panel that is still empty
        y=base, line={"dash": "dash", "width": 2, "color": theme.theme(dark).text}, **where,
        annotation={"text": f"whole net {base:.0%}", "font": {"size": 14}, "yanchor": "top"},
        annotation_position="bottom right",
    )  # fmt: skip


def _median(entries: list[dict[str, Any]]) -> list[float]:
    values = np.array([entry["accuracy"] for entry in entries], dtype=float)
    return [float(v) for v in np.median(values, axis=0)]
