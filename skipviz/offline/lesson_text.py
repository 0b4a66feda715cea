"""A lesson's page as data: its file is read, not run, for its page would need a server.

lesson(path)       Lesson(slug, title, question, parts, terms)
as_html(markdown)  its text as HTML; $…$ becomes MathML, which browsers draw without a script
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from skipviz.core import places

_HEADING = {"h4": "h2", "h5": "h3"}
"""A lesson's headings stand below a smaller one in the app."""


@dataclass(frozen=True)
class Text:
    """Running text, as Markdown."""

    markdown: str


@dataclass(frozen=True)
class SceneFigures:
    """A scene in a lesson, and which of its figures are shown."""

    key: str
    figures: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class CommonClaims:
    """The table of common claims, a row for each scene."""


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    slug    its file's name without its number
    parts   what stands on its page, in order
    terms   words of the glossary that it uses
    """

    slug: str
    title: str
    question: str
    parts: tuple[Text | SceneFigures | CommonClaims, ...]
    terms: tuple[str, ...]

    @property
    def scenes(self) -> list[str]:
        """The keys of the scenes on its page."""
        return [part.key for part in self.parts if isinstance(part, SceneFigures)]


def lessons() -> list[Lesson]:
    """All lessons of the course, in their order."""
    folder = places.shipped() / "pages" / "4_learn"
    return [lesson(path) for path in sorted(folder.glob("[0-9]*.py"))]


def lesson(path: Path) -> Lesson:
    """The lesson in a page's file. ValueError where the page does something that is unknown here:
    nothing of a lesson is left out in silence."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    question, terms = "", ()
    parts: list[Text | SceneFigures | CommonClaims] = []
    for node in tree.body[1:]:
        if isinstance(node, ast.ImportFrom):
            continue
        call, words, named = _call(node, path)
        if call == "lesson.begin":
            (question,) = words
        elif call == "lesson.text":
            parts.append(Text(words[0]))
        elif call == "lesson.scene":
            parts.append(SceneFigures(words[0], *named))
        elif call == "misconceptions.table":
            parts.append(CommonClaims())
        elif call == "lesson.end":
            terms = tuple(words)
        else:
            raise ValueError(f"{path.name}, line {node.lineno}: a lesson cannot say {call}")
    title = (ast.get_docstring(tree) or "").splitlines()[0]
    return Lesson(path.stem.partition("_")[2], title, question, tuple(parts), terms)


def _call(node: ast.stmt, path: Path) -> tuple[str, list[Any], list[Any]]:
    """A statement that is one call: what is called, its values but `__file__`, its named ones."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        raise ValueError(f"{path.name}, line {node.lineno}: a lesson's page only calls lesson")
    call = node.value
    given = [each for each in call.args if ast.unparse(each) != "__file__"]
    named = [ast.literal_eval(each.value) for each in call.keywords]
    return ast.unparse(call.func), [ast.literal_eval(each) for each in given], named


@cache
def _reader() -> MarkdownIt:
    def mathml(content: str, options: dict[str, Any]) -> str:
        return convert(content, display="block" if options["display_mode"] else "inline")

    reader = MarkdownIt("commonmark", {"html": False})
    return reader.use(dollarmath_plugin, renderer=mathml, allow_digits=True)


def as_html(markdown: str) -> str:
    """Markdown as HTML; tags in it are text."""
    reader = _reader()
    tokens = reader.parse(markdown)
    for token in tokens:
        token.tag = _HEADING.get(token.tag, token.tag)
    text: str = reader.renderer.render(tokens, reader.options, {})
    return text
