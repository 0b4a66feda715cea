"""Compare

icon: stacked_line_chart
"""

import streamlit as st

from skipviz.ui.compare import page

st.title("Compare")
page.show()
