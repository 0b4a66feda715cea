"""Two nets in one graph: what both have once, and marked what only one of them has.

The nets are cut into chunks: a unit with a join against another, else as many weight layers of both
(a residual unit of two layers against two plain layers). A chunk like an earlier one is one box.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from skipviz.core.wiring import INPUT, JOINS, Op, Stage, Unit, Wiring
from skipviz.graphs.columns import in_columns
from skipviz.graphs.drawing import Drawing, Link, Mark, Node, NodeKind, shape_text

Ends = dict[str, str]
"""The last node drawn of each net: {"a": id, "b": id}."""


@dataclass(frozen=True)
class Pair:
    """One operation of a chunk: of net a, of net b, or of both, with its unit's number."""

    a: tuple[int, Op] | None
    b: tuple[int, Op] | None

    @property
    def mark(self) -> Mark:
        if self.a is None or self.b is None:
            return "a" if self.b is None else "b"
        return "" if self.a[1].label == self.b[1].label else "changed"

    @property
    def op(self) -> Op:
        either = self.b or self.a
        assert either is not None
        return either[1]

    @property
    def label(self) -> str:
        if self.a and self.b and self.mark:
            return f"{self.a[1].label} → {self.b[1].label}"
        return JOINS.get(self.op.kind, self.op.label)


@dataclass
class Chunk:
    """Units of both nets with as many weight layers, and how often the like follows."""

    a: list[Unit]
    b: list[Unit]
    times: int = 1
    pairs: list[Pair] = field(default_factory=list)

    @property
    def pattern(self) -> tuple[object, ...]:
        """Equal for chunks whose drawings differ in nothing but channels and kernels."""
        sides = [p.mark if p.mark in ("a", "b") else "" for p in self.pairs]
        return tuple((s, p.op.kind, p.op.stride) for s, p in zip(sides, self.pairs, strict=True))


def _ops(units: list[Unit], main: bool) -> list[tuple[int, Op]]:
    ops = ((i, op) for i, unit in enumerate(units) for op in unit.body.ops)
    return [(i, op) for i, op in ops if (op.role == "main") == main]


def _matched(a: list[tuple[int, Op]], b: list[tuple[int, Op]]) -> Iterator[Pair]:
    """Both sequences as one, in order, with what they share only once."""
    one, two = ([(op.kind, op.stride) for _, op in ops] for ops in (a, b))
    matcher = SequenceMatcher(None, one, two, autojunk=False)
    for tag, a0, a1, b0, b1 in matcher.get_opcodes():
        if tag == "equal":
            yield from (Pair(x, y) for x, y in zip(a[a0:a1], b[b0:b1], strict=True))
        else:
            yield from (Pair(x, None) for x in a[a0:a1])
            yield from (Pair(None, y) for y in b[b0:b1])


def _chunk(a: list[Unit], b: list[Unit]) -> Chunk:
    pairs = [*_matched(_ops(a, True), _ops(b, True)), *_matched(_ops(a, False), _ops(b, False))]
    return Chunk(a, b, pairs=pairs)


def _cut(a: tuple[Unit, ...], b: tuple[Unit, ...]) -> Iterator[tuple[list[Unit], list[Unit]]]:
    """Pieces to compare: a unit with a join for another; else as many weight layers of both."""
    left = list(a), list(b)
    while left[0] and left[1]:
        piece: tuple[list[Unit], list[Unit]] = ([left[0].pop(0)], [left[1].pop(0)])
        joined = piece[0][0].body.joins and piece[1][0].body.joins
        while not joined:
            layer_counts = [sum(len(unit.body.weights) for unit in side) for side in piece]
            behind = int(layer_counts[1] < layer_counts[0])
            if layer_counts[0] == layer_counts[1] or not left[behind]:
                break
            piece[behind].append(left[behind].pop(0))
        yield piece
    for unit in left[0]:
        yield [unit], []
    for unit in left[1]:
        yield [], [unit]


def _chunks(a: Stage | None, b: Stage | None) -> list[Chunk]:
    """The chunks of a stage, neighbours alike collapsed."""
    chunks: list[Chunk] = []
    for units_a, units_b in _cut(a.units if a else (), b.units if b else ()):
        chunk = _chunk(units_a, units_b)
        if chunks and chunks[-1].pattern == chunk.pattern:
            chunks[-1].times += 1
        else:
            chunks.append(chunk)
    return chunks


def _named(side: list[Unit]) -> str:
    return f"{len(side)} {side[0].body.title}{'s' if len(side) > 1 else ''}"


def _draw_box(drawing: Drawing, key: str, chunk: Chunk, ends: Ends) -> None:
    """A chunk like an earlier one as a box, and what its joins differ in around it."""
    names = dict.fromkeys(_named(side) for side in (chunk.a, chunk.b) if side)
    label = " | ".join(names) + (f"  × {chunk.times}" if chunk.times > 1 else "")
    mark: Mark = "" if chunk.a and chunk.b else "a" if chunk.a else "b"
    box = drawing.add(Node(f"{key}.box", f"{label}\nas above", "unit", mark=mark))
    sides = [side for side in "ab" if getattr(chunk, side)]
    starts = {side: ends[side] for side in sides}
    ends.update(dict.fromkeys(sides, box))
    for start in dict.fromkeys(starts.values()):
        drawing.links.append(Link(start, box, mark=mark))
    joins = {side: _joins(getattr(chunk, side)) for side in "ab"}
    for side in sides if joins["a"] != joins["b"] else sides[-1:]:
        if not joins[side]:
            continue
        own: Mark = "" if joins["a"] == joins["b"] else "a" if side == "a" else "b"
        signs = " ".join(JOINS[join] for join in joins[side])
        node = Node(f"{key}.join{side}", signs, "join", joins[side], chunk.times, mark=own)
        join = drawing.add(node)
        drawing.links.append(Link(box, join, mark=own))
        dashed = any(edge.dashed for unit in getattr(chunk, side) for edge in unit.body.edges)
        drawing.links.append(Link(starts[side], join, "", "shortcut", dashed, True, own))
        passing = [other for other in sides if ends[other] == box and not joins[other]]
        ends.update(dict.fromkeys([side, *passing, *(sides if not own else [])], join))


