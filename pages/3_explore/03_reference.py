"""Reference tables

icon: table_chart
"""

import streamlit as st

from skipviz.ui import shell
from skipviz.ui.learn import reference
from skipviz.ui.theme import is_dark

st.title("Reference tables")
st.html(shell.HERE / "assets/reference.css")
dark = is_dark()
wanted = reference.controls()

if wanted.view == reference.DEPTH:
    st.markdown(
        "Within three years the best nets on ImageNet went **from 8 layers to 152**, and the error"
        " fell to a quarter. Depth is not size: **ResNet-152 has fewer than half of VGG-19's"
        " parameters**."
    )
    st.plotly_chart(
        reference.revolution(dark),
        theme=None,
        config={"displayModeBar": False},
        alt="Depth, top-5 error and parameters of AlexNet, VGG-19, GoogLeNet and ResNet-152",
    )
    st.markdown(
        "The errors are those of whole entries, in which several nets vote; depth and parameters"
        " are those of one net. More than depth changed: normalisation, initial weights, and how"
        " the images were cropped and varied."
    )
    st.html(reference.sources_of_depth(dark))
else:
    tables = reference.matching_tables(wanted)
    text, button = st.columns([5, 1.3], vertical_alignment="center")
    if wanted.view == reference.COUNTS:
        text.markdown(
            "Published counts beside **ours, counted from the net's wiring** when this page opens."
            " ✓: ours rounds to the published figure. ≠: it does not, and the row says why."
            " **Bold** is the count that is compared: some papers leave BatchNorm out."
        )
    else:
        text.markdown(
            "What others measured, with their recipe: **figures of different tables were not"
            " reached under the same conditions**. Click a net to see it."
        )
    button.download_button(
        "Download CSV",
        reference.sheet_of(tables),
        file_name="skipviz-reference.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        disabled=not tables,
    )
    if tables:
        st.html(reference.page_of_tables(tables, wanted.view, dark))
    else:
        st.info("No net fits these words. Shorten the search, or choose another family.")
