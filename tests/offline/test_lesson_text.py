"""Lessons are read from their pages whole, and become HTML without a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipviz.core.glossary import TERMS
from skipviz.core.registry import scenes
from skipviz.offline.lesson_text import CommonClaims, as_html, lesson, lessons
from skipviz.ui.shell import pages


def test_every_lesson_of_the_app_is_read_with_its_scenes_and_words() -> None:
    shown = lessons()
    chapter = [page for page in pages() if page.path.parent.name == "4_learn"]
    assert [each.title for each in shown] == [page.title for page in chapter]
    for each in shown:
        assert each.question and each.parts and each.terms
        assert set(each.scenes) <= set(scenes()) and set(each.terms) <= set(TERMS)
    assert any(isinstance(part, CommonClaims) for part in shown[-1].parts)


@pytest.mark.parametrize("line", ["st.write('more')", "x = 1", "lesson.video('a.mp4')"])
def test_a_lesson_that_says_more_than_can_be_read_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "01_new.py"
    path.write_text(f'"""New"""\nfrom skipviz.ui.learn import lesson\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="01_new.py, line 3: a lesson"):
        lesson(path)


def test_markdown_and_formulas_become_html() -> None:
    html = as_html("#### Next\n\n**Bold** $x_l$ <script>\n\n$$y = F(x) + x$$\n")
    assert "<h2>Next</h2>" in html and "<strong>Bold</strong>" in html
    assert "<msub><mi>x</mi><mi>l</mi></msub>" in html and 'display="block"' in html
    assert "&lt;script&gt;" in html and "<script" not in html
