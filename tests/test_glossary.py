"""The glossary: each term once, explained in a sentence or two, in words that we have settled."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from skipviz.core import glossary, registry

ROOT = Path(__file__).parent.parent
TERMS = list(glossary.TERMS.values())
FORBIDDEN = ("simply", "obviously", "just ", "of course", "easy to see", "clearly", "etc.")


@pytest.fixture(params=TERMS, ids=[term.name for term in TERMS])
def term(request: pytest.FixtureRequest) -> glossary.Term:
    found = request.param
    assert isinstance(found, glossary.Term)
    return found


def test_every_entry_of_the_table_is_a_term_of_its_own() -> None:
    entries = [line for line in glossary._ENTRIES.splitlines() if " | " in line]
    assert len(entries) == len(glossary.TERMS) > 50
    assert len({term.name.lower() for term in TERMS}) == len(TERMS)
    assert len({term.text for term in TERMS}) == len(TERMS)


def test_a_term_is_explained_in_one_to_three_sentences(term: glossary.Term) -> None:
    sentences = re.findall(r"\.(?=\s|$)", term.text)
    assert 1 <= len(sentences) <= 3
    assert term.text[0].isupper() and term.text.endswith(".")
    assert 40 <= len(term.text) <= 260


def test_a_term_says_who_coined_it(term: glossary.Term) -> None:
    assert term.source in glossary.SOURCES.values()
    assert term.ours == (term.source == "our own word")


def test_no_text_flatters_talks_down_or_uses_a_word_that_misleads(term: glossary.Term) -> None:
    misleading = [word for other in TERMS for word in other.avoid]
    assert misleading
    for word in (*FORBIDDEN, *misleading):
        assert word.lower() not in term.text.lower()


def test_our_own_words_are_marked_as_ours() -> None:
    ours = {term.name for term in TERMS if term.ours}
    assert {"plain twin", "join", "experiment", "lane", "scene", "probe"} <= ours
    assert not {"residual unit", "transform gate", "growth rate", "stripes"} & ours


def test_the_words_to_avoid_are_avoided_in_pages_and_declarations() -> None:
    files = [*ROOT.glob("pages/**/*.py"), *ROOT.glob("skipviz/models/*/family.py")]
    assert files
    for path in files:
        for word in (word for term in TERMS for word in term.avoid):
            assert not re.search(rf"\b{word}\b", path.read_text(encoding="utf-8"), re.IGNORECASE), (
                path,
                word,
            )


def test_the_main_word_of_every_family_is_explained() -> None:
    explained = {"none": "plain network", "add": "residual unit", "gate": "highway unit"}
    explained["concat"] = "dense layer"
    for declared in registry.architectures().values():
        assert glossary.TERMS[explained[declared.join]].text


def test_every_term_that_a_page_or_widget_asks_for_exists() -> None:
    asked = 0
    for path in [*ROOT.glob("pages/**/*.py"), *ROOT.glob("skipviz/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _called(node) in ("words", "foot"):
                for name in (each.value for each in node.args if isinstance(each, ast.Constant)):
                    assert name in glossary.TERMS, f"{path}: {name!r}"
                    asked += 1
    assert asked > 5


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def test_the_gate_bias_numbers_are_right() -> None:
    from math import exp

    shares = {bias: round(100 / (1 + exp(-bias))) for bias in (-2, -4)}
    assert shares == {-2: 12, -4: 2}
    assert "at −2 the gate lets 12 % through, at −4 only 2 %" in glossary.TERMS["gate bias"].text
