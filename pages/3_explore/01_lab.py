"""Lab

icon: science
"""

import streamlit as st

from skipviz.ui.lab import form
from skipviz.ui.notes import press
from skipviz.ui.run import address
from skipviz.ui.run.control import controls, differs, recorded
from skipviz.ui.run.exports import take_away
from skipviz.ui.run.inspect_run import inside
from skipviz.ui.run.share import is_fixed
from skipviz.ui.run.training import again_if_ended, buttons, charts, foot

REPLAY_S = 10.0

st.title("Lab")
address.restore("lab")
run = address.run_in_address()
state = form.state(run.experiment if run else None)
if is_fixed():
    experiment, boxes = state.start, st.columns([2, 1, 1, 5])[:3]
else:
    form.preset_row(state)
    fields, boxes = form.fields(state)
    training = run is not None or st.session_state.get("lab_train", False)
    with st.expander(
        "Architectures",
        key=f"lab_architectures_{training}",
        expanded=not training,
        icon=":material/account_tree:",
    ):
        experiment = form.form(state, fields)
experiment = recorded(experiment, run.experiment if run else state.start, run, "lab")
run = buttons(experiment, run, "lab", boxes)
controls(run, experiment, "lab")

if run is None:
    press("Press **Train** to watch these nets learn, step by step, on the same batches.")
else:
    again = st.session_state.get("replayed") == run.id  # as History was asked for
    charts(run, key="lab_charts", replay_s=REPLAY_S if again else None, in_address=True)
    inside(run)
    take_away(run)
    if experiment is not None and differs(run, experiment):
        st.info("The lanes were changed after this run began. Press Train to see their effect.")
foot(
    "lane",
    "plain twin",
    "depth",
    "skip connection",
    "transform gate",
    "carried cell",
    "stripes",
    "growth rate",
    "signal gradient",
    "weight gradient",
    "activation scale",
)
address.write("lab", experiment, run.id if run else None)
again_if_ended(run, "lab")
