"""What a graph shows, before it is DOT: boxes, joins and arrows, and how often each stands for.

A test adds up the joins of a drawing, box by box, and compares them with the real module's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from skipviz.core.wiring import INPUT, JOINS, Op, Role, Shape, Unit

NodeKind = Literal["box", "unit", "join", "end", "split", "note"]
Mark = Literal["", "a", "b", "changed"]


@dataclass(frozen=True)
class Node:
    """A box or a circle.

    joins  the joins that it stands for, in one unit     times  how many units it stands for
    path   the module that it shows, "" for none         mark   of a diff: whose net has it
    """

    id: str
    label: str
    kind: NodeKind = "box"
    joins: tuple[str, ...] = ()
    times: int = 1
    path: str = ""
    tip: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Link:
    """An arrow, with the shape of what flows where that is worth saying; `around`: a shortcut's."""

    source: str
    target: str
    label: str = ""
    role: Role = "main"
    dashed: bool = False
    around: bool = False
    mark: Mark = ""


@dataclass
class Drawing:
    """Nodes and links.

    clusters  frames around some of the nodes: (id, title, node ids)
    aside     nodes beside the net, which stand for nothing in it
    """

    nodes: list[Node] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    clusters: list[tuple[str, str, list[str]]] = field(default_factory=list)
    aside: set[str] = field(default_factory=set)
    title: str = ""

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        return node.id

    def joins(self) -> Counter[str]:
        """How many joins of each kind it stands for; what it shows aside is not counted."""
        total: Counter[str] = Counter()
        for node in self.nodes:
            if node.id not in self.aside:
                for join in node.joins:
                    total[join] += node.times
        return total


def shape_text(shape: Shape) -> str:
    """ "16×32×32": channels, height, width; or "50": features."""
    return "×".join(map(str, shape))


def plural(count: int) -> str:
    """A count with thousands apart: 1,234,567."""
    return f"{count:,}"


def tip(unit: Unit, op: Op) -> str:
    """What the pointer reads over an operation."""
    parts = [unit.module(op) or op.kind, f"output {shape_text(op.shape)}"]
    if op.parameters:
        parts.append(f"{plural(op.parameters)} parameters")
    if op.multiply_adds:
        parts.append(f"{plural(op.multiply_adds)} multiply-adds")
    return ", ".join(parts)


def op_node(prefix: str, unit: Unit, op: Op) -> Node:
    """One operation of a unit as a node."""
    tooltip, path = tip(unit, op), unit.module(op)
    node_id = f"{prefix}.{op.name}"
    if op.kind in JOINS:
        return Node(node_id, JOINS[op.kind], "join", (op.kind,), tip=tooltip)
    return Node(node_id, op.label, path=path, tip=tooltip)


def draw_unit(drawing: Drawing, prefix: str, unit: Unit, start: str, sparing: bool = False) -> str:
    """Draws `unit` in full after the node `start`; the id of the node that makes its output.

    An arrow says the shape of what flows on it, once for each operation; with `sparing` only where
    the operation before it changed the shape.
    """
    body, shapes = unit.body, {INPUT: unit.body.input_shape}
    ids, labelled = {INPUT: start}, {INPUT} if sparing else set()
    for op in body.ops:
        ids[op.name] = drawing.add(op_node(prefix, unit, op))
        shapes[op.name] = op.shape
        before = {shapes[source] for source in body.sources(op.name)}
        if sparing and before == {op.shape}:
            labelled.add(op.name)
    for edge in body.edges:
        text = "" if edge.source in labelled else shape_text(shapes[edge.source])
        labelled.add(edge.source)
        around = edge.role == "shortcut"
        source, target = ids[edge.source], ids[edge.target]
        drawing.links.append(Link(source, target, text, edge.role, edge.dashed, around))
    return ids[body.ops[-1].name] if body.ops else start


def runs(units: Iterable[Unit]) -> list[list[Unit]]:
    """Neighbours that differ in nothing but their numbers of channels, together."""
    grouped: list[list[Unit]] = []
    for unit in units:
        last = grouped[-1][-1] if grouped else None
        if last and last.body.signature == unit.body.signature and _steady(last, unit):
            grouped[-1].append(unit)
        else:
            grouped.append([unit])
    return grouped


def _steady(one: Unit, other: Unit) -> bool:
    """Whether two units do the same to shapes: nothing, or add as many channels."""
    changes = [
        [out - into for into, out in zip(u.body.input_shape, u.body.output_shape, strict=False)]
        for u in (one, other)
    ]
    return changes[0] == changes[1]
