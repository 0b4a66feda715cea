"""A page of Explore in Streamlit's test bench: one that leads to others must know them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def explore_page(name: str, timeout_s: float = 120) -> AppTest:
    """The page of this file, not run yet."""
    return AppTest.from_function(_navigation, default_timeout=timeout_s, args=(name,))


def _navigation(name: str) -> None:
    import streamlit as st

    from skipviz.core import places

    files = sorted((places.shipped() / "pages" / "3_explore").glob("*.py"))
    st.navigation([st.Page(each, default=each.name == name) for each in files]).run()
