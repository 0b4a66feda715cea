"""Names that people give (classes, data sets), shown as they are: one function for each language
that would read something else in them.

    plotly("a<b>c")      for titles, ticks, legends and hover texts: Plotly reads some HTML in them
    markdown("*a*")      for captions, pills, buttons and whatever else Streamlit reads as Markdown

HTML is escaped by `html.escape`.
"""

from __future__ import annotations

import re
from html import escape

_JOINER = "\u2060"
"""Has no width; a colon before it begins neither an emoji nor a colour."""
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$&^=@\"'/])")
_COLON = re.compile(r":(?=[\w+-])")


def plotly(name: str) -> str:
    """A name for Plotly, whose texts have tags, entities, formulas and places for values (%{x})."""
    return escape(name, quote=False).replace("$", "&#36;").replace("%", "&#37;")


def markdown(name: str) -> str:
    """A name for Streamlit's Markdown: what it would read as a mark is a character, and line breaks
    are blanks."""
    marked = _PUNCTUATION.sub(r"\\\1", " ".join(name.split()))
    return _COLON.sub(":" + _JOINER, marked)
