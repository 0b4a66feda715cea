"""Data

icon: dataset
"""

import streamlit as st

from skipviz.ui import data, own

st.title("Data")
data.show_next()
data.show(data.choose())
st.header("Your own pictures", divider="gray")
made = own.form()
if made is not None:
    data.show_next(made)
