"""A drawing as graphviz DOT, in the colours of a family and a theme.

Node ids are module paths, and end up as ids of the SVG's groups: a page can find what was clicked.
"""

from __future__ import annotations

from textwrap import wrap

import graphviz

from skipviz.figures.theme import Theme, colour, theme
from skipviz.graphs.drawing import Drawing, Link, Node

FONT = "Helvetica,Arial,sans-serif"
TEXT_PT = 10
SMALL_PT = 9.5
NOTE_LETTERS = 14


class Painter:
    """Knows the colours: of the family, and in a diff of each of the two nets."""

    def __init__(self, family: str, dark: bool, other: str = "") -> None:
        self.theme: Theme = theme(dark)
        self.family = colour(family, dark)
        self.marks = {"a": colour(other if other != family else "", dark), "b": self.family}
        self.marks["changed"] = self.theme.text

    def node(self, node: Node) -> dict[str, str]:
        """The DOT attributes of a node."""
        look = self.theme
        base = {"fontcolor": look.text, "color": look.line, "fillcolor": look.fill}
        if node.kind == "join":
            wide = len(node.label) > 1
            base |= {"shape": "oval" if wide else "circle", "fixedsize": str(not wide).lower()}
            base |= {"width": "0.28", "height": "0.28", "margin": "0.04,0", "fontsize": "14"}
            base |= {"color": self.family, "fontcolor": self.family, "penwidth": "1.8"}
        elif node.kind == "end":
            base |= {"shape": "plaintext", "height": "0.2", "style": ""}
        elif node.kind == "note":
            base |= {"shape": "plaintext", "fontcolor": look.line, "style": ""}
        elif node.kind == "unit":
            base |= {"penwidth": "1.6"}
        if node.mark:
            base |= {"color": self.marks[node.mark], "fontcolor": self.marks[node.mark]}
            base |= {"penwidth": "2.4"} | ({"style": "dashed"} if node.mark == "a" else {})
        base["tooltip"] = graphviz.escape(node.tip or node.label.replace("\n", ", "))
        return base | {"id": node.id, "class": f"{node.kind} {' '.join(node.joins)}".strip()}

    def link(self, link: Link) -> dict[str, str]:
        """The DOT attributes of an arrow: skips in the family's colour, dashed if not identity."""
        look = self.theme
        base = {"color": look.line, "fontcolor": look.line}
        if link.role != "main":
            base |= {"color": self.family, "penwidth": "2.2" if link.role == "shortcut" else "1.4"}
        if link.dashed:
            base |= {"style": "dashed"}
        if link.around:
            base |= {"weight": "0"}
        if link.mark:
            base |= {"color": self.marks[link.mark], "penwidth": "2.4"}
            base |= {"style": "dashed"} if link.mark == "a" else {}
        tip = "identity shortcut" if link.role == "shortcut" and not link.dashed else link.role
        return base | {"class": link.role, "edgetooltip": tip, "labeltooltip": tip}


def digraph(drawing: Drawing, painter: Painter) -> graphviz.Digraph:
    """The drawing as a graph, from top to bottom, on a transparent ground."""
    look = painter.theme
    graph = graphviz.Digraph()
    graph.attr("graph", rankdir="TB", bgcolor="transparent", fontname=FONT, ranksep="0.13")
    graph.attr("graph", nodesep="0.35", pad="0.1", fontsize=str(SMALL_PT), fontcolor=look.line)
    graph.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize=str(TEXT_PT))
    graph.attr("node", height="0.26", margin="0.1,0.04")
    graph.attr("edge", fontname=FONT, fontsize=str(SMALL_PT), arrowsize="0.6")
    if drawing.title:
        graph.attr("graph", label=_text(drawing.title), labelloc="t", labeljust="l")
    nodes = {node.id: node for node in drawing.nodes}
    frames = {node_id: i for i, (_, _, inside) in enumerate(drawing.clusters) for node_id in inside}
    placed: set[int] = set()
    for node in drawing.nodes:  # in this order, frames and all: so do columns stand
        if node.id not in frames:
            graph.node(node.id, _text(node.label), **painter.node(node))
        elif frames[node.id] not in placed:
            placed.add(frames[node.id])
            key, title, inside = drawing.clusters[frames[node.id]]
            _frame(graph, f"cluster_{key}", title, [nodes[each] for each in inside], painter)
    for link in drawing.links:
        label = graphviz.escape(f" {link.label} ") if link.label else None
        graph.edge(link.source, link.target, label, **painter.link(link))
    return graph


def _frame(
    graph: graphviz.Digraph, name: str, title: str, inside: list[Node], painter: Painter
) -> None:
    """A frame with its title around some of the nodes."""
    with graph.subgraph(name=name) as frame:
        frame.attr(label=_lines(title), color=painter.theme.quiet, style="rounded", margin="6")
        frame.attr(labeljust="l")
        for node in inside:
            frame.node(node.id, _text(node.label), **painter.node(node))


def _text(text: str) -> str:
    """A label as DOT: nothing in it is markup or an escape but the ends of its lines."""
    return "\\n".join(graphviz.escape(line) for line in text.split("\n"))


def _lines(title: str) -> str:
    """A frame's title, what follows its colon on short lines: beside the arrow, not on it.

    The layout takes the letters for narrower than browsers draw them: two spaces make up for it.
    """
    name, _, note = title.partition(": ")
    lines = [name, *wrap(note, NOTE_LETTERS)]
    return "".join(
        f"{graphviz.escape(line)}\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}\\l" for line in lines
    )
