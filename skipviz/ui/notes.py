"""Sentences for people: an error as one line on the page."""

from __future__ import annotations

import streamlit as st


def complain(error: Exception) -> None:
    """Shows an error's one sentence."""
    text = str(error).rstrip(".")
    st.error(text[:1].upper() + text[1:] + ".", icon=":material/error:")
