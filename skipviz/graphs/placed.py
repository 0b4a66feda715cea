"""A drawing with a place for everything, in points: what files of it are written from.

    placed = placed.place(drawing)

Streamlit has the DOT laid out in the browser; a file is written where there is no browser and no
`dot` program. The layout is as simple as the drawings are: every part that hangs together is a
column, every node stands one row below what leads to it, branches stand side by side, and what
leads past a node goes around it.

x to the right and y downwards, both in points of 1/72 inch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap

from skipviz.graphs.drawing import Drawing, Link, Node

TEXT_PT, SIGN_PT, SMALL_PT = 10.0, 14.0, 9.0
LINE_PT, GAP_PT, AROUND_PT, MARGIN_PT = 12.5, 20.0, 16.0, 8.0
COLUMN_GAP_PT = 36.0
LETTER = 0.56
"""The width of a letter as a share of its size: Helvetica's are narrower on average."""
TITLE_LETTERS = 34

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A node: its middle, width and height."""

    node: Node
    x: float
    y: float
    width: float
    height: float

    @property
    def lines(self) -> list[str]:
        return self.node.label.split("\n")


@dataclass(frozen=True)
class Arrow:
    """A link as a chain of Bézier curves: its start, then for each curve two points that pull and
    its end; where its label begins."""

    link: Link
    curve: tuple[Point, ...]
    label: Point


@dataclass(frozen=True)
class Frame:
    """A frame around boxes: its upper left corner, width and height, and its title's lines."""

    x: float
    y: float
    width: float
    height: float
    title: tuple[str, ...]


@dataclass
class Placed:
    """Everything of a drawing, within (0, 0) and (width, height)."""

    title: str = ""
    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)


def place(drawing: Drawing) -> Placed:
    """The drawing with a place for each of its nodes, links and frames."""
    whole = Placed(title=drawing.title)
    left = MARGIN_PT
    for nodes in _parts(drawing):
        column = _Column(drawing, nodes)
        column.put(whole, left, MARGIN_PT + (LINE_PT + MARGIN_PT if drawing.title else 0.0))
        left = whole.width + COLUMN_GAP_PT
    whole.width += MARGIN_PT
    whole.height += MARGIN_PT
    return whole


def _parts(drawing: Drawing) -> list[list[Node]]:
    """The nodes that hang together, in the order of their first ones."""
    part = {node.id: number for number, node in enumerate(drawing.nodes)}
    for link in drawing.links * 2:
        one, other = part[link.source], part[link.target]
        if one != other:
            low, high = min(one, other), max(one, other)
            part = {name: low if number == high else number for name, number in part.items()}
    numbers = sorted(set(part.values()))
    return [[node for node in drawing.nodes if part[node.id] == number] for number in numbers]


def text_width(text: str, size: float = TEXT_PT) -> float:
    """About how wide a line of text is."""
    return LETTER * size * len(text)


def _size(node: Node) -> tuple[float, float]:
    """Width and height of a node."""
    lines = node.label.split("\n")
    if node.kind == "join":
        wide = max(SIGN_PT + 6.0, text_width(node.label, SIGN_PT) + 8.0 * (len(node.label) > 1))
        return wide, SIGN_PT + 6.0
    room = 0.0 if node.kind in ("end", "note") else 6.0
    return max(text_width(line) for line in lines) + 2 * room + 4, LINE_PT * len(lines) + room


