"""Data

icon: dataset
"""

import streamlit as st

from skipviz.ui.data import add_set, page

st.title("Data")
page.show_next()
page.show(page.choose())
st.header("Your own pictures", divider="gray")
made = add_set.form()
if made is not None:
    page.show_next(made)
