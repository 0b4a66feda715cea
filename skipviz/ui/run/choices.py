"""What is looked at on a page: choices that stand in its address, and are no choice where the
address fixes the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from skipviz.ui.run.share import OF_CHARTS, is_fixed

T = TypeVar("T")

BESIDE = (
    "view", "seed_shown", "classes", "layers_out", "sample", "when", "inside", "probe",
    "lane_shown", "picture", "values", "layer",
)  # fmt: skip
"""Names of choices that stand beside an experiment in an address."""

_CHOSEN = "choices_chosen"


def begin() -> None:
    """A page begins to be drawn: nothing is chosen on it yet."""
    st.session_state[_CHOSEN] = {}


def chosen_words() -> dict[str, list[str]]:
    """What was chosen on this page and is not as usual."""
    words: dict[str, list[str]] = st.session_state.setdefault(_CHOSEN, {})
    return dict(words)


def of_charts(run_id: str | None) -> dict[str, str]:
    """What the address says of the live charts of its run; nothing of those of another."""
    query = st.query_params
    if run_id is None or query.get("run") != run_id:
        return {}
    return {name: query[name] for name in OF_CHARTS if name in query}


def option_in_address(name: str, options: Sequence[T], usual: T) -> T:
    """The option that the address names, else the usual one."""
    word = st.query_params.get(name)
    return next((option for option in options if str(option) == word), usual)


def options_in_address(name: str, options: Sequence[T]) -> list[T]:
    """The options that the address names."""
    by_word = {str(option): option for option in options}
    words = st.query_params.get(name, "").split(",")
    return [by_word[word] for word in dict.fromkeys(words) if word in by_word]


def number_in_address(name: str, low: int, high: int) -> int | None:
    """The whole number that the address names; None where it is none that can be."""
    word = st.query_params.get(name, "")
    number = int(word) if word.isascii() and word.isdigit() and len(word) < 10 else None
    return number if number is not None and low <= number <= high else None


def note(name: str, value: Any, usual: Any = "") -> None:
    """Puts a choice into the address, where it is not the usual one."""
    word = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    words = st.session_state.setdefault(_CHOSEN, {})
    if word != str(usual):
        words[name] = [word]
        if st.query_params.get(name) != word:
            st.query_params[name] = word
    else:
        words.pop(name, None)
        if name in st.query_params:
            del st.query_params[name]


def one_of(
    box: Any, label: str, options: Sequence[T], name: str, *, key: str, usual: T | None = None,
    says: Callable[[Any], str] = str, help: str | None = None, named: bool = True,
) -> T:  # fmt: skip
    """One of the options, by a row of buttons in a box; `named`: does the label stand over it?"""
    first = options[0] if usual is None else usual
    given = option_in_address(name, options, first)
    if is_fixed():
        note(name, given, first)
        return given
    chosen = box.segmented_control(
        label, list(options), default=given, key=key, format_func=says, required=True, help=help,
        label_visibility="visible" if named else "collapsed",
    )  # fmt: skip
    value: T = given if chosen is None else chosen
    note(name, value, first)
    return value


def whole_number(
    box: Any, label: str, low: int, high: int, name: str, *, key: str, usual: int | None,
    placeholder: str | None = None,
) -> int | None:  # fmt: skip
    """A whole number, by a field in a box; None where none is usual and none was chosen."""
    given = number_in_address(name, low, high)
    begins = usual if given is None else given
    chosen: int | None = begins
    if not is_fixed():
        chosen = box.number_input(label, low, high, begins, key=key, placeholder=placeholder)
    note(name, "" if chosen is None else int(chosen), "" if usual is None else usual)
    return chosen