class _Column:
    """Nodes that hang together, in rows and tracks: a track is a line of nodes below each other."""

    def __init__(self, drawing: Drawing, nodes: list[Node]) -> None:
        self.nodes = nodes
        ids = {node.id for node in nodes}
        self.links = [link for link in drawing.links if link.source in ids]
        self.clusters = [
            (title, [name for name in inside if name in ids])
            for _, title, inside in drawing.clusters
            if ids & set(inside)
        ]
        self.rows, self.tracks = self._grid()
        self.sizes = {node.id: _size(node) for node in nodes}

    def _grid(self) -> tuple[dict[str, int], dict[str, int]]:
        """The row and the track of every node; nodes stand in the order in which they flow."""
        rows: dict[str, int] = {}
        tracks: dict[str, int] = {}
        for node in self.nodes:
            before = [link.source for link in self.links if link.target == node.id]
            rows[node.id] = 1 + max((rows[name] for name in before), default=-1)
            track = min((tracks[name] for name in before), default=0)
            taken = {tracks[name] for name in tracks if rows[name] == rows[node.id]}
            while track in taken:
                track += 1
            tracks[node.id] = track
        return rows, tracks

    def put(self, whole: Placed, left: float, top: float) -> None:
        """Adds this column to the drawing, its upper left corner at (left, top)."""
        inset = MARGIN_PT if self.clusters else 0.0
        middles = self._middles(left + inset)
        heights = self._row_tops(top)
        boxes = {
            node.id: Box(
                node,
                middles[self.tracks[node.id]],
                heights[self.rows[node.id]],
                *self.sizes[node.id],
            )
            for node in self.nodes
        }
        right = max(box.x + box.width / 2 for box in boxes.values())
        arrows = [self._arrow(link, boxes, right) for link in self.links]
        frames = [self._frame(title, [boxes[name] for name in inside], arrows)
                  for title, inside in self.clusters]  # fmt: skip
        whole.boxes += boxes.values()
        whole.arrows += arrows
        whole.frames += frames
        reach = [box.x + box.width / 2 for box in boxes.values()]
        reach += [max(x for x, _ in arrow.curve) for arrow in arrows]
        reach += [arrow.label[0] + text_width(arrow.link.label, SMALL_PT) for arrow in arrows]
        reach += [frame.x + frame.width for frame in frames]
        whole.width = max(reach)
        low = [box.y + box.height / 2 for box in boxes.values()]
        low += [frame.y + frame.height for frame in frames]
        whole.height = max([whole.height, *low])

    def _middles(self, left: float) -> dict[int, float]:
        """Where the middle of each track is."""
        middles: dict[int, float] = {}
        for track in sorted(set(self.tracks.values())):
            width = max(self.sizes[name][0] for name, at in self.tracks.items() if at == track)
            middles[track] = left + width / 2
            left += width + GAP_PT
        return middles

    def _row_tops(self, top: float) -> dict[int, float]:
        """The height of the middle of each row."""
        firsts = {min(self.rows[name] for name in inside): title for title, inside in self.clusters}
        places: dict[int, float] = {}
        for row in sorted(set(self.rows.values())):
            if row in firsts:
                top += MARGIN_PT + LINE_PT * len(_title(firsts[row]))
            height = max(self.sizes[name][1] for name, at in self.rows.items() if at == row)
            places[row] = top + height / 2
            top += height + GAP_PT
        return places

    def _arrow(self, link: Link, boxes: Mapping[str, Box], right: float) -> Arrow:
        """From the foot of one box to the head of another; around what stands between them."""
        source, target = boxes[link.source], boxes[link.target]
        between = range(self.rows[link.source] + 1, self.rows[link.target])
        tracks = {self.tracks[link.source], self.tracks[link.target]}
        blocked = [
            boxes[name] for name, row in self.rows.items()
            if row in between and self.tracks[name] in tracks
        ]  # fmt: skip
        if blocked:
            return self._around(link, source, target, [*blocked, source, target])
        start = source.x, source.y + source.height / 2
        end = target.x, target.y - target.height / 2
        pull = (end[1] - start[1]) * (0.5 if start[0] != end[0] else 1 / 3)
        curve = start, (start[0], start[1] + pull), (end[0], end[1] - pull), end
        return Arrow(link, curve, ((start[0] + end[0]) / 2 + 3, (start[1] + end[1]) / 2))

    def _around(self, link: Link, source: Box, target: Box, passed: list[Box]) -> Arrow:
        """From the right side of one box to that of another, past these and their labels."""
        start = source.x + source.width / 2, source.y
        end = target.x + target.width / 2, target.y
        names = {box.node.id for box in passed}
        beside = [
            box.x + 3 + text_width(each.label, SMALL_PT)
            for each in self.links
            for box in passed
            if each.label and each.target in names and each.source == box.node.id
        ]
        edge = max([*(box.x + box.width / 2 for box in passed), *beside])
        x = edge + AROUND_PT * (0.75 if link.role == "shortcut" else 1.25)
        corner = min(AROUND_PT, (end[1] - start[1]) / 2)
        high, low = (x, start[1] + corner), (x, end[1] - corner)
        bend, back = (x, start[1]), (x, end[1])
        curve = (start, bend, bend, high, high, low, low, back, back, end)
        return Arrow(link, curve, (x + 3, (start[1] + end[1]) / 2))

    def _frame(self, title: str, inside: list[Box], arrows: list[Arrow]) -> Frame:
        """A frame around boxes and the arrows between them."""
        lines = _title(title)
        names = {box.node.id for box in inside}
        own = [a for a in arrows if a.link.source in names and a.link.target in names]
        left = min(box.x - box.width / 2 for box in inside) - MARGIN_PT
        right = max(box.x + box.width / 2 for box in inside)
        right = max([right, *(_reach(arrow) for arrow in own)])
        right = max([right, *(left + 6 + text_width(line, SMALL_PT) for line in lines)])
        top = min(box.y - box.height / 2 for box in inside) - 4 - LINE_PT * len(lines)
        foot = max(box.y + box.height / 2 for box in inside) + MARGIN_PT / 2
        return Frame(left, top, right + MARGIN_PT / 2 - left, foot - top, tuple(lines))


def _reach(arrow: Arrow) -> float:
    """How far to the right an arrow and its label go."""
    along = max(x for x, _ in arrow.curve)
    return max(along, arrow.label[0] + text_width(arrow.link.label, SMALL_PT))


def _title(text: str) -> list[str]:
    """A frame's title in lines."""
    return wrap(text, TITLE_LETTERS) or [""]
