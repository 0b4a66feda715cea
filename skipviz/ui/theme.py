"""Which theme the page is shown in."""

from __future__ import annotations

import streamlit as st


def is_dark() -> bool:
    """Is the page shown in the dark theme?"""
    return st.context.theme.type == "dark"
