"""Draws a `scene.Chart`: numbers that a scene computed, with the palette and axes of all figures.

charts.draw(chart, dark) -> plotly Figure
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from skipviz.core.scene import Chart, Series
from skipviz.figures import theme

HEIGHT_PX = 440
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x")


def draw(chart: Chart, dark: bool = False, height: int = HEIGHT_PX) -> go.Figure:
    """The chart; where families repeat, their curves go from pale to full colour, in the order of
    the chart."""
    figure = go.Figure()
    for number, series in enumerate(chart.series):
        figure.add_trace(_trace(chart, number, series, dark))
    lines = max((_wrapped(chart, x).count("<br>") for x in _words(chart)), default=0)
    note_px = 66 + 20 * lines + (24 if chart.x else 0)  # below the words of the axis
    look = theme.theme(dark)
    lay_out(figure, chart.x, chart.y, dark)
    figure.update_layout(
        title={"text": f"<b>{chart.title}</b>", "x": 0, "xanchor": "left", "font": {"size": 20}},
        height=height,
        margin={"l": 80, "r": 24, "t": 96, "b": note_px + 18 if chart.note else 60 + 20 * lines},
        bargap=0.3,
        showlegend=len(chart.series) > 1 and any(series.label for series in chart.series),
    )
    _scales(figure, chart)
    if chart.note:
        figure.add_annotation(
            text=chart.note,
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            yshift=-note_px,
            showarrow=False,
            xanchor="left",
            font={"size": 14, "color": look.line},
        )
    return figure


def lay_out(figure: go.Figure, x: str, y: str, dark: bool) -> None:
    """Letters, grid and legend of every chart; the words of its axes."""
    ink, grid = ("#F2F5F8", "#2A323D") if dark else ("#16202A", "#E3E8ED")
    figure.update_layout(
        margin={"l": 80, "r": 24, "t": 36, "b": 60},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": ink, "size": 16},
        legend={"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"},
        showlegend=True,
    )
    figure.update_xaxes(title_text=x, gridcolor=grid, zerolinecolor=grid)
    figure.update_yaxes(title_text=y, gridcolor=grid, zerolinecolor=grid)


def _scales(figure: go.Figure, chart: Chart) -> None:
    """Logarithmic axes say powers of ten; words stand on a category axis."""
    if chart.log_x:
        xs = np.array([x for series in chart.series for x in series.x], float)
        figure.update_xaxes(type="log", exponentformat="power", **_log_ticks(xs))
    elif words := _words(chart):
        wrapped = [_wrapped(chart, word) for word in words]
        figure.update_xaxes(type="category", tickangle=0, tickvals=words, ticktext=wrapped)
        figure.update_xaxes(range=[-0.5, len(words) - 0.5])  # room for the outer words
    if chart.log_y:
        _log_y(figure, chart)


def _words(chart: Chart) -> list[str]:
    """The words on the x axis, in their order; none where it has numbers."""
    every = [x for series in chart.series for x in series.x]
    return list(dict.fromkeys(x for x in every if isinstance(x, str)))


def _wrapped(chart: Chart, word: str) -> str:
    """A word of the x axis in lines that fit beside the others."""
    width = max(10, 120 // len(_words(chart)))
    return "<br>".join(textwrap.wrap(word, width)) or word


def _log_y(figure: go.Figure, chart: Chart) -> None:
    """Over many decades powers of ten, over few of them plain numbers; bars stand on a whole
    decade."""
    values = np.array([y for series in chart.series for y in series.y], float)
    logs = np.log10(values[np.isfinite(values) & (values > 0)])
    figure.update_yaxes(type="log", exponentformat="power", **_log_ticks(values))
    if not len(logs):
        return
    low, high = float(logs.min()), float(logs.max())
    bars = any(series.style == "bars" for series in chart.series)
    room = 0.06 * max(high - low, 0.5)
    figure.update_yaxes(range=[np.floor(low) if bars else low - room, high + room])


def _log_ticks(values: Any) -> dict[str, Any]:
    """Where a logarithmic axis of these values has its ticks, and what stands at them."""
    logs = np.log10(values[np.isfinite(values) & (values > 0)])
    if not len(logs):
        return {"dtick": 1}
    low, high = float(logs.min()), float(logs.max())
    if high - low > 3.5:
        return {"dtick": max(1, round((high - low) / 8))}
    steps = (1, 2, 5) if high - low <= 2 else (1, 3)
    ticks = [m * 10.0**e for e in range(int(np.floor(low)), int(np.floor(high)) + 2) for m in steps]
    return {"tickvals": ticks, "ticktext": [f"{tick:,.15g}" for tick in ticks]}


def _trace(chart: Chart, number: int, series: Series, dark: bool) -> Any:
    """One series as a Plotly trace; what is not a finite number leaves a gap."""
    ink = _ink(chart, number, dark)
    y = [value if np.isfinite(value) else None for value in np.asarray(series.y, float)]
    common = {
        "x": list(series.x),
        "y": y,
        "name": series.label,
        "showlegend": bool(series.label),
        "hovertemplate": f"{series.label} %{{x}}: %{{y:.4g}}<extra></extra>",
    }
    if series.style == "bars":
        return go.Bar(**common, marker={"color": ink, "line": {"width": 0}})
    if series.style == "dots":
        symbol = _SYMBOLS[_place(chart.series, number)[0] % len(_SYMBOLS)]
        marker = {"color": ink, "size": 13, "symbol": symbol, "opacity": 0.85}
        return go.Scatter(**common, mode="markers", marker=marker)
    line = {"color": ink, "width": 3.5 if series.family else 2.5}
    line |= {"dash": "dash"} if series.dashed else {}
    marked = series.family and len(y) <= 12
    return go.Scatter(**common, mode="lines+markers" if marked else "lines", line=line)


def _place(every: Sequence[Series], number: int) -> tuple[int, int]:
    """Which of its kind a series is, and how many of its kind there are: of one family, style and
    dash, each with a label of its own."""
    mine = every[number]
    labels = [
        series.label
        for series in every
        if (series.family, series.style, series.dashed) == (mine.family, mine.style, mine.dashed)
    ]
    distinct = list(dict.fromkeys(labels))
    return distinct.index(mine.label), len(distinct)


def _ink(chart: Chart, number: int, dark: bool) -> str:
    """The colour of a series: its family's, paler for the earlier ones of several."""
    series, look = chart.series[number], theme.theme(dark)
    if not series.family:
        return look.line
    full = theme.colour(series.family, dark)
    place, many = _place(chart.series, number)
    if many == 1:
        return full
    return _mixed(full, look.ground, 0.6 * (many - 1 - place) / (many - 1))


def _mixed(ink: str, ground: str, share: float) -> str:
    """#RRGGBB between two colours: `share` of the way from `ink` to `ground`."""
    pairs = [(int(ink[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
