"""Names that look like HTML, Markdown, LaTeX or a template are shown as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from skipviz.datafiles.adding import add
from skipviz.figures import inside
from skipviz.figures.answers import routing
from tests.browser.serving import serving
from tests.browser.test_app import settled

NAMES = ("<none>", "a<b>c", "x & y", "$x$", "*a*", "[x](y)", ":smile:", "`a`", "%{x}", "&lt;")


def drawn(page: Page, figure: object, texts: str) -> list[str]:
    """What a Plotly figure writes at these places of its drawing."""
    page.set_content(figure.to_html(include_plotlyjs=True))  # type: ignore[attr-defined]
    page.locator(texts).first.wait_for()
    return page.locator(texts).all_text_contents()


def test_a_chart_writes_names_as_they_are(page: Page) -> None:
    figure = inside.confusion(np.eye(len(NAMES), dtype=int).tolist(), NAMES, "Plain-3", False)
    figure.update_layout(width=1100, height=600)
    assert drawn(page, figure, ".xtick text") == list(NAMES)
    maps = np.zeros((len(NAMES), 2, 3)).tolist()
    answer = {"shown": range(len(NAMES)), "maps": maps, "null": maps, "depth": [2, 3]}
    titles = drawn(page, routing.figure([answer], [], False, NAMES), ".annotation-text")
    assert titles[: len(NAMES)] == [f"class {name}" for name in NAMES]


def test_the_data_page_writes_names_as_they_are(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = str(tmp_path / "cache")
    monkeypatch.setenv("SKIPVIZ_CACHE", cache)
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    labels = np.array([NAMES[i % len(NAMES)] for i in range(80)])
    np.savez(tmp_path / "names.npz", images=images, labels=labels)
    title = "a<b>c *x* :smile: $y$ [x](y)"
    key = add(title, tmp_path / "names.npz", 0, lambda **event: None)
    with serving(tmp_path, SKIPVIZ_CACHE=cache) as server:
        page.goto(f"{server.url}/data?set={key}")
        settled(page)
        names = page.locator(".skip-sheet .skip-class b")
        expect(names).to_have_count(len(NAMES))
        assert sorted(names.all_text_contents()) == sorted(NAMES)
        pill = page.get_by_role("radio").filter(has_text="a<b>c").first
        assert pill.inner_text().replace("\u2060", "") == title
