"""Gates and stripes

icon: view_week
"""

import streamlit as st

from skipviz.ui.highway import gates
from skipviz.ui.highway.sections import numbers, verdicts
from skipviz.ui.run import address
from skipviz.ui.run.control import differs
from skipviz.ui.run.probe_answers import when_ended
from skipviz.ui.run.share import is_fixed
from skipviz.ui.run.training import again_if_ended, at_init, buttons, charts, foot

st.title("Gates and stripes")
st.markdown(
    "Every cell of every layer is transformed (**T = 1**) or handed on (**T = 0**)."
    " **Which of the stripes were learned, and which were there before?**"
)

address.restore("gates")
run = address.run_in_address()
start = run.experiment if run else address.experiment_in_address(gates.default())
if not gates.fits(start):
    st.info("This page shows one highway net beside its plain twin; others open in the Lab.")
    start, run = gates.default(), None

boxes = st.columns([3.2, 0.9, 1.3, 0.8, 2.0, 1.3, 0.8], vertical_alignment="bottom")
experiment = start.as_planned() if is_fixed() else gates.controls(start, boxes[:4])
if run is not None and run.ended and differs(run, experiment):
    run = None
run = buttons(experiment, run, "gates", boxes[4:])
if run is not None:
    place = st.container()
    extra = gates.by_number(run)
    with place:
        panels = ("header", "gates", "loss")
        charts(run, key="gates_charts", panels=panels, extra=extra, in_address=True)
    if differs(run, experiment):
        st.info("The controls were changed after this run began. Press Train to see their effect.")
    st.subheader("Carried cells in numbers")
    when_ended(run, "gates_numbers", numbers)
    st.subheader("What the papers say, and what this run shows")
    when_ended(run, "gates_verdicts", verdicts)
elif experiment is not None and (preview := at_init(experiment)) is not None:
    charts(preview, key="gates_at_init", panels=("gates",))
    st.caption("The net **at init**: nothing is learned yet. Press **Train** to see what changes.")
foot("transform gate", "gate bias", "carried cell", "plain twin")
address.write("gates", experiment, run.id if run else None)
again_if_ended(run, "gates")
