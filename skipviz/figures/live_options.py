"""What the live charts of a run must be told of it: `options` of `assets/live/view.js`."""

from __future__ import annotations

import math
from typing import Any

from skipviz.core.experiment import Experiment
from skipviz.core.lane_names import families
from skipviz.core.registry import dataset
from skipviz.figures import theme


def options(experiment: Experiment, quantity: str = "signal") -> dict[str, Any]:
    """Each lane's colours, the loss of guessing, the profile shown at first ("signal", "weight" or
    "activation"), and what a held-out curve needs to be believed."""
    whose = families(experiment)
    return {
        "colours": [[theme.colour(family), theme.colour(family, dark=True)] for family in whose],
        "chance": math.log(dataset(experiment.data).num_classes),
        "quantity": quantity,
        "note": _note(experiment),
    }


def _note(experiment: Experiment) -> str:
    normed = any(
        lane.settings(experiment.dataset).get("norm") == "batch" for lane in experiment.lanes
    )
    if not (experiment.evaluate_every and normed):
        return ""
    return (
        "BatchNorm's running statistics are measured anew before each evaluation: in a short run"
        " they lag behind the weights, and held-out error would read too high."
    )
