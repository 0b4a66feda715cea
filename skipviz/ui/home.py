"""The live picture on Home: one small run, shared by everybody who opens the page."""

from __future__ import annotations

from skipviz.runs import manager
from skipviz.runs.live import Run
from skipviz.spec import Experiment, Lane

DEPTH = 30


def experiment() -> Experiment:
    """A thin residual net and its plain twin on handwritten digits: seconds on any machine."""
    knobs = {"backbone": "dense", "depth": DEPTH}
    lanes = [
        Lane(family="resnet", knobs=knobs | {"plain_twin": True}),
        Lane(family="resnet", knobs=knobs),
    ]
    return Experiment(lanes=lanes, data="digits", steps=200, lr=0.03)


def picture() -> Run | None:
    """The run on Home: the same for all, trained once for each start of the server."""
    owner = manager.current()
    return owner.find(owner.shared(experiment()))
