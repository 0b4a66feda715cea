"""Highway and depth

icon: stacked_line_chart
"""

import streamlit as st

from skipviz.ui.highway import depth
from skipviz.ui.run.training import foot

st.title("Highway and depth")
st.markdown(
    "A gate that starts by carrying lets the gradient through: how much, at which depth, and what"
    " becomes of it in training?"
)
depth.views()
foot("gate bias", "transform gate", "carry gate", "signal gradient", "plain network", "depth")
