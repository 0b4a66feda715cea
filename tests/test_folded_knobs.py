"""Knobs in a popover cost nothing while it is closed, and keep what was chosen in it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from skipviz.core.fields import FIELDS


def _page(name: str, value: object) -> None:
    import streamlit as st

    from skipviz.core.fields import FIELDS
    from skipviz.ui.knobs import folded_knob

    is_open = st.checkbox("open", key="open")
    st.text(repr(folded_knob(is_open, FIELDS[name], value, "knob")))
    st.checkbox("something else", key="other")


def _opened(name: str, value: object) -> AppTest:
    page = AppTest.from_function(_page, args=(name, value), default_timeout=60)
    return page.run()


def _says(page: AppTest) -> str:
    assert not page.exception
    return str(page.text[0].value)


def test_a_closed_popover_draws_nothing_and_keeps_what_was_chosen_in_it() -> None:
    page = _opened("momentum", 0.9)
    assert _says(page) == "0.9" and not page.number_input
    page.checkbox(key="open").check().run()
    assert page.number_input(key="knob").value == 0.9
    page.number_input(key="knob").set_value(0.5).run()
    assert _says(page) == "0.5"
    page.checkbox(key="open").uncheck().run()
    assert _says(page) == "0.5" and not page.number_input
    page.checkbox(key="other").check().run()
    assert _says(page) == "0.5", "its widget is gone for good"
    page.checkbox(key="open").check().run()
    assert page.number_input(key="knob").value == 0.5
    page.number_input(key="knob").set_value(0.25)
    page.checkbox(key="open").uncheck().run()  # the page has heard of both at once
    assert _says(page) == "0.25"


@pytest.mark.parametrize(
    ("name", "value", "chosen"),
    [("optimiser", "sgd", "adam"), ("seconds", 0.0, 2.5), ("warmup", 0, 7)],
)
def test_every_kind_of_knob_is_kept(name: str, value: object, chosen: object) -> None:
    page = _opened(name, value)
    page.checkbox(key="open").check().run()
    kind = "selectbox" if FIELDS[name].kind == "choice" else "number_input"
    getattr(page, kind)(key="knob").set_value(chosen).run()
    page.checkbox(key="open").uncheck().run()
    page.checkbox(key="other").check().run()
    assert _says(page) == repr(chosen)
