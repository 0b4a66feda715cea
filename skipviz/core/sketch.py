"""A curve that a room draws before it is measured, and the measured one.

A sketch is a list of heights at places evenly over the x axis, 0 at the lower end of the y axis and
1 at its upper: `values` gives them in the figure's units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skipviz.core.phone_protocol import SketchAxes


@dataclass(frozen=True)
class Sketch:
    """What a scene asks to be drawn; `scene.measured` makes the true curve of the same words.

    says     what to draw, one or two sentences
    figure   the scene's figure (from 0) whose axes these are: `x`, `y` and `log_y` as it has them
    values, lane, run   which field of LaneFrame is drawn, of which lane
    over     "layers": at init, a value for each layer; "steps": while training
    """

    says: str
    figure: int
    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    values: str
    lane: int
    label: str
    family: str
    over: Literal["layers", "steps"]
    run: str = "main"
    log_y: bool = False

    @property
    def axes(self) -> SketchAxes:
        """The axes as phones are told of them."""
        return {"x": self.x, "y": self.y, "x_range": self.x_range, "y_range": self.y_range,
                "log_y": self.log_y}  # fmt: skip

    def points(self, heights: Sequence[float]) -> tuple[list[float], list[float]]:
        """A sketch as x and y of each of its places, in the units of the axes."""
        x = np.linspace(*self.x_range, len(heights))
        low, high = np.log10(self.y_range) if self.log_y else self.y_range
        y = low + (high - low) * np.asarray(heights, float)
        return x.tolist(), (10**y if self.log_y else y).tolist()


@dataclass(frozen=True)
class Band:
    """What was measured: at each x the median of the seeds that live, the lowest and the highest
    of them. All of the same length."""

    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
