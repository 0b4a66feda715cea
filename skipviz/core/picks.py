"""Everybody picks one number: what is picked, within which bounds, and what it is tried in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError, show
from skipviz.core.registry import architecture

DIGITS = 2
"""Numbers on a logarithmic scale have so many significant digits."""

GRID = 200
"""A slider on a logarithmic scale has so many steps."""


@dataclass(frozen=True)
class Pick:
    """A number that everybody picks.

    asks        what is asked of the room, in a sentence
    knob        "lr", or a knob of the lanes: lanes without it stay as they are
    label       its name on the axis and above the slider
    low, high   its bounds, both allowed
    log         whether the scale is logarithmic: numbers have two digits there
    step        on a linear scale numbers are multiples of it
    experiment  what is trained with each number
    says        what to look at in what comes of it
    """

    asks: str
    knob: str
    label: str
    low: float
    high: float
    experiment: Experiment
    says: str
    log: bool = False
    step: float = 1.0

    def number(self, value: Any) -> float:
        """What counts for a number that somebody picked: rounded to the scale. SpecError for
        anything that is none, or out of bounds."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SpecError(
                f"pick {show(value)}: the {self.label} must be a number from {self.bounds}"
            )
        near = 1e-9 * max(abs(self.low), abs(self.high))
        if not self.low - near <= value <= self.high + near:
            raise SpecError(f"pick {value:g}: the {self.label} must be a number from {self.bounds}")
        if self.log:
            rounded = float(f"{value:.{DIGITS}g}")
        else:
            decimals = max(0, -math.floor(math.log10(self.step)))
            rounded = round(round(value / self.step) * self.step, decimals) + 0.0
        return min(max(rounded, self.low), self.high)

    @property
    def bounds(self) -> str:
        """The bounds in words: "0.001 to 3"."""
        return f"{self.low:g} to {self.high:g}"

    def experiment_with(self, number: float) -> Experiment:
        """What is trained with a number. SpecError where it cannot be."""
        if self.knob == "lr":
            return self.experiment.with_(lr=number)
        return self.experiment.with_(lanes=[self._with(lane, number) for lane in self.lanes])

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return tuple(self.experiment.lanes)

    def _with(self, lane: Lane, number: float) -> Lane:
        kinds = {knob.name: knob.kind for knob in architecture(lane.family).knobs}
        if self.knob not in kinds:
            return lane
        value = int(number) if kinds[self.knob] == "int" else number
        return Lane(family=lane.family, knobs={**lane.knobs, self.knob: value})


@dataclass(frozen=True)
class PickOutcome:
    """What came of a number.

    losses        the final training loss of each lane (`core.final`); None where it diverged
    diverged_at   the step at which it did
    """

    number: float
    losses: Sequence[float | None]
    diverged_at: Sequence[int | None]


def distinct_numbers(numbers: Iterable[float]) -> list[float]:
    """Every number once, in their order."""
    return sorted(set(numbers))
