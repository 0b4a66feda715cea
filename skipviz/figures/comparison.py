"""Runs side by side: every seed thin, the median over those that live bold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go

from skipviz.figures.layout import DASHES, above, laid_out

HEIGHT_PX = 400
INKS = (
    ("#0072B2", "#56B4E9"), ("#B5470B", "#F08A4B"), ("#00735C", "#2CC295"), ("#9C3D7A", "#E08CC0"),
    ("#7A5C00", "#E6C229"), ("#4B4F58", "#B4BAC4"),
)  # fmt: skip
"""One for each line, in turn (light, dark), told apart with any eyes; then again, dashed."""

SLACK = 1.15
"""What diverges leaves the chart at its top: so far it reaches above all that lives."""


class _Line(Protocol):
    @property
    def label(self) -> str: ...
    @property
    def x(self) -> np.ndarray: ...
    @property
    def middle(self) -> np.ndarray: ...
    @property
    def each_seed(self) -> np.ndarray: ...
    @property
    def gone_at(self) -> tuple[float, ...]: ...
    @property
    def fate(self) -> str: ...


def ink(place: int, dark: bool) -> str:
    """The colour of the line of this place, from 0."""
    return INKS[place % len(INKS)][int(dark)]


def overlaid(
    lines: Sequence[_Line],
    *,
    axes: tuple[str, str],
    dark: bool,
    log_y: bool = False,
    places: Sequence[int] | None = None,
) -> go.Figure:
    """All lines on one pair of axes; `places`: which colour each has (default: in their order)."""
    chart = go.Figure()
    for place, line in zip(places or range(len(lines)), lines, strict=True):
        colour, dash = ink(place, dark), DASHES[(place // len(INKS)) % len(DASHES)]
        hover = f"{escape(line.label)}<br>%{{x:.6g}}: %{{y:.4g}}<extra></extra>"
        stroke = {"color": colour, "dash": dash}
        for seed in line.each_seed if len(line.each_seed) > 1 else ():
            chart.add_scatter(
                x=line.x, y=_drawable(seed, log_y), mode="lines", line={**stroke, "width": 1},
                opacity=0.45, showlegend=False, hovertemplate=hover, legendgroup=str(place),
            )  # fmt: skip
        name = escape(line.label) + (f" ({line.fate})" if line.fate else "")
        chart.add_scatter(
            x=line.x, y=_drawable(line.middle, log_y), mode="lines", name=name,
            line={**stroke, "width": 3}, hovertemplate=hover, legendgroup=str(place),
        )  # fmt: skip
    chart = above(laid_out(chart, dark=dark, x=axes[0], y=axes[1], height=HEIGHT_PX))
    low, high = _reach(lines, log_y)
    if log_y:
        chart.update_yaxes(type="log", exponentformat="power", **_log_ticks(low, high))
    return chart.update_yaxes(range=[low, high]) if low < high else chart


def _log_ticks(low: float, high: float) -> dict[str, Any]:
    """Over many decades a tick for each, or every few; within two, those of 1, 2 and 5; within one
    as the chart likes."""
    if high - low < 1:
        return {"nticks": 7}
    return {"dtick": "D2" if high - low < 2 else max(1, round((high - low) / 8))}


def _drawable(values: np.ndarray, log_y: bool) -> list[float | None]:
    """What can be drawn; the rest leaves a gap."""
    return [
        float(value) if np.isfinite(value) and (value > 0 or not log_y) else None
        for value in values
    ]


def _reach(lines: Sequence[_Line], log_y: bool) -> tuple[float, float]:
    """The ends of the y axis: all that lives is inside. (0, 0): as the chart likes."""
    alive = [line for line in lines if not line.gone_at] or list(lines)
    values = np.concatenate([each.each_seed.ravel() for each in alive] or [np.zeros(0)])
    values = values[np.isfinite(values) & ((values > 0) | (not log_y))]
    if not len(values):
        return 0.0, 0.0
    values = np.log10(values) if log_y else values
    low, high = float(values.min()), float(values.max())
    room = (SLACK - 1) / 2 * max(high - low, 1e-3)
    return low - room, high + room


def finals(rows: Mapping[str, Sequence[float]], *, dark: bool) -> go.Figure:
    """The final loss of every seed of every lane, a dot each; diverged ones are not dots."""
    chart = go.Figure()
    for place, (label, losses) in enumerate(rows.items()):
        living = [loss for loss in losses if np.isfinite(loss)]
        chart.add_scatter(
            x=living, y=[label] * len(living), mode="markers", showlegend=False,
            marker={"color": ink(place, dark), "size": 13, "opacity": 0.85},
            hovertemplate=f"{escape(label)}: %{{x:.4g}}<extra></extra>",
        )  # fmt: skip
    laid_out(chart, dark=dark, x="final training loss (nats)", height=max(220, 90 + 44 * len(rows)))
    chart.update_layout(margin={"l": 20})
    chart.update_yaxes(
        type="category", categoryorder="array", categoryarray=list(rows)[::-1], automargin=True,
        range=[-0.5, len(rows) - 0.5],
    )  # fmt: skip
    return chart.update_xaxes(type="log", exponentformat="power")


def swept(
    series: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    places: Sequence[str],
    medians: Mapping[str, Mapping[str, float]],
    knob: str,
    dark: bool,
) -> go.Figure:
    """Final losses against the values of a knob: a line through the medians of each setting of all
    others, a dot for each seed."""
    chart = go.Figure()
    for place, (label, at) in enumerate(series.items()):
        colour, dash = ink(place, dark), DASHES[(place // len(INKS)) % len(DASHES)]
        there = [word for word in places if np.isfinite(medians[label].get(word, np.inf))]
        chart.add_scatter(
            x=there, y=[medians[label][word] for word in there], mode="lines", name=escape(label),
            line={"color": colour, "width": 3, "dash": dash}, legendgroup=label,
            hovertemplate=f"{escape(label)}<br>%{{x}}: median %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
        dots = [(word, y) for word in there for y in at[word] if np.isfinite(y)]
        chart.add_scatter(
            x=[x for x, _ in dots], y=[y for _, y in dots], mode="markers", showlegend=False,
            marker={"color": colour, "size": 9}, opacity=0.7, legendgroup=label,
            hovertemplate=f"{escape(label)}<br>%{{x}}, one seed: %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
    room = 22 * max(0, len(series) // 4)
    laid_out(chart, dark=dark, x=knob, y="final training loss (nats)", height=HEIGHT_PX + room)
    above(chart)
    chart.update_layout(margin={"t": 70 + room}, showlegend=len(series) > 1)
    chart.update_xaxes(
        type="category", categoryorder="array", categoryarray=list(places),
        range=[-0.4, len(places) - 0.6],
    )  # fmt: skip
    return chart.update_yaxes(type="log", exponentformat="power")


def table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str], bool]]) -> str:
    """A table as HTML; rows whose cells differ are marked."""
    cells = "".join(f'<th scope="col">{escape(word)}</th>' for word in ("", *head))
    body = []
    for name, values, differs in rows:
        mark = '<b aria-label="differs">≠</b> ' if differs else ""
        said: Any = "".join(f"<td>{escape(value)}</td>" for value in values)
        of = ' class="skip-differs"' if differs else ""
        body.append(f'<tr{of}><th scope="row">{mark}{escape(name)}</th>{said}</tr>')
    return (
        '<div class="skip-knobs" tabindex="0" role="region" aria-label="What was chosen">'
        f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )
