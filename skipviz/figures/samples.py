"""What a data set looks like: pictures in strips, points of the plane, counts of pixel values."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from skipviz.core.escapes import plotly
from skipviz.figures import theme

CHANNELS = {1: ("grey",), 2: ("x", "y"), 3: ("red", "green", "blue")}
_COLOURS = {
    "grey": ("#57606A", "#9EA7B3"),
    "red": ("#C2410C", "#FF8C6B"),
    "green": ("#15803D", "#4ADE80"),
    "blue": ("#1D4ED8", "#7AA7FF"),
    "x": ("#0072B2", "#58A6F0"),
    "y": ("#D55E00", "#FF8C42"),
}
_CLASSES = (("#0072B2", "#58A6F0"), ("#D55E00", "#FF8C42"), ("#009E73", "#2FC49A"))


def strip(images: np.ndarray) -> str:
    """Pictures (n, C, H, W) of values 0 to 1 side by side, as the address of one PNG."""
    count, channels, height, width = images.shape
    gap = max(1, width // 12)
    sheet = np.zeros((height, count * (width + gap) - gap, 4), dtype=np.uint8)
    for i, image in enumerate(images):
        at = i * (width + gap)
        pixels = np.rint(image.clip(0, 1) * 255).astype(np.uint8)
        sheet[:, at : at + width, :3] = np.moveaxis(
            np.broadcast_to(pixels, (3, *pixels.shape[1:])) if channels == 1 else pixels, 0, 2
        )
        sheet[:, at : at + width, 3] = 255
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def plane(points: np.ndarray, labels: np.ndarray, names: Sequence[str], dark: bool) -> go.Figure:
    """Points (N, 2) of the plane, coloured by class."""
    figure = go.Figure()
    for label, name in enumerate(names):
        mine = points[labels == label]
        colour = _CLASSES[label % len(_CLASSES)][int(dark)]
        figure.add_scatter(
            x=mine[:, 0],
            y=mine[:, 1],
            mode="markers",
            name=plotly(name),
            marker=dict(size=5, color=colour),
        )
    _dress(figure, dark, height=640)
    figure.update_xaxes(title="x, 0 to 255")
    figure.update_xaxes(range=[-3, 258], constrain="domain")
    figure.update_yaxes(title="y, 0 to 255", range=[-3, 258], scaleanchor="x", constrain="domain")
    return figure


def values(histogram: np.ndarray, dark: bool) -> go.Figure:
    """How often each channel (C, 256) has each value, in percent of its pixels."""
    figure = go.Figure()
    top = int(np.flatnonzero(histogram.sum(axis=0)).max())
    for counts, name in zip(histogram, CHANNELS[len(histogram)], strict=True):
        share = 100 * counts[: top + 1] / counts.sum()
        figure.add_scatter(
            x=np.arange(top + 1),
            y=share,
            name=name,
            mode="lines",
            line=dict(color=_COLOURS[name][int(dark)], width=2, shape="hvh" if top < 64 else None),
        )
    _dress(figure, dark, height=290)
    figure.update_layout(showlegend=len(histogram) > 1)
    figure.update_xaxes(title="value of a pixel", range=[0, top])
    ticks = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    figure.update_yaxes(title="% of pixels", type="log", tickvals=ticks, ticktext=ticks)
    return figure


def _dress(figure: go.Figure, dark: bool, height: int) -> None:
    """The house's look: the page's own ground, quiet grid, writing that reads from afar."""
    look = theme.theme(dark)
    figure.update_layout(
        height=height,
        margin=dict(l=70, r=15, t=15, b=60),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font=dict(size=15, color=look.text),
        legend=dict(orientation="h", y=1.02, yanchor="bottom", x=0),
        hoverlabel=dict(font_size=15),
    )
    figure.update_xaxes(gridcolor=look.fill, linecolor=look.quiet, zeroline=False)
    figure.update_yaxes(gridcolor=look.fill, linecolor=look.quiet, zeroline=False)
