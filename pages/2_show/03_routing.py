"""Routing and lesions

icon: alt_route
"""

import streamlit as st

from skipviz.ui.highway import routing
from skipviz.ui.notes import absent, name_with_mark, press
from skipviz.ui.run import address
from skipviz.ui.run.control import differs
from skipviz.ui.run.probe_answers import when_ended
from skipviz.ui.run.share import is_fixed
from skipviz.ui.run.training import again_if_ended, buttons, charts, foot

st.title("Routing and lesions")
st.markdown(
    "Do the gates open elsewhere for a 0 than for a 7? **What does a net lose with one layer taken"
    " out**: a highway net, a residual net, a plain one?"
)
address.restore("routing")
run = address.run_in_address()
recipes = routing.recipes()
box, *boxes = st.columns([5, 1.4, 1.2, 1], vertical_alignment="bottom")
spelled = run.experiment if run else address.experiment_in_address(next(iter(recipes.values())))
recipe_list = [*recipes.values()]
if spelled not in recipe_list:
    recipes["the run in the address" if run else "the experiment in the address"] = spelled
name = list(recipes)[list(recipes.values()).index(spelled)]
if not is_fixed():
    name = box.selectbox(
        "What is trained, three seeds each",
        list(recipes),
        index=list(recipes).index(name),
        key="routing_recipe",
        format_func=lambda name: name_with_mark(name, recipes[name].data),
        help="⤓: the data set is not on this machine yet; the Data page gets it.",
    )
experiment = recipes[name]
here = not absent(experiment.data)
if run is not None and run.ended and differs(run, experiment):
    run = None
run = buttons(experiment if here else None, run, "routing", boxes)

if run is None:
    if here:
        press("Press **Train**: the measurements follow as soon as the run has ended.")
else:
    if run.status()["state"] != "finished":
        charts(run, key="routing_charts", panels=("header",) if run.ended else ("header", "loss"))
    when_ended(run, "routing", routing.views)
foot("transform gate", "carried cell", "lesion study", "plain twin", "highway unit", "gate bias")
address.write("routing", experiment, run.id if run else None)
again_if_ended(run, "routing")
