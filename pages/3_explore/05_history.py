"""History

icon: history
"""

import streamlit as st

from skipviz.ui.history import page

st.title("History")
page.show()
