"""Home

icon: home
"""

import streamlit as st

from skipviz.ui import home
from skipviz.ui.run.training import charts

st.title("What happens to a gradient in a deep network?")

left, right = st.columns([5, 7], gap="large")
with left:
    st.markdown(
        """
A deep network is a chain: each layer sees only what the layer before it made of the picture.
On the way back, the gradient passes the same chain, and in a plain network it can shrink at every
layer until the first ones learn nothing.
A **skip connection** hands a unit's input on beside its layers, so that both the signal and the
gradient have a way around them: added (*ResNet*), mixed by a learned gate (*Highway*), or appended
(*DenseNet*).
Nets with skips can be trained at depths at which their plain twins, with the very same layers, do
not start.
Why that is so is less settled than textbooks say: here you can measure it, on your own machine, in
seconds.
"""
    )
    st.page_link(
        "pages/2_show/01_plain_vs_residual.py",
        label="**Plain vs residual**: the one-minute demonstration",
        icon=":material/compare_arrows:",
    )
    st.page_link(
        "pages/3_explore/01_lab.py",
        label="**Lab**: up to four architectures side by side",
        icon=":material/science:",
    )
    st.page_link(
        "pages/1_start/02_lecture.py",
        label="**Lecture**: scenes that ask the room first, for a projector",
        icon=":material/slideshow:",
    )
    st.page_link(
        "pages/4_learn/01_why_depth.py",
        label="**Lessons**: the whole story, in short pages",
        icon=":material/school:",
    )
    run = home.picture()
    st.caption(home.caption(run))
with right:
    if run is not None:
        charts(run, key="home", panels=("header", "loss", "profile"), replay_s=6.0)
