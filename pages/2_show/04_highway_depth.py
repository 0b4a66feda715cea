"""Highway and depth

icon: stacked_line_chart
"""

import streamlit as st

from skipviz.ui import highway_depth
from skipviz.ui.training import foot

st.title("Highway and depth")
st.markdown(
    "A gate that starts by carrying lets the gradient through: how much, at which depth, and what"
    " becomes of it in training?"
)
highway_depth.views()
foot("gate bias", "transform gate", "carry gate", "signal gradient", "plain network", "depth")
