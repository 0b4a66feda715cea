"""What sweeps found: loss against depth, loss over epochs, a map of depth and bias, loss over T."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from skipviz.core import final
from skipviz.figures import theme
from skipviz.figures.layout import DASHES, LAYER, above, laid_out

LOW_PX = 345
"""So high that the axis below can be read on a projector of 720 lines."""


def against_depth(
    losses_at_depth: Mapping[str, Mapping[int, Sequence[Sequence[float]]]],
    labels: Mapping[str, str],
    depths: Sequence[int],
    chance: float,
    dark: bool,
) -> Any:
    """Final training loss, log scale: for each family and depth the losses of every try, its seeds
    as dots; the best try first and drawn full, the others faint. Lines join the best medians."""
    chart = go.Figure()
    for family, at in losses_at_depth.items():
        colour = theme.colour(family, dark=dark)
        there = [depth for depth in depths if at.get(depth)]
        chart.add_scatter(
            x=[str(depth) for depth in there], y=[float(final.median(at[d][0])) for d in there],
            name=labels[family], mode="lines", line={"color": colour, "width": 3},
            hovertemplate="%{x} layers: median of the best %{y:.3g}<extra></extra>",
        )  # fmt: skip
        for faint in (True, False):
            dots = [
                (str(depth), loss)
                for depth in there
                for losses in (at[depth][1:] if faint else at[depth][:1])
                for loss in losses
            ]
            chart.add_scatter(
                x=[x for x, _ in dots], y=[y for _, y in dots], mode="markers", showlegend=False,
                marker={"color": colour, "size": 7 if faint else 12},
                opacity=0.35 if faint else 1,
                hovertemplate="%{x} layers, one seed: %{y:.3g}<extra></extra>",
            )  # fmt: skip
    _chance(chart, chance, dark)
    chart = above(
        laid_out(chart, dark=dark, x="depth (layers)", y="final training loss", height=LOW_PX)
    )
    chart.update_xaxes(
        type="category", categoryorder="array", categoryarray=[str(d) for d in depths],
        range=[-0.4, len(depths) - 0.6],
    )  # fmt: skip
    return chart.update_yaxes(type="log", exponentformat="power", dtick=1)


def over_epochs(
    curves: Sequence[tuple[str, str, Sequence[float], Sequence[float]]], chance: float, dark: bool
) -> Any:
    """(label, family, epochs, losses) of each best net; nets of one family differ by dashes."""
    chart = go.Figure()
    seen: dict[str, int] = {}
    for label, family, epochs, losses in curves:
        place = seen.get(family, 0)
        seen[family] = place + 1
        chart.add_scatter(
            x=epochs, y=losses, name=label, mode="lines",
            line={"color": theme.colour(family, dark=dark), "width": 2.5,
                  "dash": DASHES[place % len(DASHES)]},
            hovertemplate=f"{label}<br>epoch %{{x:.1f}}: %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
    _chance(chart, chance, dark)
    chart = above(laid_out(chart, dark=dark, x="epoch", y="training loss", height=LOW_PX))
    return chart.update_yaxes(type="log", exponentformat="power", dtick=1)


def bias_map(
    losses: Mapping[tuple[int, float], Sequence[float]],
    depths: Sequence[int],
    biases: Sequence[float],
    chance: float,
    dark: bool,
) -> Any:
    """Median final loss for each (depth, bias): the darker, the better it trains. Cells that are
    still to come are empty."""
    values = [
        [float(final.median(losses[d, b])) if (d, b) in losses else math.nan for b in biases]
        for d in depths
    ]
    texts = [["" if math.isnan(v) else f"{v:.2f}" for v in row] for row in values]
    chart = go.Figure(
        go.Heatmap(
            z=values, x=[f"{b:g}".replace("-", "−") for b in biases], y=[str(d) for d in depths],
            text=texts, texttemplate="%{text}", textfont={"size": 17}, zmin=0, zmax=chance,
            colorscale="Viridis", colorbar={"title": "loss"}, xgap=2, ygap=2,
            hovertemplate="%{y} layers, b_T = %{x}: median loss %{z:.3f}<extra></extra>",
        )
    )  # fmt: skip
    chart = laid_out(
        chart, dark=dark, x="gate bias b_T at the start", y="depth (layers)", height=LOW_PX
    )
    chart.update_layout(margin={"t": 10})
    chart.update_xaxes(type="category")
    return chart.update_yaxes(type="category")


def over_gates(
    lines: Sequence[tuple[str, str, Mapping[float, Sequence[float]]]], chance: float, dark: bool
) -> Any:
    """Final loss over the fixed T, of each (label, family): seeds as dots, a line through the
    medians."""
    chart = go.Figure()
    for label, family, losses in lines:
        colour = theme.colour(family, dark=dark)
        at = sorted(losses)
        chart.add_scatter(
            x=at, y=[float(final.median(losses[t])) for t in at], name=label, mode="lines",
            line={"color": colour, "width": 3}, hovertemplate="T = %{x}: %{y:.3g}<extra></extra>",
        )  # fmt: skip
        chart.add_scatter(
            x=[t for t in at for _ in losses[t]], y=[v for t in at for v in losses[t]],
            mode="markers", marker={"color": colour, "size": 10}, showlegend=False,
            hovertemplate="T = %{x}, one seed: %{y:.3g}<extra></extra>",
        )  # fmt: skip
    _chance(chart, chance, dark)
    chart = laid_out(chart, dark=dark, x="transform gate T, fixed", y="final training loss",
                   height=LOW_PX)  # fmt: skip
    chart.update_xaxes(range=[-0.03, 1.04])
    chart = above(chart).update_layout(margin={"t": 35})
    return chart.update_yaxes(type="log", exponentformat="power", dtick=1)


def gate_bias(
    depths: Sequence[int], measured: Sequence[Sequence[float]], survival: float, dark: bool
) -> Any:
    """The signal gradient at init, each seed's, and what is left of the last layer's when every
    layer passes the share `survival` on."""
    chart = go.Figure()
    values = np.array(measured, dtype=float)
    top = float(np.median(values[:, -1]))
    predicted = [top * survival ** (depths[-1] - depth) for depth in depths]
    chart.add_scatter(
        x=list(depths), y=predicted, name="predicted: (1 − σ(b_T)) a layer", mode="lines",
        line={"color": theme.theme(dark).text, "width": 3, "dash": "dash"},
        hovertemplate="layer %{x}: predicted %{y:.3g}<extra></extra>",
    )  # fmt: skip
    for i, row in enumerate(values):
        chart.add_scatter(
            x=list(depths), y=np.where(row > 0, row, np.nan), mode="lines+markers",
            name="measured at init, each seed", showlegend=i == 0, legendgroup="measured",
            line={"color": theme.colour("highway", dark=dark), "width": 2}, marker={"size": 6},
            hovertemplate="layer %{x}: measured %{y:.3g}<extra></extra>",
        )  # fmt: skip
    y = "signal gradient ‖dLoss/dx‖"
    chart = above(laid_out(chart, dark=dark, x=LAYER, y=y, height=LOW_PX))
    chart.update_layout(margin={"t": 35})
    return chart.update_yaxes(type="log", exponentformat="power", dtick=1)


def _chance(chart: Any, chance: float, dark: bool) -> None:
    """The loss of guessing; on a logarithmic axis a note stands at its logarithm."""
    chart.add_hline(y=chance, line={"dash": "dot", "width": 2, "color": theme.theme(dark).line})
    chart.add_annotation(
        x=0.005, xref="paper", xanchor="left", y=math.log10(chance), yanchor="bottom",
        text="guessing", font={"size": 14}, showarrow=False,
    )  # fmt: skip
