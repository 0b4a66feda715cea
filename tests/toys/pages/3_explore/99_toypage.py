"""Toy page

icon: toys
"""

import streamlit as st

from skipviz.ui import shell

st.title("Toy page")
st.write(f"One of {len(shell.pages())} pages.")
