"""A scene's exercises, and the button that takes them away on paper."""

from __future__ import annotations

import streamlit as st

from skipviz.core.scene import Scene
from skipviz.offline.worksheet import sheet


def worksheet(scene: Scene) -> None:
    """The exercises, each with its answer behind a click, and the sheet to print."""
    st.markdown("#### Exercises")
    for i, (question, answer) in enumerate(scene.exercises, start=1):
        with st.expander(f"{i}. {question}"):
            st.markdown(answer)
    st.download_button(
        "Worksheet to print",
        sheet(scene),
        file_name="worksheet.html",
        mime="text/html",
        icon=":material/print:",
        key="worksheet",
    )
