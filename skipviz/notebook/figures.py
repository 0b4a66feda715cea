"""A run's figures as Plotly objects, in the colours and axes of the app's own charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skipviz.core import final
from skipviz.core.knob import SpecError, show
from skipviz.core.scene import Chart, Series
from skipviz.figures import charts
from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import PROFILES, LaneAxes
from skipviz.store.thinning import thin

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 2000

_CURVES = {"loss": "cross-entropy, nats", "error": "share classified wrongly"}
_PROFILES = {
    "signal_gradient_norm": ("Signal gradient per layer", "‖dLoss/dx‖", "points"),
    "weight_gradient_norm": ("Weight gradient per layer", "‖dLoss/dW‖", "layers"),
    "activation_scale": ("Activation scale per layer", "root mean square of x", "points"),
    "gate_mean": ("Mean transform gate per layer", "mean T", "gates"),
}
assert set(_PROFILES) == set(PROFILES)


def figure(log: FrameLog, what: str, step: int | None, dark: bool) -> go.Figure:
    """The figure that is asked for; SpecError where there is none such."""
    if what in _CURVES:
        return charts.draw(_curves(log, what), dark)
    if what in _PROFILES:
        return charts.draw(_profile(log, what, log.last_step if step is None else step), dark)
    known = ", ".join([*_CURVES, *_PROFILES])
    raise SpecError(f"figure {show(what)}: must be one of {known}")


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """The median over axis 1 of the seeds that live."""
    middle: np.ndarray = values[:, 0] if values.shape[1] == 1 else final.median(values, axis=1)
    return middle


def _dashed(tracks: tuple[LaneAxes, ...], i: int) -> bool:
    """Lanes of one family after its first are dashed."""
    return tracks[i].family in [track.family for track in tracks[:i]]


def _curves(log: FrameLog, what: str) -> Chart:
    series = []
    steps = log.column("step")
    for i, track in enumerate(log.tracks):
        values = _over_seeds(log.lane(i, what)[:, :, 0])
        rows = thin(values[:, None], MOST_POINTS)
        series.append(
            _series(track.label, steps[rows], values[rows], track, _dashed(log.tracks, i))
        )
        evaluated, *scores = log.held_out(i, 0, log.n)
        if len(evaluated):
            held = _over_seeds(scores[list(_CURVES).index(what)])
            series.append(_series(f"{track.label}, held out", steps[evaluated], held, track, True))
    return Chart(f"Training {what}", "step", _CURVES[what], series)


def _profile(log: FrameLog, what: str, step: int) -> Chart:
    title, unit, axis = _PROFILES[what]
    row = log.profiled(np.array([log.row(step)]))
    at = int(log.column("step")[row][0])
    series = []
    for i, track in enumerate(log.tracks):
        depths = [depth for _, depth in getattr(track, axis)]
        if depths:
            values = _over_seeds(log.lane(i, what, row))[0]
            series.append(
                _series(track.label, np.array(depths), values, track, _dashed(log.tracks, i))
            )
    if not series:
        raise SpecError(f"figure {show(what)}: this run has no gates")
    layers = "layer (1 = nearest the input)"
    return Chart(f"{title}, step {at}", layers, unit, series, log_y=what != "gate_mean")


def _series(label: str, x: np.ndarray, y: Any, track: LaneAxes, dashed: bool) -> Series:
    return Series(label, x.tolist(), y.tolist(), track.family, dashed=dashed)
