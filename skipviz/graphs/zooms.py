"""The three zooms: the net with its repeats collapsed, one stage, one unit in full."""

from __future__ import annotations

from itertools import pairwise

from skipviz.core.wiring import JOINS, Stage, Unit, Wiring
from skipviz.graphs.columns import bend
from skipviz.graphs.drawing import Drawing, Link, Node, draw_unit, plural, runs, shape_text

MAX_COLUMN = 2
"""Stages under each other that can be read from the last row."""


def representative(wiring: Wiring) -> Unit:
    """The unit that stands for the net: the first of the longest run of units with a join.

    Nets without joins are represented by a unit of their longest run of layers.
    """
    inner = [stage for stage in wiring.stages if stage.key not in ("stem", "head")]
    alike = [run for stage in inner for run in runs(stage.units)]
    if not alike:
        return wiring.units[0]
    return max(alike, key=lambda run: (bool(run[0].body.joins), len(run)))[0]


def change(unit: Unit) -> str:
    """What a unit does to the size of the signal, in words; "" where it keeps it."""
    before, after = unit.body.input_shape, unit.body.output_shape
    if len(after) < 3 or before[1:] == after[1:]:
        return ""
    halved = all(2 * b - a in (0, 1, -1) for a, b in zip(before[1:], after[1:], strict=True))
    size = "half the size" if halved else f"{before[1]} → {after[1]} pixels"
    if after[0] == 2 * before[0]:
        return f"{size}, double the width"
    return size if after[0] == before[0] else f"{size}, {before[0]} → {after[0]} channels"


def _growth(run: list[Unit]) -> str:
    """k0 + L·k, for a run of units that concatenate."""
    first, last = run[0].body, run[-1].body
    if not first.appends:
        return ""
    k = first.output_shape[0] - first.input_shape[0]
    start, end = first.input_shape[0], last.output_shape[0]
    return f"{start} + {len(run)}·{k} = {end} channels"


def _kernels(run: list[Unit]) -> str:
    """The sizes of the kernels, where they differ from unit to unit."""
    sizes = dict.fromkeys(max(op.kernel for op in unit.body.ops) for unit in run)
    return " and ".join(f"{k}×{k}" for k in sizes) + " in turn" if len(sizes) > 1 else ""


def _run_label(run: list[Unit], changed: str) -> str:
    body = run[0].body
    times = f" × {len(run)}" if len(run) > 1 else ""
    parameters = sum(unit.body.parameters for unit in run)
    lines = [body.title + times, changed, _kernels(run), _growth(run)]
    lines.append(f"{shape_text(run[-1].body.output_shape)},  {plural(parameters)} parameters")
    return "\n".join(filter(None, lines))


def _collapsed(drawing: Drawing, run: list[Unit], start: str, titled: bool = False) -> str:
    """A run of units as one box with its join and its shortcut around it; the last node's id.

    `titled`: the frame's title says already what the run's first unit does to the size.
    """
    unit, times = run[0], len(run)
    label = _run_label(run, "" if titled else change(unit))
    box = drawing.add(Node(unit.path, label, "unit", times=times, path=unit.path))
    drawing.links.append(Link(start, box))
    if not unit.body.joins:
        return box
    signs = " ".join(JOINS[join] for join in unit.body.joins)
    join = drawing.add(Node(f"{unit.path}.join", signs, "join", unit.body.joins, times))
    dashed = any(edge.dashed for edge in unit.body.edges)
    drawing.links.append(Link(box, join))
    drawing.links.append(Link(start, join, role="shortcut", dashed=dashed, around=True))
    return join


def _end(drawing: Drawing, last: str, text: str) -> None:
    out = drawing.add(Node("output", text, "end"))
    drawing.links.append(Link(last, out))


def net(wiring: Wiring) -> Drawing:
    """The whole net, repeats collapsed to "× n", and beside it the representative unit in full."""
    drawing = Drawing()
    last = drawing.add(Node("input", f"input {shape_text(wiring.input_shape)}", "end"))
    for stage in wiring.stages:
        first = len(drawing.nodes)
        framed = stage.key not in ("stem", "head")
        for i, run in enumerate(runs(stage.units)):
            last = _collapsed(drawing, run, last, titled=framed and i == 0)
        if framed:
            inside = [node.id for node in drawing.nodes[first:]]
            note = change(stage.units[0])
            title = f"{stage.title}: {note}" if note else stage.title
            drawing.clusters.append((stage.key, title, inside))
    _end(drawing, last, f"logits {shape_text(wiring.output_shape)}")
    if len(drawing.clusters) > MAX_COLUMN:
        half = (len(drawing.clusters) + 1) // 2
        (_, before, _), (_, after, inside) = drawing.clusters[half - 1 : half + 1]
        bend(drawing, inside[0], before.partition(":")[0], after.partition(":")[0])
    _aside(drawing, representative(wiring))
    return drawing


def _aside(drawing: Drawing, unit: Unit) -> None:
    """Draws `unit` in full beside the net; its joins are not counted a second time."""
    first = len(drawing.nodes)
    start = drawing.add(Node("one.in", f"x  {shape_text(unit.body.input_shape)}", "end"))
    last = draw_unit(drawing, "one", unit, start, sparing=True)
    out = drawing.add(Node("one.out", f"y  {shape_text(unit.body.output_shape)}", "end"))
    drawing.links.append(Link(last, out))
    inside = [node.id for node in drawing.nodes[first:]]
    drawing.clusters.append(("one", f"one {unit.body.title}: in full", inside))
    drawing.aside.update(inside)


def stage(wiring: Wiring, stage: Stage) -> Drawing:
    """One stage: the first unit of each run in full, the others of the run in one box.

    Every unit that is drawn in full heads a column.
    """
    drawing = Drawing()
    shape = stage.units[0].body.input_shape
    last = drawing.add(Node("input", f"{stage.title}: {shape_text(shape)}", "end"))
    for run in runs(stage.units):
        first = len(drawing.nodes)
        last = draw_unit(drawing, run[0].path, run[0], last)
        inside = [node.id for node in drawing.nodes[first:]]
        note = change(run[0])
        title = f"{run[0].body.title}: {note}" if note else run[0].body.title
        drawing.clusters.append((run[0].path, title, inside))
        if len(run) > 1:
            last = _collapsed(drawing, run[1:], last)
    drawing.clusters[0][2].insert(0, "input")
    for (_, before, _), (_, after, inside) in list(pairwise(drawing.clusters)):
        bend(drawing, inside[0], before.partition(":")[0], after.partition(":")[0])
    _end(drawing, last, shape_text(stage.units[-1].body.output_shape))
    return drawing


def unit(wiring: Wiring, unit: Unit) -> Drawing:
    """One unit in full, the shape of what flows on every arrow."""
    drawing = Drawing()
    start = drawing.add(Node("input", f"x  {shape_text(unit.body.input_shape)}", "end"))
    last = draw_unit(drawing, unit.path, unit, start)
    note = change(unit)
    title = f"{unit.body.title}: {note}" if note else unit.body.title
    drawing.clusters.append((unit.path, title, [node.id for node in drawing.nodes]))
    _end(drawing, last, f"y  {shape_text(unit.body.output_shape)}")
    return drawing
