"""Architecture

icon: account_tree
"""

import streamlit as st

from skipviz.ui import shell
from skipviz.ui.architecture import anatomy, comparison, page
from skipviz.ui.lab.lanes import counts

st.html(shell.HERE / "assets/architecture.css")
st.title("Architecture")
state = page.state()
lanes = page.choose(state)

if lanes is not None:
    graph_box, facts_box = st.columns([7, 5], gap="large")
    if len(lanes) == 1:
        with graph_box:
            zoom = page.show_net(state, lanes[0])
        with facts_box:
            page.compare_button(state, lanes)
            counts(lanes[0], zoom.wiring.name, None)
            anatomy.show_formula(lanes[0])
        names = ["All numbers", "Layers and shapes", "The unit's code", "Stand-alone module"]
        numbers, layers, code, module = st.tabs(names, on_change="rerun", key="arch_tabs")
        if numbers.open:
            with numbers:
                anatomy.show_counts(zoom.wiring)
        if layers.open:
            with layers:
                anatomy.show_layers(zoom.wiring)
        if code.open:
            with code:
                anatomy.show_code(zoom.shown_unit)
        if module.open:
            with module:
                anatomy.show_standalone(lanes[0])
    else:
        with graph_box:
            page.show_difference(lanes[0], lanes[1])
        with facts_box:
            page.compare_button(state, lanes)
            comparison.show_differences(*map(page.wiring_of, lanes))
    page.write_address(state, lanes)
