"""Collects the citations of a Python file's texts: which work, and which places of it.

    citations("(He et al. 2015, section 3.3 and Table 3)")
        [("He et al. 2015", "section 3.3"), ("He et al. 2015", "table 3")]

A work is written as its authors and year, and by its title where these name two. Places are
sections, figures, tables, equations and algorithms with their numbers, in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.numbers_in_text import texts

_NAME = r"[A-Z][\wé’-]+"
_WORK = re.compile(
    rf"(?P<authors>{_NAME}(?: et al\.| (?:and|&) {_NAME}(?: et al\.)?)?),? \(?"
    r"(?P<year>(?:19|20)\d\d)\b"
)
_KINDS = {"fig": "figure", "figs": "figure", "eq": "equation"}
_PLACE = re.compile(
    r"\b(?P<kind>[Ss]ections?|[Ff]igs?\.?|[Ff]igures?|[Tt]ables?|[Ee]qs?\.|[Ee]quations?|"
    r"[Aa]lgorithms?) \(?(?P<numbers>\d[\d.]*\w?\)?(?:(?:, | and | to |–)\(?\d[\d.]*\)?)*)"
)


def citations(text: str, titles: Sequence[str] = ()) -> list[tuple[str, str]]:
    """(work, place) of every numbered place that a text cites. What stands between two works
    belongs to the first; a place that stands before any work is nobody's: ("", place).

    titles   names of works that go beyond authors and year, "Srivastava et al. 2015, Highway Ne…"
    """
    joined = re.sub(r"\s+", " ", text)
    starts = list(_WORK.finditer(joined))
    found = [("", place) for place in places(joined[: starts[0].start() if starts else None])]
    for at, start in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else None
        rest = joined[start.start() : end]
        name = f"{start['authors']} {start['year']}"
        work = next((title for title in titles if rest.startswith(title)), name)
        found += [(work, place) for place in places(rest)]
    return found


def places(text: str) -> Iterator[str]:
    """The numbered places of a text, one by one: "Figs. 1 and 2" are two."""
    for match in _PLACE.finditer(text):
        kind = match["kind"].lower().rstrip(".")
        kind = _KINDS.get(kind, kind.removesuffix("s"))
        for number in re.findall(r"\d+(?:\.\d+)*", match["numbers"]):
            yield f"{kind} {number}"


def of_file(path: Path, titles: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """(line, work, place) of every citation in a file's texts."""
    for line, text in texts(path):
        for work, place in citations(text, titles):
            yield line, work, place


def of_sources(
    sources: Iterable[tuple[str, str]], titles: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """(work, place) of a scene's list of sources."""
    for source, place in sources:
        yield from citations(f"{source}, {place}", titles)
