"""The live picture on Home: one small run, shared by everybody who opens the page."""

from __future__ import annotations

import math
from functools import cache

from skipviz.core import packages
from skipviz.core.experiment import Experiment, Lane
from skipviz.server import manager
from skipviz.server.run import Run
from skipviz.store import recordings
from skipviz.store.store import Store

DEPTH = 30

RECORDED = "degradation"
"""The scene whose recording stands there where nothing can be trained: plain and residual nets."""


@cache
def experiment() -> Experiment:
    """A thin residual net and its plain twin on handwritten digits: seconds on any machine."""
    knobs = {"backbone": "dense", "depth": DEPTH}
    lanes = [
        Lane(family="resnet", knobs=knobs | {"plain_twin": True}),
        Lane(family="resnet", knobs=knobs),
    ]
    return Experiment(lanes=lanes, data="digits", steps=200, lr=0.03)


def picture() -> Run | None:
    """The run on Home: the same for all, trained once for each start of the server; a recorded one
    where nothing can be trained."""
    owner = manager.current()
    if packages.untrainable():
        ids = recordings.of(RECORDED, owner.store)
        return owner.find(ids["main"]) if ids else None
    return owner.find(owner.shared(experiment()))


def caption(run: Run | None) -> str:
    """What the picture shows, and where it comes from."""
    chance = f"Guessing among ten digits costs a loss of ln 10 = {math.log(10):.2f}."
    if run is None:
        return chance
    if Store.is_recorded(run.id):
        about = recordings.about(run.id, manager.current().store)
        return (
            "The picture: plain and residual nets of two depths, trained on 8×8 handwritten digits"
            f" ({about}). {chance}"
        )
    return (
        f"The picture: a residual net of {DEPTH} layers and its plain twin, the same layers"
        " with the same first weights, trained on 8×8 handwritten digits when this server started."
        f" {chance}"
    )
