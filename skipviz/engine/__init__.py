"""Training: an Experiment in, an iterator of Frames out. Knows no widget, prints nothing."""

from __future__ import annotations

from skipviz.core.frame import Frame, LaneFrame
from skipviz.engine.training import Training, train

__all__ = ["Frame", "LaneFrame", "Training", "train"]
