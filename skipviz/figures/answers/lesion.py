"""Accuracy with one unit taken out, unit by unit, beside the whole net's: a panel for each lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from skipviz.figures import theme
from skipviz.figures.layout import laid_out


def figure(
    answers: Sequence[dict[str, Any]],
    lanes: Sequence[tuple[str, str]],
    dark: bool,
    chosen: Sequence[int] = (),
) -> Any:
    """The median over seeds thick, each seed thin; the whole net's accuracy dashed. Under each
    panel the net's units in a row, with their shortcuts; those of `chosen` layers are taken out."""
    lanes_of_first = answers[0]["lanes"]
    titles = [f"{lanes[each['lane']][0]}: {each['how']}" for each in lanes_of_first]
    chart = make_subplots(
        rows=2, cols=len(titles), shared_yaxes=True, shared_xaxes=True, subplot_titles=titles,
        row_heights=[0.88, 0.12], horizontal_spacing=0.03, vertical_spacing=0.02,
    )  # fmt: skip
    for place, first in enumerate(lanes_of_first):
        entries = [answer["lanes"][place] for answer in answers]
        colour = theme.colour(lanes[first["lane"]][1], dark=dark)
        _net(chart, place + 1, first, colour, chosen, dark, room=1000 / len(lanes_of_first))
        _lane(chart, place + 1, entries, colour, dark)
    chart = laid_out(chart, dark=dark, height=375)
    chart.update_layout(
        clickmode="event+select", dragmode=False, showlegend=False, margin={"t": 30, "b": 45}
    )
    low, high = _ends(answers)
    chart.update_yaxes(range=[low, high], tickformat=".0%", row=1)
    chart.update_yaxes(visible=False, range=[-0.6, 1.2], row=2)
    chart.update_xaxes(title_text="layer", showgrid=False, row=2)
    name = "training accuracy" if low < 0 else "training accuracy (axis cut)"
    return chart.update_yaxes(title_text=name, row=1, col=1)


def _ends(answers: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """From 0 to 1, or, where no lesion costs much, what is needed of it."""
    lanes = [lane for answer in answers for lane in answer["lanes"]]
    lowest = min([a for lane in lanes for a in lane["accuracy"]], default=0.0)
    highest = max([lane["base"]["accuracy"] for lane in lanes], default=1.0)
    room = 0.15 * (highest - lowest) + 0.005
    return (-0.03, 1.05) if lowest < 0.6 else (lowest - room, highest + room)


def _net(
    chart: Any, column: int, lane: dict[str, Any], colour: str, chosen: Sequence[int], dark: bool,
    room: float,
) -> None:  # fmt: skip
    """The units as boxes to click; over each its shortcut, where it has one. Of a unit that is
    taken out an empty box is left. `room`: pixels that the row may have, roughly."""
    where, ink = {"row": 2, "col": column, "showlegend": False}, theme.theme(dark).line
    depths = lane["depth"]
    if not depths:
        return
    size = depths[1] - depths[0] if len(depths) > 1 else 1  # layers of one unit
    removed_depths, half = (
        {d for d in depths if any(d - size < c <= d for c in chosen)},
        0.42 * size,
    )
    chart.add_scatter(
        x=[depths[0] - half, depths[-1] + half], y=[0, 0], mode="lines", hoverinfo="skip",
        line={"color": ink, "width": 2}, **where,
    )  # fmt: skip
    if lane["how"] != "layer replaced by the identity":
        chart.add_scatter(
            x=[x for d in depths for x in (d - half, d - half, d + half, d + half, None)],
            y=[0, 1, 1, 0, None] * len(depths), mode="lines", hoverinfo="skip",
            line={"color": ink, "width": 2}, **where,
        )  # fmt: skip
    chart.add_scatter(
        x=depths, y=[0] * len(depths), mode="markers", name="",
        marker={"symbol": ["square-open" if d in removed_depths else "square" for d in depths],
                "size": max(5, min(15, 0.6 * room / len(depths))), "color": colour,
                "line": {"width": 2, "color": colour}},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="layer %{x}", **where,
    )  # fmt: skip


def _lane(chart: Any, column: int, entries: list[dict[str, Any]], colour: str, dark: bool) -> None:
    where = {"row": 1, "col": column}
    base = float(np.median([entry["base"]["accuracy"] for entry in entries]))
    for entry in entries if len(entries) > 1 else ():
        chart.add_scatter(
            x=entry["depth"], y=entry["accuracy"], mode="lines", hoverinfo="skip", opacity=0.4,
            line={"color": colour, "width": 1}, showlegend=False, **where,
        )  # fmt: skip
    chart.add_scatter(
        x=entries[0]["depth"], y=_median(entries), mode="lines+markers", name="",
        line={"color": colour, "width": 2}, marker={"size": 9, "color": colour},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        hovertemplate="without layer %{x}: %{y:.1%}", showlegend=False, **where,
    )  # fmt: skip

    chart.add_hline(  # last: Plotly draws none in a panel that is still empty
        y=base, line={"dash": "dash", "width": 2, "color": theme.theme(dark).text}, **where,
        annotation={"text": f"whole net {base:.0%}", "font": {"size": 14}, "yanchor": "top"},
        annotation_position="bottom right",
    )  # fmt: skip


def _median(entries: list[dict[str, Any]]) -> list[float]:
    values = np.array([entry["accuracy"] for entry in entries], dtype=float)
    return [float(v) for v in np.median(values, axis=0)]
