"""What came of the numbers that a room picked: a dot for each number and net.

picks.draw(pick, outcomes, picked, labels, families, dark) -> plotly Figure
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import log, log10
from typing import Any

import numpy as np
import plotly.graph_objects as go

from skipviz.core.picks import Pick
from skipviz.figures import charts, theme

Outcome = tuple[float, Sequence[float | None], Sequence[int | None]]
"""A number, the final loss of each net, None where it diverged, and the step at which it did."""

SYMBOLS = ("circle", "diamond", "square", "triangle-up")
SMALL_PX = 11


def draw(
    pick: Pick, outcomes: Sequence[Outcome], picked: Sequence[float], labels: Sequence[str],
    families: Sequence[str], dark: bool = False,
) -> go.Figure:  # fmt: skip
    """Final training loss over the number, on a log scale; diverged nets stand in a row of their
    own above. The more have picked a number, the larger is its dot."""
    chart, counts = go.Figure(), Counter(picked)
    chance = log(pick.experiment.dataset.num_classes)
    finite = [loss for _, losses, _ in outcomes for loss in losses if loss is not None]
    low, top = min([*finite, chance]), max([*finite, chance])
    decades = max(log10(top / max(low, 1e-12)), 1.0)
    dead = [top * 10 ** (decades * (0.09 + 0.06 * lane)) for lane in range(len(labels))]
    for lane, (label, family) in enumerate(zip(labels, families, strict=True)):
        chart.add_trace(_dots(outcomes, counts, lane, dead[lane], (label, family), dark))
    charts.lay_out(chart, pick.label, f"training loss after {pick.experiment.steps} steps", dark)
    _guide(chart, chance, "guessing", "dash", dark, below=True)
    if any(None in losses for _, losses, _ in outcomes):
        _guide(chart, top * 10 ** (decades * 0.05), "diverged", "dot", dark)
    ends = np.log10([max(low, 1e-12), dead[-1]]) + np.array([-0.06, 0.06]) * decades
    chart.update_yaxes(type="log", range=ends.tolist(), exponentformat="power", dtick=1)
    edges = np.log10([pick.low, pick.high]) if pick.log else np.array([pick.low, pick.high])
    room = 0.03 * (edges[1] - edges[0])
    chart.update_xaxes(range=[edges[0] - room, edges[1] + room])
    if pick.log:
        chart.update_xaxes(type="log", exponentformat="power", dtick=1)
    return chart


def _dots(
    outcomes: Sequence[Outcome], counts: Counter[float], lane: int, dead: float,
    net: tuple[str, str], dark: bool,
) -> Any:  # fmt: skip
    """The dots of one net; a cross where it diverged."""
    numbers = [number for number, _, _ in outcomes]
    losses = [losses[lane] for _, losses, _ in outcomes]
    ends = [ends[lane] for _, _, ends in outcomes]
    said = [
        f"diverged at step {end}" if loss is None else f"{loss:.3g}"
        for loss, end in zip(losses, ends, strict=True)
    ]
    return go.Scatter(
        x=numbers,
        y=[dead if loss is None else loss for loss in losses],
        mode="markers",
        name=net[0],
        customdata=[[text, counts[number]] for text, number in zip(said, numbers, strict=True)],
        hovertemplate="%{x:.3g}, picked by %{customdata[1]}: %{customdata[0]}<extra></extra>",
        marker={
            "color": theme.colour(net[1], dark), "opacity": 0.8,
            "symbol": ["x" if loss is None else SYMBOLS[lane % 4] for loss in losses],
            "size": [SMALL_PX * min(2.5, max(1, counts[n]) ** 0.5) for n in numbers],
        },
    )  # fmt: skip


def _guide(
    chart: go.Figure, y: float, word: str, dash: str, dark: bool, *, below: bool = False
) -> None:
    """A quiet line over the whole width, with a word at its right end."""
    ink = theme.theme(dark).line
    chart.add_hline(y, line={"color": ink, "dash": dash, "width": 1.5})
    chart.add_annotation(
        x=1, xref="paper", y=log10(y), yref="y", text=word, showarrow=False, xanchor="right",
        yanchor="top" if below else "bottom", font={"color": ink, "size": 15},
    )  # fmt: skip
