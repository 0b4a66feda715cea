"""Training that shows in a notebook how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from skipviz.core.experiment import Experiment
from skipviz.store.lane_axes import labels

if TYPE_CHECKING:
    from skipviz.core.frame import Frame

EVERY_S = 0.2


def train(experiment: Experiment, progress: bool | None = None) -> Iterator[Frame]:
    """Trains; one frame for each recorded step.

    progress   a bar above the cell's output; None: in a notebook, and nowhere else

    A frame has `.step` and `.lanes`, each with `.loss`, `.error`, `.signal_gradient_norm` (P,),
    `.weight_gradient_norm` (L,), `.activation_scale` (P,), `.gate_mean` (G,). SpecError where it
    cannot be trained here.
    """
    from skipviz.engine import train as trained

    frames = trained(experiment)
    return _shown(experiment, frames) if _wanted(progress) else frames


def _wanted(progress: bool | None) -> bool:
    """Is this a notebook's kernel, and a bar not ruled out?"""
    shell = sys.modules.get("IPython")
    kernel = shell is not None and hasattr(shell.get_ipython(), "kernel")
    return kernel if progress is None else progress and kernel


def _shown(experiment: Experiment, frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames; the bar follows them."""
    display: Any = sys.modules["IPython"].display
    bar = display.display(display.HTML(_html(experiment, None)), display_id=True)
    drawn = 0.0
    frame = None
    for frame in frames:
        now = time.monotonic()
        if now - drawn >= EVERY_S:
            bar.update(display.HTML(_html(experiment, frame)))
            drawn = now
        yield frame
    bar.update(display.HTML(_html(experiment, frame)))


def _html(experiment: Experiment, frame: Frame | None) -> str:
    """The bar and, lane by lane, the loss."""
    done = frame.step + 1 if frame is not None else 0
    losses = []
    for name, lane in zip(
        labels(experiment), frame.lanes if frame is not None else (), strict=False
    ):
        loss = float(np.median(lane.loss))
        losses.append(
            f"{escape(name)} {loss:.4f}" if np.isfinite(loss) else f"{escape(name)} diverged"
        )
    return (
        f'<progress value="{done}" max="{experiment.steps}" style="width:20em"></progress>'
        f" step {done} of {experiment.steps}&emsp;{', '.join(losses)}"
    )
