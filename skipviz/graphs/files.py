"""A net's drawing as a file for slides and papers: SVG, PDF or TikZ, without a `dot` program.

    text = files.svg(graphs.drawing(wiring), wiring.family)
    text = files.tikz(…)          for \\\\input into a LaTeX document that has \\\\usepackage{tikz}
    data = files.pdf(…)           needs reportlab

All three say the same: the boxes, joins, arrows and frames of `placed.place`, in the colours of a
light page.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from skipviz.core import packages
from skipviz.graphs import placed
from skipviz.graphs.dot import Painter
from skipviz.graphs.drawing import Drawing
from skipviz.graphs.placed import SIGN_PT, SMALL_PT, TEXT_PT, Arrow, Box, Frame

HEAD_PT, HEAD_HALF_PT = 6.0, 2.4
"""An arrow's head: its length, and half its width."""


def _look(painter: Painter, box: Box) -> tuple[str, str, float, bool, bool]:
    """Of a box: colour of the line, of the text, width of the line (0: none), dashed, filled."""
    style = painter.node(box.node)
    bare = style.get("shape") == "plaintext"
    width = 0.0 if bare else float(style.get("penwidth", "1"))
    return style["color"], style["fontcolor"], width, style.get("style") == "dashed", not bare


def _stroke(painter: Painter, arrow: Arrow) -> tuple[str, float, bool]:
    """Of an arrow: its colour, width, and whether it is dashed."""
    style = painter.link(arrow.link)
    return style["color"], float(style.get("penwidth", "1")), style.get("style") == "dashed"


def _head(arrow: Arrow) -> list[placed.Point]:
    """The three corners of an arrow's head: its point, then its back."""
    (px, py), (x, y) = arrow.curve[-2:]
    far = max(((x - px) ** 2 + (y - py) ** 2) ** 0.5, 1e-9)
    dx, dy = (x - px) / far, (y - py) / far
    bx, by = x - HEAD_PT * dx, y - HEAD_PT * dy
    return [(x, y), (bx - HEAD_HALF_PT * dy, by + HEAD_HALF_PT * dx),
            (bx + HEAD_HALF_PT * dy, by - HEAD_HALF_PT * dx)]  # fmt: skip


def _text_at(box: Box) -> Iterator[tuple[str, float, float]]:
    """The lines of a box, the height of each one's base line, and the size of its letters."""
    size = SIGN_PT if box.node.kind == "join" else TEXT_PT
    top = box.y - placed.LINE_PT * (len(box.lines) - 1) / 2
    for number, line in enumerate(box.lines):
        yield line, top + placed.LINE_PT * number + 0.35 * size, size


# --- SVG


def svg(drawing: Drawing, family: str) -> str:
    """The drawing as an SVG document of its own."""
    of, painter = placed.place(drawing), Painter(family, dark=False)
    look = painter.theme
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{of.width:.1f}pt"'
        f' height="{of.height:.1f}pt" viewBox="0 0 {of.width:.1f} {of.height:.1f}"'
        ' font-family="Helvetica, Arial, sans-serif">'
    ]
    if of.title:
        parts.append(_svg_text(of.title, placed.MARGIN_PT, 16, TEXT_PT, look.line, "start"))
    for frame in of.frames:
        parts.append(
            f'<rect x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}"'
            f' height="{frame.height:.1f}" rx="4" fill="none" stroke="{look.quiet}"/>'
        )
        for number, line in enumerate(frame.title):
            y = frame.y + placed.LINE_PT * (number + 0.85)
            parts.append(_svg_text(line, frame.x + 6, y, SMALL_PT, look.line, "start"))
    parts += [_svg_arrow(painter, arrow) for arrow in of.arrows]
    parts += [_svg_box(painter, box) for box in of.boxes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_text(text: str, x: float, y: float, size: float, colour: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )


def _svg_arrow(painter: Painter, arrow: Arrow) -> str:
    colour, width, dashed = _stroke(painter, arrow)
    points = [f"{x:.1f} {y:.1f}" for x, y in arrow.curve]
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    head = " ".join(f"{x:.1f},{y:.1f}" for x, y in _head(arrow))
    text = (
        f'<path d="M{points[0]} C{", ".join(points[1:])}" fill="none" stroke="{colour}"'
        f' stroke-width="{width:g}"{dash}/><polygon points="{head}" fill="{colour}"/>'
    )
    if arrow.link.label:
        x, y = arrow.label
        text += _svg_text(arrow.link.label, x, y + 3, SMALL_PT, painter.theme.line, "start")
    return text


def _svg_box(painter: Painter, box: Box) -> str:
    line, ink, width, dashed, filled = _look(painter, box)
    text = f"<g><title>{escape(box.node.tip or box.node.label)}</title>"
    if filled:
        round_px = box.height / 2 if box.node.kind == "join" else 4
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        text += (
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}"'
            f' width="{box.width:.1f}" height="{box.height:.1f}" rx="{round_px:g}"'
            f' fill="{painter.theme.fill}" stroke="{line}" stroke-width="{width:g}"{dash}/>'
        )
    for words, y, size in _text_at(box):
        text += _svg_text(words, box.x, y, size, ink, "middle")
    return text + "</g>"


