"""What of an experiment is drawn cell by cell: of which lanes, units and samples, and how often.

Gated lanes show their gates and outputs; a plain lane beside them shows its outputs, at the same
units, so that both can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

from skipviz.core.experiment import Experiment
from skipviz.core.schedule import budget

MAPS_PER_RUN = 30
"""At most so many maps are recorded in a run, at evenly spaced steps, and one of the last step."""

FEWEST_STEPS = 5
"""Between two maps."""

LONG_WAIT = 100
"""Steps between two maps from which on some more are recorded before the second one."""

MOST_SAMPLES = 10
MOST_CELLS = 25_000
"""Cells of all units and samples of a lane together: very large nets show fewer samples."""

AVERAGED = 64
"""Evenly chosen training samples that the mean of T is taken over: with more of them the recording
would cost more than a tenth of a 50-layer run."""


@dataclass(frozen=True)
class Place:
    """One drawn unit: `path` is the module whose output is y, `gate` the one whose output is T."""

    path: str
    depth: int
    cells: int
    gate: str = ""


@dataclass(frozen=True)
class Picture:
    """What is drawn of one lane.

    units      in order; all have a gate, or none has
    cells      of the widest unit; the others' rows end with NaN
    samples    first training sample of each class: so many of the first classes
    averaged   evenly chosen training samples that the mean of T is taken over; 0 without gates
    bias       of the gates at init; None without gates, and where they are not learned
    """

    units: tuple[Place, ...]
    samples: int
    averaged: int = 0
    bias: float | None = None

    @property
    def cells(self) -> int:
        return max(unit.cells for unit in self.units)


def every(experiment: Experiment, step: int = 0) -> int:
    """How many steps lie between two maps, in the budget that a step belongs to."""
    return max(FEWEST_STEPS, -(-budget(experiment, step)[1] // MAPS_PER_RUN))


def belongs(experiment: Experiment, step: int) -> bool:
    """Does a recorded step have maps? Those at even distances; in a long run also, before the
    second of them, at distances that double: most happens early, and nobody waits for minutes."""
    wait, between = every(experiment, step), experiment.record_every
    early = LONG_WAIT <= wait and step < wait and step >= 10 * between
    if early:
        number = step // (10 * between)
        return step % (10 * between) == 0 and number & (number - 1) == 0
    return step % wait < between


def pictures(experiment: Experiment) -> list[Picture | None]:
    """For each lane what is drawn of it; None where nothing is."""
    wirings = [lane.wiring(experiment.dataset) for lane in experiment.lanes]
    plans: list[Picture | None] = []
    gated = {gate.unit for wiring in wirings for gate in wiring.gates}
    for lane, wiring in zip(experiment.lanes, wirings, strict=True):
        gates = {gate.unit: gate.path for gate in wiring.gates}
        plain = lane.family == "plain" or bool(lane.knobs.get("plain_twin"))
        pictured_units = gates if gates else gated if plain else ()
        sizes = {unit.path: unit.body.output_shape[0] for unit in wiring.units}
        units = tuple(
            Place(point.path, point.depth, sizes[point.path], gates.get(point.path, ""))
            for point in wiring.points
            if point.path in pictured_units
        )
        if not units:
            plans.append(None)
            continue
        room = MOST_CELLS // (len(units) * max(unit.cells for unit in units))
        samples = max(1, min(MOST_SAMPLES, experiment.dataset.num_classes, room))
        if not gates:
            plans.append(Picture(units, samples))
            continue
        settings = lane.settings(experiment.dataset)
        learned = "gate_bias" in settings and settings.get("gate", "learned") == "learned"
        plans.append(
            Picture(
                units,
                samples,
                averaged=AVERAGED,
                bias=float(settings["gate_bias"]) if learned else None,
            )
        )
    return plans
