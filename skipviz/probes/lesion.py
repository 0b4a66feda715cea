"""What does a net lose with one unit taken out, and with several?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.ablation import Lesion
    from skipviz.engine.trained import Trained

DROP = 0.05
"""A unit whose loss costs more than 5 percentage points of accuracy is counted as needed."""

SECONDS = 3
"""So long one lane of one seed may take on one core: 8000 samples of a 50-layer dense net."""

HOW = {
    "gate": "gates closed: T = 0",
    "branch": "branch set to 0",
    "unit": "layer replaced by the identity",
}


def measure(trained: Trained, lane: int, layers: str, alone: bool, samples: int) -> dict[str, Any]:
    """For each lane that was asked for (`lane` −1: all), on evenly chosen training samples.

    lane, how          which lane; what is done to a unit
    samples, of        so many samples, of so many in the training split
    base               {"loss", "accuracy"} of the whole net
    depth              of each unit that can be taken out, as charts count layers
    loss, accuracy     without that unit alone; empty where `alone` is not asked for
    mean, worst, needed   of the accuracies: mean, smallest, share that falls by more than 0.05
    half               {"depth", "loss", "accuracy"} without a random half of them
    several            the same without the units that hold the `layers`; None where there is none
    """
    from skipviz.engine import ablation

    lane_numbers = range(len(trained.nets)) if lane < 0 else [lane]
    if lane >= len(trained.nets):
        raise SpecError(f"lane {lane}: this run has lanes 0 to {len(trained.nets) - 1}")
    depths = _depths(layers)
    lanes = []
    for i in lane_numbers:
        units = ablation.lesions(trained.wirings[i])
        several = [unit for unit in units if any(depth in unit.layers for depth in depths)]
        if depths and not several and len(lane_numbers) == 1:
            raise SpecError(f"layers '{layers}': no unit that can be taken out holds one of them")
        passes = max(1, len(units) / 2)
        rows = ablation.evenly_spaced_rows(
            trained, i, samples, passes, work=SECONDS * ablation.WORK
        )
        lane_answer = {"lane": i} | _together(trained, i, units, several, rows)
        if alone and units:
            lane_answer |= _alone(trained, i, units, rows, lane_answer["base"]["accuracy"])
        lanes.append(lane_answer)
    return {"step": trained.step, "lanes": lanes}


def _depths(layers: str) -> list[int]:
    words = [word.strip() for word in layers.split(",")] if layers else []
    if not all(word.isdecimal() for word in words):
        raise SpecError(f"layers '{layers}': must be layer numbers, such as 3,7,12")
    return sorted({int(word) for word in words})


def _together(
    trained: Trained, lane: int, units: list[Lesion], several: list[Lesion], rows: Any
) -> dict[str, Any]:
    """The whole net, and what is left of it without several units at once."""
    return {
        "how": HOW[units[0].how] if units else "",
        "samples": len(rows),
        "of": len(trained.batches.labels),
        "base": _without(trained, lane, [], rows),
        "depth": [unit.depth for unit in units],
        "loss": [],
        "accuracy": [],
        "half": _without(trained, lane, _half(units, trained.seed), rows) if units else None,
        "several": _without(trained, lane, several, rows) if several else None,
    }


def _alone(
    trained: Trained, lane: int, units: list[Lesion], rows: Any, base: float
) -> dict[str, Any]:
    """Each unit taken out in turn."""
    from skipviz.engine import ablation, hooks

    losses, accuracies = ablation.ablate_each(trained, lane, units, rows)
    return {
        "loss": hooks.to_json(losses),
        "accuracy": hooks.to_json(accuracies),
        "mean": hooks.to_json(float(accuracies.mean())),
        "worst": hooks.to_json(float(accuracies.min())),
        "needed": hooks.to_json(float((base - accuracies > DROP).mean())),
    }


def _half(units: list[Lesion], seed: int) -> list[Lesion]:
    """A random half of the units, from the run's seed."""
    import numpy as np

    order = np.random.default_rng([seed, len(units)]).permutation(len(units))
    return [units[i] for i in sorted(order[: len(units) // 2])]


def _without(trained: Trained, lane: int, units: list[Lesion], rows: Any) -> dict[str, Any]:
    from skipviz.engine import ablation, hooks

    with ablation.without(trained.nets[lane], units):
        loss, accuracy = ablation.score(trained, lane, rows)
    return {
        "depth": [unit.depth for unit in units],
        "loss": hooks.to_json(loss),
        "accuracy": hooks.to_json(accuracy),
    }


PROBE = Probe(
    question="What does a net lose with one unit taken out?",
    title="Lesion study",
    definition="Loss and accuracy on training samples with one unit taken out, each in turn: of a"
    " highway net its transform gates are set to 0 (y = x), of a residual or dense unit the branch"
    " is set to 0, a plain layer that keeps the shape is replaced by the identity. Half: a random"
    " half of these units at once, drawn from the run's seed.",
    source="Srivastava et al. 2015 (arXiv 1507.06228), section 4 and Fig. 4; Veit et al. 2016"
    " (arXiv 1605.06431), section 4.1",
    cost="For L units about L/2 forward passes: what comes before a unit is computed once.",
    caveat="A net that shrugs off a lesion need not be robust: the layer may do nothing. On small"
    " tasks a highway net with a strongly negative bias loses nothing with half of its layers."
    " BatchNorm keeps the running statistics of the whole net.",
    knobs=(
        Knob("lane", "int", "Lane", "Counted from 0; −1: all.", -1, low=-1, high=3),
        Knob("layers", "text", "Layers", "Taken out together, such as 3,7,12.", "", high=4000),
        Knob("alone", "bool", "Each alone", "Each unit in turn, too.", True),
        Knob("samples", "int", "Samples", "At most so many.", 2000, low=2, high=100_000),
    ),
    measure=measure,
)
