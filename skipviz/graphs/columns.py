"""Breaks a long drawing into columns that stand beside each other, so that it fits a page."""

from __future__ import annotations

from dataclasses import replace

from skipviz.graphs.drawing import Drawing, Link, Mark, Node

MOST = 18
"""Nodes under each other that can still be read on a page."""


def bend(drawing: Drawing, start: str, before: str, after: str) -> None:
    """Breaks the drawing before the node `start`: what follows stands in a column of its own.

    before, after  what the column that ends, and the one that begins, show
    """
    order = {node.id: i for i, node in enumerate(drawing.nodes)}
    cut = order[start]
    marks: dict[str, Mark] = {node.id: node.mark for node in drawing.nodes}
    number = sum(node.id.startswith("turn") for node in drawing.nodes) // 2
    foot, top = f"turn{number}.foot", f"turn{number}.top"
    drawing.nodes[cut:cut] = [
        Node(foot, f"to {after} ↗", "end"),
        Node(top, f"↘ from {before}", "end"),
    ]
    links: list[Link] = []
    for link in drawing.links:
        if order[link.source] < cut <= order[link.target]:
            if link.role == "main":
                links.append(Link(link.source, foot, link.label, mark=link.mark))
            mark: Mark = link.mark if marks[link.target] else ""
            link = replace(link, source=top, label="", mark=mark)
        links.append(link)
    drawing.links = list(dict.fromkeys(links))
    for _, _, inside in drawing.clusters:
        if inside[0] == start:
            inside.insert(0, top)


def in_columns(drawing: Drawing) -> None:
    """Breaks a drawing at its frames, wherever a column would get too long."""
    order = {node.id: i for i, node in enumerate(drawing.nodes)}
    begun, before = 0, ""
    for _, title, inside in list(drawing.clusters):
        first, last = order[inside[0]], order[inside[-1]]
        name = title.partition(":")[0].partition(",")[0]
        if before and last - begun >= MOST:
            bend(drawing, inside[0], before, name)
            begun = first
        before = name
