"""The two ways through a unit, around its layers and through them, read from its drawing.

A unit is run operation by operation as its `Body` says: a module where the drawing names one, and
the joins. A family needs nothing of its own for that.

B samples, C channels or features of a signal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add, mul
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.core.wiring import INPUT, Body, Op

_JOINS: dict[str, Callable[[list[Tensor]], Tensor]] = {
    "add": lambda parts: reduce(add, parts),
    "multiply": lambda parts: reduce(mul, parts),
    "concat": lambda parts: torch.cat(parts, dim=1),
    "complement": lambda parts: 1 - parts[0],
}
"""What operations compute that are no module; "scale" and "rezero" multiply by the unit's
`scale`."""


def has_two_ways(body: Body) -> bool:
    """Whether something leads around the unit's layers."""
    return body.meeting is not None


class _Run:
    """The operations of one unit for one input, each computed once, when it is asked for."""

    def __init__(self, unit: nn.Module, body: Body, signals: dict[str, Tensor]) -> None:
        """`signals` are known from the start, such as the unit's input."""
        self.unit, self.body, self.signals = unit, body, signals
        self.ops = {op.name: op for op in body.ops}

    def signal(self, name: str) -> Tensor:
        """What the operation `name` puts out. Gates are computed before what they are factors
        of, so that gradients are summed in one order, whatever is asked for first."""
        if name not in self.signals:
            edges = [edge for edge in self.body.edges if edge.target == name]
            for edge in sorted(edges, key=lambda edge: edge.role != "gate"):
                self.signal(edge.source)
            sources = [self.signals[edge.source] for edge in edges]
            self.signals[name] = self._computed(self.ops[name], sources)
        return self.signals[name]

    def _computed(self, op: Op, sources: list[Tensor]) -> Tensor:
        if op.path:
            out: Tensor = self.unit.get_submodule(op.path)(*sources)
            return out
        if op.kind in ("scale", "rezero"):
            unit: Any = self.unit
            return sources[0] * unit.scale
        return _JOINS[op.kind](sources)

    def without_gates(self, name: str) -> Tensor:
        """The same, with the gates as numbers: no gradient flows into them."""
        op = self.ops.get(name)
        if op is None or op.kind != "multiply":
            return self.signal(name)
        factors = [
            self.signal(edge.source).detach()
            if edge.role == "gate"
            else self.without_gates(edge.source)
            for edge in self.body.edges
            if edge.target == name
        ]
        return _JOINS["multiply"](factors)


def two_ways(unit: nn.Module, body: Body, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(carried, changed, joined): what goes around the layers, what comes out of them, and the two
    together, before an activation that follows the addition.

    Residual: h(x), scale · F(x). Highway: x · C, H · T, with the carry gate C as it is: along
    `carried` no gradient flows into the gates. Dense: x, H(x), joined by concatenation.
    """
    if body.meeting is None:
        raise TypeError(f"{body.title} has one way through")
    run, name = _Run(unit, body, {INPUT: x}), body.meeting.name
    edges = [edge for edge in body.edges if edge.target == name]
    changed = [run.signal(edge.source) for edge in edges if edge.role != "shortcut"]
    carried = [run.without_gates(edge.source) for edge in edges if edge.role == "shortcut"]
    kind = body.meeting.kind
    return _joined(kind, carried), _joined(kind, changed), run.signal(name)


def _joined(kind: str, parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else _JOINS[kind](parts)


def after(unit: nn.Module, body: Body, joined: Tensor) -> Tensor:
    """A unit's output from what its two ways make together; `joined` itself where nothing comes
    after."""
    if body.meeting is None:
        raise TypeError(f"{body.title} has one way through")
    return _Run(unit, body, {body.meeting.name: joined}).signal(body.ops[-1].name)
