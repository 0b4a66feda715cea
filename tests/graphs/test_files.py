"""Drawings as files: everything of the drawing is on the page, nothing stands on anything else."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html import unescape
from itertools import combinations
from pathlib import Path

import pytest

from skipviz import graphs
from skipviz.core import packages
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.graphs import files
from skipviz.graphs.drawing import Drawing
from skipviz.graphs.placed import Arrow, Box, Placed, place
from tests.graphs.test_graphs import NETS

SVG = "{http://www.w3.org/2000/svg}"
DRAWINGS = {
    f"{name}, {zoom}": (graphs.drawing(wiring, zoom), wiring)
    for name, wiring in NETS.items()
    for zoom in ("net", "stage", "unit")
}
every_drawing = pytest.mark.parametrize(("drawing", "wiring"), DRAWINGS.values(), ids=DRAWINGS)


def _apart(one: Box, other: Box) -> bool:
    return (
        abs(one.x - other.x) >= (one.width + other.width) / 2
        or abs(one.y - other.y) >= (one.height + other.height) / 2
    )


def _along(arrow: Arrow) -> list[tuple[float, float]]:
    """Points of an arrow's curves."""
    points = []
    for at in range(0, len(arrow.curve) - 1, 3):
        a, b, c, d = arrow.curve[at : at + 4]
        for k in range(21):
            t = k / 20
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            points.append(
                tuple(sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True))
                      for axis in (0, 1))
            )  # fmt: skip
    return points  # type: ignore[return-value]


@every_drawing
def test_boxes_stand_apart_and_the_page_holds_everything(drawing: Drawing, wiring: Wiring) -> None:
    of = place(drawing)
    assert all(_apart(one, other) for one, other in combinations(of.boxes, 2))
    assert len(of.boxes) == len(drawing.nodes) and len(of.arrows) == len(drawing.links)
    assert len(of.frames) == len(drawing.clusters)
    for box in of.boxes:
        assert 0 <= box.x - box.width / 2 and box.x + box.width / 2 <= of.width
        assert 0 <= box.y - box.height / 2 and box.y + box.height / 2 <= of.height
    for arrow in of.arrows:
        assert all(0 <= x <= of.width and 0 <= y <= of.height for x, y in _along(arrow))


@every_drawing
def test_arrows_lead_from_box_to_box_and_a_shortcut_passes_through_none(
    drawing: Drawing, wiring: Wiring
) -> None:
    of = place(drawing)
    at = {box.node.id: box for box in of.boxes}
    for arrow in of.arrows:
        for name, (x, y) in zip((arrow.link.source, arrow.link.target),
                                (arrow.curve[0], arrow.curve[-1]), strict=True):  # fmt: skip
            box = at[name]
            assert abs(x - box.x) <= box.width / 2 + 0.1 and abs(y - box.y) <= box.height / 2 + 0.1
        if len(arrow.curve) > 4:
            others = [box for box in of.boxes if _between(box, at, arrow)]
            assert others and not any(
                _inside(box, point) for box in others for point in _along(arrow)
            )


def _between(box: Box, at: dict[str, Box], arrow: Arrow) -> bool:
    """Does a box stand straight between the ends of an arrow?"""
    ends = at[arrow.link.source], at[arrow.link.target]
    return ends[0].y < box.y < ends[1].y and any(abs(box.x - end.x) < 1 for end in ends)


def _inside(box: Box, point: tuple[float, float]) -> bool:
    return abs(point[0] - box.x) < box.width / 2 and abs(point[1] - box.y) < box.height / 2


def _words(of: Placed) -> Counter[str]:
    lines = [line for box in of.boxes for line in box.lines]
    lines += [line for frame in of.frames for line in frame.title]
    return Counter([*lines, *(a.link.label for a in of.arrows if a.link.label)])


@every_drawing
def test_an_svg_is_whole_and_says_every_word(drawing: Drawing, wiring: Wiring) -> None:
    text = files.svg(drawing, wiring.family)
    root = ElementTree.fromstring(text)
    said = Counter(element.text or "" for element in root.iter(f"{SVG}text"))
    assert said == _words(place(drawing))
    assert len(list(root.iter(f"{SVG}path"))) == len(drawing.links)


@every_drawing
def test_tikz_says_every_word_and_closes_what_it_opens(drawing: Drawing, wiring: Wiring) -> None:
    text = files.tikz(drawing, wiring.family)
    assert text.isascii() and text.count("{") == text.count("}")
    nodes = len(drawing.nodes) + sum(bool(link.label) for link in drawing.links)
    nodes += sum(len(frame.title) for frame in place(drawing).frames)
    assert text.count(r"\node[") == nodes
    defined = re.findall(r"\\definecolor\{(\w+)\}", text)
    assert set(re.findall(r"(skipviz[A-Z])\b", text)) == set(defined)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="TeX is not installed here")
def test_tex_sets_the_drawings(tmp_path: Path) -> None:
    pictures = [files.tikz(drawing, wiring.family) for drawing, wiring in DRAWINGS.values()]
    page = "\n\\newpage\n".join(pictures)
    document = (
        "\\documentclass{article}\\usepackage{tikz}\n"
        "\\usepackage[paperwidth=60cm,paperheight=90cm,margin=1cm]{geometry}\n"
        f"\\begin{{document}}\n{page}\n\\end{{document}}\n"
    )
    (tmp_path / "all.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path, capture_output=True, encoding="utf-8", errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@every_drawing
def test_a_pdf_is_one_page_of_the_drawing_s_size(drawing: Drawing, wiring: Wiring) -> None:
    data, of = files.pdf(drawing, wiring.family), place(drawing)
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    (box,) = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", data)
    assert [float(side) for side in box] == pytest.approx([of.width, of.height], abs=0.01)
    assert data == files.pdf(drawing, wiring.family)


def test_signs_of_markup_in_a_label_stay_signs() -> None:
    from skipviz.graphs.drawing import Link, Node

    odd = Drawing([Node("a", "<b> & {x}_1 100% #1 $ \\ ^ ~"), Node("b", "‖")], [Link("a", "b")])
    root = ElementTree.fromstring(files.svg(odd, "resnet"))
    assert next(root.iter(f"{SVG}text")).text == odd.nodes[0].label
    assert unescape(files.svg(odd, "resnet")).count("<b>") >= 1
    assert r"\{x\}\_1 100\% \#1 \$ \textbackslash{} \textasciicircum{}" in files.tikz(odd, "resnet")


def test_without_reportlab_a_pdf_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_there", lambda name: False)
    drawing, wiring = next(iter(DRAWINGS.values()))
    with pytest.raises(SpecError, match="a PDF needs reportlab, which is not installed here: run"):
        files.pdf(drawing, wiring.family)