def _joins(units: list[Unit]) -> tuple[str, ...]:
    return units[0].body.joins if units else ()


def _draw_full(drawing: Drawing, key: str, chunk: Chunk, ends: Ends) -> list[str]:
    """A chunk in full; the ids of its nodes."""
    ids: dict[tuple[str, int, str], str] = {}
    blocks = []
    for i, pair in enumerate(chunk.pairs):
        kind: NodeKind = "join" if pair.op.kind in JOINS else "box"
        joins = (pair.op.kind,) if kind == "join" else ()
        node_id = f"{key}.{i}"
        for side, unit in (("a", pair.a), ("b", pair.b)):
            if unit:
                ids[side, unit[0], unit[1].name] = node_id
        node = Node(node_id, pair.label, kind, joins, mark=pair.mark)
        blocks.append(drawing.add(node))
    links = {side: _links(side, getattr(chunk, side), ids, ends) for side in "ab"}
    for pair_of_ends in dict.fromkeys([*links["a"], *links["b"]]):
        sides = [side for side in "ab" if pair_of_ends in links[side]]
        if len(sides) == 1 and _through(pair_of_ends, links["b" if sides == ["a"] else "a"]):
            continue
        mark: Mark = "" if len(sides) == 2 else "a" if sides == ["a"] else "b"
        link = links[sides[-1]][pair_of_ends]
        around = link.role == "shortcut"
        drawing.links.append(
            Link(link.source, link.target, link.label, link.role, link.dashed, around, mark)
        )
    return blocks


def _links(
    side: str, units: list[Unit], ids: dict[tuple[str, int, str], str], ends: Ends
) -> dict[tuple[str, str], Link]:
    """The arrows of one net's units, by their ends; moves the net's end to their output."""
    links = {}
    for i, unit in enumerate(units):
        start, marked = ends[side], False
        for edge in unit.body.edges:
            source = start if edge.source == INPUT else ids[side, i, edge.source]
            target = ids[side, i, edge.target]
            text = "" if edge.source != INPUT or marked else shape_text(unit.body.input_shape)
            marked = marked or bool(text)
            links[source, target] = Link(source, target, text, edge.role, edge.dashed)
        if unit.body.ops:
            ends[side] = ids[side, i, unit.body.ops[-1].name]
    return links


def _through(ends: tuple[str, str], others: dict[tuple[str, str], Link]) -> bool:
    """Whether the other net's main path leads from the one end to the other."""
    onward: dict[str, list[str]] = {}
    for (source, target), link in others.items():
        if link.role == "main":
            onward.setdefault(source, []).append(target)
    seen, front = set(), [ends[0]]
    while front:
        node = front.pop()
        if node == ends[1]:
            return True
        if node not in seen:
            seen.add(node)
            front += onward.get(node, [])
    return False


def diff_drawing(a: Wiring, b: Wiring) -> Drawing:
    """Both nets as one drawing."""
    title = f"dashed: only {a.name}; coloured: only {b.name}; grey: both; bold: changed"
    drawing, drawn_chunks = Drawing(title=title), set[tuple[Any, bool]]()
    start = drawing.add(Node("input", f"input {shape_text(b.input_shape)}", "end"))
    ends = {"a": start, "b": start}
    stages = {key: {stage.key: stage for stage in w.stages} for key, w in (("a", a), ("b", b))}
    middle = [s.key for s in (*b.stages, *a.stages) if s.key not in ("stem", "head")]
    for key in dict.fromkeys(["stem", *sorted(middle), "head"]):
        one, two = stages["a"].get(key), stages["b"].get(key)
        for i, chunk in enumerate(_chunks(one, two)):
            first, prefix = len(drawing.nodes), f"{key}.{i}"
            again = {(chunk.pattern, chunk.times > 1), (chunk.pattern, True)} & drawn_chunks
            if again:
                _draw_box(drawing, prefix, chunk, ends)
            else:
                _draw_full(drawing, prefix, chunk, ends)
            drawn_chunks.add((chunk.pattern, chunk.times > 1))
            inside = [node.id for node in drawing.nodes[first:]]
            stage = two or one
            times = f", {chunk.times} times" if chunk.times > 1 and not again else ""
            if stage and key not in ("stem", "head"):
                drawing.clusters.append((prefix, stage.title + times, inside))
    out = drawing.add(Node("output", f"logits {shape_text(b.output_shape)}", "end"))
    for end in dict.fromkeys(ends.values()):
        drawing.links.append(Link(end, out))
    marks = {node.id: node.mark for node in drawing.nodes if node.mark in ("a", "b")}
    drawing.links = [
        replace(link, mark=link.mark or marks.get(link.source, "") or marks.get(link.target, ""))
        for link in drawing.links
    ]
    in_columns(drawing)
    return drawing
