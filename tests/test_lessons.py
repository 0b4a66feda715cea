"""Every lesson page names scenes that there are, and states no number that nothing backs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from skipviz.core import registry
from skipviz.core.glossary import TERMS
from skipviz.core.scene import Scene
from skipviz.ui import home
from tests.numbers_in_text import settings, texts, unbacked, values

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "pages" / "4_learn").glob("*.py"))
HOME = ROOT / "pages" / "1_start" / "01_home.py"
SCENES: dict[str, Scene] = registry.scenes()


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    """The calls of `lesson.<name>` in a page."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"lesson.{name}":
            yield node


def embedded(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """The scenes of a page and which of their figures it shows."""
    found = []
    for call in calls(path, "scene"):
        given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        found.append((ast.literal_eval(call.args[0]), given.get("figures", (0,))))
    return found


def unwrapped(text: str) -> str:
    """A text whose lines end where its paragraphs and list items do: a sentence may be wrapped."""
    return re.sub(r"(?<!\n)\n(?!\n|\s*[-#|])\s*", " ", text)


def known(path: Path) -> set[float]:
    """The settings of the experiments that a page embeds."""
    found = settings(run for key, _ in embedded(path) for run in SCENES[key].runs.values())
    for key, _ in embedded(path):
        for ask in SCENES[key].asks:
            found |= values(str(option) for option in ask.options.values())
    return found


def stray(path: Path, backed: set[float]) -> list[str]:
    """Every number of a page's texts that nothing backs, with its line."""
    return [
        f"{path.name}:{line} {wrong}"
        for line, text in texts(path)
        for wrong in unbacked(unwrapped(text), backed)
    ]


def test_there_are_lessons_and_each_scene_of_theirs_is_one_with_these_figures() -> None:
    assert len(LESSONS) >= 8
    for path in LESSONS:
        for key, figures in embedded(path):
            assert key in SCENES, f"{path.name}: there is no scene {key}"
            assert figures and set(figures) <= set(range(len(SCENES[key].figures)))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: str(path.stem))
def test_numbers_of_a_lesson_are_settings_of_its_scenes_or_have_a_source(path: Path) -> None:
    assert list(texts(path))
    assert not stray(path, known(path))


def test_numbers_of_the_home_page_are_settings_of_its_picture() -> None:
    assert not stray(HOME, settings([home.experiment()]))


def test_a_number_on_a_page_that_nothing_backs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    page.write_text(
        'lesson.text("""\nIt is 7 times as\ndeep (He et al.\n2015, Fig. 1).\n\nAnd 9 wide.\n""")\n'
        'lesson.scene("degradation", figures=(0, 1))\n',
        encoding="utf-8",
    )
    (wrong,) = stray(page, known(page))
    assert "9: And 9 wide." in wrong
    assert embedded(page) == [("degradation", (0, 1))]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: str(path.stem))
def test_the_words_of_a_lesson_are_in_the_glossary(path: Path) -> None:
    (end,) = calls(path, "end")
    words = [ast.literal_eval(word) for word in end.args[1:]]
    assert words and not [word for word in words if word not in TERMS]
    (begin,) = calls(path, "begin")
    assert ast.literal_eval(begin.args[1]).rstrip().endswith(("?", "inside"))


def test_sentences_that_fail_come_from_every_scene() -> None:
    for key, scene in SCENES.items():
        assert "“" in scene.misconception and "”" in scene.misconception, key