# --- TikZ

_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
        "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "×": r"$\times$", "·": r"$\cdot$", "‖": r"$\Vert$", "→": r"$\to$", "−": r"$-$",
        "↗": r"$\nearrow$", "↘": r"$\searrow$", "\N{NO-BREAK SPACE}": "~"}  # fmt: skip
"""Signs that TeX has other names for."""


def _tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in text)


class _Tikz:
    """The lines of a tikzpicture, and the colours that they name."""

    def __init__(self, painter: Painter) -> None:
        self.painter = painter
        self.names: dict[str, str] = {}
        self.lines: list[str] = []

    def colour(self, code: str) -> str:
        return self.names.setdefault(code, f"skipviz{chr(ord('A') + len(self.names))}")

    def text(self, words: str, x: float, y: float) -> None:
        style = f"anchor=west, inner sep=0pt, text={self.colour(self.painter.theme.line)}"
        style += ", font=\\sffamily\\scriptsize"
        self.lines.append(rf"\node[{style}] at {_at(x, y)} {{{_tex(words)}}};")

    def frame(self, frame: Frame) -> None:
        corner = _at(frame.x, frame.y)
        other = _at(frame.x + frame.width, frame.y + frame.height)
        style = f"{self.colour(self.painter.theme.quiet)}, rounded corners=3pt"
        self.lines.append(rf"\draw[{style}] {corner} rectangle {other};")
        for number, line in enumerate(frame.title):
            self.text(line, frame.x + 6, frame.y + placed.LINE_PT * (number + 0.6))

    def arrow(self, arrow: Arrow) -> None:
        code, width, dashed = _stroke(self.painter, arrow)
        points = [_at(*point) for point in arrow.curve]
        way = "".join(
            f" .. controls {points[at]} and {points[at + 1]} .. {points[at + 2]}"
            for at in range(1, len(points), 3)
        )
        style = f"-stealth, {self.colour(code)}, line width={width:g}pt" + ", dashed" * dashed
        self.lines.append(rf"\draw[{style}] {points[0]}{way};")
        if arrow.link.label:
            self.text(arrow.link.label, *arrow.label)

    def box(self, box: Box) -> None:
        code, ink, width, dashed, filled = _look(self.painter, box)
        style = f"text={self.colour(ink)}, align=center, inner sep=0pt"
        if filled:
            rounded = box.height / 2 if box.node.kind == "join" else 3
            fill = self.colour(self.painter.theme.fill)
            style += f", draw={self.colour(code)}, fill={fill}, line width={width:g}pt"
            style += f", rounded corners={rounded:g}pt" + ", dashed" * dashed
            style += f", minimum width={box.width:.1f}pt, minimum height={box.height:.1f}pt"
        words = r"\\".join(map(_tex, box.lines))
        self.lines.append(rf"\node[{style}] at {_at(box.x, box.y)} {{{words}}};")


def _at(x: float, y: float) -> str:
    """A point of a tikzpicture, whose y goes upwards."""
    return f"({x:.1f}pt,{-y:.1f}pt)"


def tikz(drawing: Drawing, family: str) -> str:
    """The drawing as a tikzpicture."""
    of, page = placed.place(drawing), _Tikz(Painter(family, dark=False))
    if of.title:
        page.text(of.title, placed.MARGIN_PT, 12)
    for frame in of.frames:
        page.frame(frame)
    for arrow in of.arrows:
        page.arrow(arrow)
    for box in of.boxes:
        page.box(box)
    colours = [rf"\definecolor{{{name}}}{{HTML}}{{{c[1:]}}}" for c, name in page.names.items()]
    start = r"\begin{tikzpicture}[font=\sffamily\footnotesize]"
    return "\n".join([*colours, start, *page.lines, r"\end{tikzpicture}"]) + "\n"


