"""A net as one row from the input to the loss: what the live charts colour while it trains.

    rows.parts(wiring)      the runs of equal units, in order

A run of units stands for all of them, as in the graph of a net; which signal points and gates its
units have says where in a frame their numbers are. A browser gives the row its places.
"""

from __future__ import annotations

from skipviz.core.protocol import NetPart, Shortcut
from skipviz.core.wiring import JOINS, Body, Unit, Wiring
from skipviz.graphs.drawing import runs


def parts(wiring: Wiring) -> list[NetPart]:
    """The runs of equal units that have a signal point, from the stem to the last unit."""
    point_at = {point.path: place for place, point in enumerate(wiring.points)}
    gate_at = {gate.unit: place for place, gate in enumerate(wiring.gates)}
    return [
        _part(run, point_at[run[0].path], gate_at.get(run[0].path))
        for stage in wiring.stages
        for run in runs(stage.units)
        if run[0].path in point_at
    ]


def _part(run: list[Unit], point: int, gate: int | None) -> NetPart:
    body = run[0].body
    return {
        "title": body.title,
        "units": len(run),
        "point": point,
        "gate": gate,
        "joins": " ".join(JOINS[join] for join in body.joins),
        "shortcut": _shortcut(body),
    }


def _shortcut(body: Body) -> Shortcut:
    """What leads around the layers, as the graph of a net draws it."""
    if not body.joins:
        return "none"
    return "projection" if any(edge.dashed for edge in body.edges) else "identity"
