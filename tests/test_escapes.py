"""Names in sentences for Markdown: nothing in them means anything, commands stay code."""

from __future__ import annotations

import re

import pytest

from skipviz.core.escapes import markdown, sentence

NAMES = ("<none>", "a<b>c", "$x$", "*a*", "[x](y)", "`a`", "~~a~~", "a_b_", "# a", "&lt;")


@pytest.mark.parametrize("name", NAMES)
def test_every_sign_of_a_name_is_a_character(name: str) -> None:
    for text in (markdown(name), sentence(name)):
        assert re.sub(r"\\(?=[^A-Za-z0-9\s])", "", text) == name
        assert not re.search(r"(?<!\\)[<>$*\[\]()`~_#&]", text)


def test_a_colon_before_a_word_begins_no_emoji() -> None:
    assert ":smile" not in sentence("class :smile: is gone")
    assert sentence("data: gone") == "data: gone"


def test_the_commands_of_a_sentence_are_code_and_what_only_looks_so_is_none() -> None:
    said = sentence("Get it with `python -m skipviz data get mnist_2`, not with `rm -r`.")
    assert said == r"Get it with `python -m skipviz data get mnist_2`, not with \`rm \-r\`\."


def test_lines_become_one() -> None:
    assert sentence("a\n\n# b") == r"a \# b"
