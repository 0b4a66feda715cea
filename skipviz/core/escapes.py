"""Names that people give (classes, data sets), shown as they are: one function for each language
that would read something else in them.

    plotly("a<b>c")      for titles, ticks, legends and hover texts: Plotly reads some HTML in them
    markdown("*a*")      for captions, pills, buttons and whatever else Streamlit reads as Markdown
    sentence("…")        for an error's sentence there: names in it as they are, commands as code

HTML is escaped by `html.escape`.
"""

from __future__ import annotations

import re
from html import escape

_JOINER = "\u2060"
"""Has no width; a colon before it begins neither an emoji nor a colour."""
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$&^=@\"'/])")
_COLON = re.compile(r":(?=[\w+-])")
_COMMAND = re.compile(r"`((?:python -m skipviz|skipviz|pip install|streamlit run|ray) [^`]+)`")


def plotly(name: str) -> str:
    """A name for Plotly, whose texts have tags, entities, formulas and places for values (%{x})."""
    return escape(name, quote=False).replace("$", "&#36;").replace("%", "&#37;")


def markdown(name: str) -> str:
    """A name for Streamlit's Markdown: what it would read as a mark is a character, and line breaks
    are blanks."""
    return _marked(" ".join(name.split()))


def sentence(text: str) -> str:
    """A sentence of ours, with whatever names stand in it, for Streamlit's Markdown: `skipviz …`
    and other commands are code, all else is as it stands."""
    parts = _COMMAND.split(" ".join(text.split()))
    return "".join(f"`{part}`" if i % 2 else _marked(part) for i, part in enumerate(parts))


def _marked(text: str) -> str:
    return _COLON.sub(":" + _JOINER, _PUNCTUATION.sub(r"\\\1", text))
