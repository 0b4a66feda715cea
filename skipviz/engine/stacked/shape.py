"""What nets must share to stand in one stack, read from their drawings."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.core.wiring import WEIGHTS, Wiring
from skipviz.engine.stacked.program import Program, program_of


@dataclass(frozen=True)
class StackShape:
    """What nets must share to stand in one stack.

    skips    for each layer the layer whose output its shortcut adds, or -1; a chain without any may
             stand beside one that has some
    gated    highway units, whose layers have a transform gate that is learned
    fixed    (T, C) of highway units whose gates are numbers: y = H(x) T + x C
    program  the operations of nets that are computed as they are drawn; none of the above then
    sides    height and width of a convolutional net's input; () of a dense net
    """

    depth: int
    inputs: int
    width: int
    classes: int
    activation: str
    gated: bool
    skips: tuple[int, ...]
    fixed: tuple[float, float] | None = None
    program: Program = ()
    sides: tuple[int, ...] = ()

    @property
    def products(self) -> int:
        """Multiply-adds of one sample's way forward."""
        if self.program:
            return sum(
                step.channels * step.pixels * step.kernel**2 * self.channels_into(k)
                for k, step in enumerate(self.program)
                if step.kind in WEIGHTS
            )
        return self.inputs * self.width + self.depth * self.width**2 * (1 + self.gated)

    def channels_into(self, k: int) -> int:
        """Channels of what the first source of a step of the program puts out."""
        source = self.program[k].sources[0]
        return self.inputs // prod(self.sides) if source < 0 else self.program[source].channels

    def sides_into(self, k: int) -> tuple[int, ...]:
        """The sides of that."""
        source = self.program[k].sources[0]
        return self.sides if source < 0 else self.program[source].sides


def shape_of(lane: Lane, experiment: Experiment) -> StackShape | None:
    """The shape of a lane that can stand in a stack; None: the module engine has to train it.

    Dense nets can whose family says how their units are computed (`Architecture.stacked`), and
    convolutional nets as they are drawn; those the fused kernel alone trains.
    """
    settings, declared = lane.settings(experiment.dataset), architecture(lane.family)
    flat = settings["backbone"] == "dense"
    units = declared.stacked(settings) if flat else "drawn"
    if units is None:
        return None
    chance = settings.get("drop_rate") or settings.get("survival", 1) < 1
    if settings.get("norm", "none") != "none" or chance:
        units = "drawn"
    wiring: Wiring = declared.wiring(settings)
    program = program_of(wiring) if units == "drawn" else ()
    if program is None:
        return None
    fixed = units if isinstance(units, tuple) else None
    return StackShape(
        depth=len(wiring.layers),
        inputs=int(np.prod(settings["input_shape"])),
        width=0 if program else settings["width"],
        classes=settings["num_classes"],
        activation="" if program else settings["activation"],
        gated=units == "gated",
        skips=() if program else _skips(wiring) if not fixed else (-1,) * len(wiring.layers),
        fixed=fixed,
        program=program,
        sides=() if flat else tuple(settings["input_shape"][1:]),
    )


def _skips(wiring: Wiring) -> tuple[int, ...]:
    """For each layer the layer whose output is added to its own; -1 for none."""
    sources, last = [-1], 0
    for stage in wiring.stages:
        for unit in stage.units:
            if stage.key in ("stem", "head"):
                continue
            sources += [-1] * len(unit.body.weights)
            if unit.body.joins == ("add",):
                sources[-1] = last
            last += len(unit.body.weights)
    return tuple(sources)
