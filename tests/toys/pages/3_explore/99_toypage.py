"""Toy page

icon: toys
"""

import streamlit as st

from skipviz.core.registry import scenes

st.title("Toy page")
st.write(scenes()["toyscene"].question)
