"""Vote

icon: how_to_vote
hidden
"""

import streamlit as st

from skipviz.ui.lecture import votes

st.title("What do you predict?")
votes.ballot()
