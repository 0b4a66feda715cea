"""Every section, figure and table that a lesson, a scene or a probe cites was looked at once.

`citations.toml` says of each how. A place that is not in it fails, and so does an entry that
nothing cites any more.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from skipviz.core import registry
from tests.citations import citations, of_file, of_sources
from tests.numbers_in_text import texts

ROOT = Path(__file__).parent.parent
CHECKED: dict[str, dict[str, str]] = tomllib.loads(
    (Path(__file__).parent / "citations.toml").read_text(encoding="utf-8")
)
TITLES = sorted(
    (work for work in CHECKED if not re.fullmatch(r".* \d{4}", work)), key=len, reverse=True
)
FILES = sorted(
    [
        *(ROOT / "pages" / "4_learn").glob("*.py"),
        *(ROOT / "skipviz" / "probes").glob("*.py"),
    ]
)


def cited() -> dict[tuple[str, str], str]:
    """Every citation with a number, and one place where it stands."""
    found = {}
    for path in FILES:
        for line, work, place in of_file(path, TITLES):
            found[work, place] = f"{path.name}:{line}"
    for key, scene in registry.scenes().items():
        in_list = {part for source in scene.sources for part in source}
        for line, text in texts(ROOT / "skipviz" / "scenes" / f"{key}.py"):
            for work, place in () if text in in_list else citations(text, TITLES):
                found[work, place] = f"{key}.py:{line}"
        for work, place in of_sources(scene.sources, TITLES):
            found[work, place] = f"{key}, sources"
    return found


def test_every_numbered_citation_says_how_it_was_checked() -> None:
    unchecked = [
        f"{where}: {work or 'no work'}, {place}"
        for (work, place), where in cited().items()
        if place not in CHECKED.get(work, {})
    ]
    assert not unchecked


def test_what_was_checked_is_still_cited_and_is_a_sentence() -> None:
    there = cited()
    for work, places in CHECKED.items():
        for place, how in places.items():
            assert (work, place) in there, f"nothing cites {work}, {place}"
            assert len(how.split()) >= 3, f"{work}, {place}: {how!r} does not say how"


def test_a_work_whose_authors_wrote_two_that_year_is_cited_by_its_title() -> None:
    assert "Srivastava et al. 2015" not in CHECKED
    assert {"Srivastava et al. 2015, Highway Networks"} < set(TITLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "so (He et al. 2015, section 3.3 and Table 3). And (Veit\net al. 2016, Figs. 1 and 2)",
            [
                ("He et al. 2015", "section 3.3"),
                ("He et al. 2015", "table 3"),
                ("Veit et al. 2016", "figure 1"),
                ("Veit et al. 2016", "figure 2"),
            ],
        ),
        ("Glorot & Bengio 2010, section 3", [("Glorot & Bengio 2010", "section 3")]),
        ("He 2016 (arXiv 1603.05027), equation (5)", [("He 2016", "equation 5")]),
        ("as Table 2 has it", [("", "table 2")]),
        ("Hochreiter 1991; 5 layers, Fig Tree, 2 tables", []),
        (
            "Srivastava et al. 2015, Highway Networks, section 2, equations 2 and 3",
            [
                ("Srivastava et al. 2015, Highway Networks", "section 2"),
                ("Srivastava et al. 2015, Highway Networks", "equation 2"),
                ("Srivastava et al. 2015, Highway Networks", "equation 3"),
            ],
        ),
    ],
)
def test_citations_are_read_as_they_stand(text: str, expected: list[tuple[str, str]]) -> None:
    assert citations(text, TITLES) == expected
