"""Training: an Experiment in, an iterator of Frames out. Knows no widget, prints nothing."""

from __future__ import annotations

from skipviz.engine.training import Training, train
from skipviz.frame import Frame, LaneFrame

__all__ = ["Frame", "LaneFrame", "Training", "train"]
