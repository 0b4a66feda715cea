"""Plain vs residual

icon: compare_arrows
"""

import streamlit as st

from skipviz.ui.lab import twins
from skipviz.ui.run import address
from skipviz.ui.run.control import controls, differs, recorded
from skipviz.ui.run.share import is_fixed
from skipviz.ui.run.training import again_if_ended, at_init, buttons, charts, foot

st.title("Plain vs residual")
st.markdown(
    "Two nets with the **same layers and the same first weights**; one has a shortcut around every"
    " two layers. **How much of the gradient reaches the first layer?**"
)

address.restore("twins")
run = address.run_in_address()
start = run.experiment if run else address.experiment_in_address(twins.default())
if not twins.is_pair(start):
    st.info(
        "This page shows one residual net beside its plain twin; other experiments open in the Lab."
    )
    start, run = twins.default(), None

boxes = st.columns([1.9, 0.9, 1.2, 1.8, 1.1, 2.25, 1.4, 0.85], vertical_alignment="bottom")
planned = start.as_planned()
chosen = planned if is_fixed() else twins.controls(planned, boxes[:5])
experiment = recorded(chosen, start, run, "twins") or chosen
if run is not None and run.ended and differs(run, experiment):
    run = None
run = buttons(experiment, run, "twins", boxes[5:])

controls(run, experiment, "twins")
if run is None:
    preview = at_init(experiment)
    if preview is not None:
        charts(preview, key="twins_at_init", panels=("profile",))
        st.caption("This is the gradient **at init**. Press **Train** to watch both nets learn.")
else:
    panels = ("header", "profile", "loss", "graph", "heat")
    charts(run, key="twins_charts", panels=panels, in_address=True)
    if differs(run, experiment):
        st.info("The controls were changed after this run began. Press Train to see their effect.")
foot(
    "plain twin",
    "residual branch",
    "shortcut",
    "signal gradient",
    "weight gradient",
    "vanishing gradient",
)
address.write("twins", experiment, run.id if run else None)
again_if_ended(run, "twins")
