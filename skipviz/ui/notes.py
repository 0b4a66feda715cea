"""Sentences for people: an error as one line, the words of a page explained."""

from __future__ import annotations

import streamlit as st

from skipviz import terms
from skipviz.datafiles.find import missing


def complain(error: Exception) -> None:
    """Shows an error's one sentence."""
    text = str(error).rstrip(".")
    st.error(text[:1].upper() + text[1:] + ".", icon=":material/error:")


def absent(data: str) -> bool:
    """Says how to get a data set that is not here; whether that was needed."""
    sentence = missing(data)
    if sentence:
        text = sentence.replace("the Data page", f"the [Data page](data?set={data})")
        st.info(text[:1].upper() + text[1:] + ".", icon=":material/download:")
    return bool(sentence)


def marked(name: str, data: str) -> str:
    """A name that ends with ⤓ where its data set is not here."""
    return name + (" ⤓" if missing(data) else "")


def words(*names: str) -> None:
    """The glossary's entries for the words of this page, behind one button."""
    with st.popover("Words on this page", icon=":material/menu_book:"):
        for name in names:
            term = terms.TERMS[name]
            symbol = f" `{term.symbol}`" if term.symbol else ""
            st.markdown(f"**{name}**{symbol}  \n{term.text}  \n:small[{term.source}]")