# --- PDF

_LATIN = {"‖": "||", "→": "to", "−": "-", "↗": "", "↘": ""}
"""Signs that Helvetica, which every reader has, lacks."""


def pdf(drawing: Drawing, family: str) -> bytes:
    """The drawing as a PDF of one page of its size. SpecError where reportlab is not installed."""
    packages.check_extra("a PDF", "reportlab")
    from reportlab.pdfgen.canvas import Canvas

    of, painter = placed.place(drawing), Painter(family, dark=False)
    sink = io.BytesIO()
    canvas = Canvas(sink, pagesize=(of.width, of.height), invariant=True)
    paper = _Paper(canvas, of.height)
    if of.title:
        paper.text(of.title, placed.MARGIN_PT, 16, TEXT_PT, painter.theme.line)
    for frame in of.frames:
        _paper_frame(paper, painter, frame)
    for arrow in of.arrows:
        _paper_arrow(paper, painter, arrow)
    for box in of.boxes:
        _paper_box(paper, painter, box)
    canvas.save()
    return sink.getvalue()


def _paper_frame(paper: _Paper, painter: Painter, frame: Frame) -> None:
    paper.pen(painter.theme.quiet, 1, dashed=False)
    paper.box(frame.x, frame.y, frame.width, frame.height, 4, "")
    for number, line in enumerate(frame.title):
        y = frame.y + placed.LINE_PT * (number + 0.85)
        paper.text(line, frame.x + 6, y, SMALL_PT, painter.theme.line)


def _paper_arrow(paper: _Paper, painter: Painter, arrow: Arrow) -> None:
    colour, width, dashed = _stroke(painter, arrow)
    paper.pen(colour, width, dashed=dashed)
    paper.curve(arrow.curve)
    paper.polygon(_head(arrow), colour)
    if arrow.link.label:
        x, y = arrow.label
        paper.text(arrow.link.label, x, y + 3, SMALL_PT, painter.theme.line)


def _paper_box(paper: _Paper, painter: Painter, box: Box) -> None:
    line, ink, width, dashed, filled = _look(painter, box)
    if filled:
        paper.pen(line, width, dashed=dashed)
        rounded = box.height / 2 if box.node.kind == "join" else 4
        left, top = box.x - box.width / 2, box.y - box.height / 2
        paper.box(left, top, box.width, box.height, rounded, painter.theme.fill)
    for words, y, size in _text_at(box):
        paper.text(words, box.x, y, size, ink, middle=True)


class _Paper:
    """A page of a PDF, whose y goes upwards, drawn on with y downwards."""

    def __init__(self, canvas: Any, height: float) -> None:
        self.canvas, self.height = canvas, height

    def pen(self, colour: str, width: float, *, dashed: bool) -> None:
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(width)
        self.canvas.setDash([4, 3] if dashed else [])

    def box(
        self, x: float, y: float, width: float, height: float, rounded: float, fill: str
    ) -> None:
        if fill:
            self.canvas.setFillColor(fill)
        low = self.height - y - height
        self.canvas.roundRect(x, low, width, height, rounded, stroke=1, fill=int(bool(fill)))

    def curve(self, points: Sequence[placed.Point]) -> None:
        path = self.canvas.beginPath()
        path.moveTo(points[0][0], self.height - points[0][1])
        for at in range(1, len(points), 3):
            path.curveTo(*(v for x, y in points[at : at + 3] for v in (x, self.height - y)))
        self.canvas.drawPath(path, stroke=1, fill=0)

    def polygon(self, points: Sequence[placed.Point], colour: str) -> None:
        path = self.canvas.beginPath()
        path.moveTo(points[0][0], self.height - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, self.height - y)
        path.close()
        self.canvas.setFillColor(colour)
        self.canvas.drawPath(path, stroke=0, fill=1)

    def text(
        self, words: str, x: float, y: float, size: float, colour: str, *, middle: bool = False
    ) -> None:
        written = "".join(_LATIN.get(sign, sign) for sign in words)
        self.canvas.setFillColor(colour)
        self.canvas.setFont("Helvetica", size)
        draw = self.canvas.drawCentredString if middle else self.canvas.drawString
        draw(x, self.height - y, written)
