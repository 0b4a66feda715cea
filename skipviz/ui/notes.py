"""Sentences for people: an error as one line, the words of a page explained."""

from __future__ import annotations

import streamlit as st

from skipviz.access.roles import Action, refusal
from skipviz.core import glossary, packages
from skipviz.core.escapes import sentence
from skipviz.datafiles.availability import missing
from skipviz.ui import access


def complain(error: Exception) -> None:
    """Shows an error's one sentence."""
    st.error(_whole(str(error)), icon=":material/error:")


def _whole(text: str) -> str:
    """What an error says as a sentence, as Markdown."""
    text = text.rstrip(".")
    return sentence(text[:1].upper() + text[1:]) + "."


def absent(data: str) -> bool:
    """Says how to get a data set that is not here; whether that was needed."""
    what = missing(data)
    if what:
        here = f"on the [Data page](data?set={data})"
        st.info(_whole(what).replace("on the Data page", here), icon=":material/download:")
    return bool(what)


def only_the_lecturer(before: str, action: Action) -> None:
    """Says to a guest what he sees, or why he does not, and who may do it."""
    st.info(f"{before}: {refusal(action)}.", icon=":material/visibility:")


def watches() -> bool:
    """Does this page's visitor watch only?"""
    return not access.may(Action.TRAIN)


def untrainable() -> str:
    """Why nothing can be trained on this server by this visitor and what to do about it, as
    Markdown; empty where something can."""
    why = packages.untrainable() or (str(refusal(Action.TRAIN)) if watches() else "")
    return f"{why[:1].upper()}{why[1:]}." if why else ""


def no_training() -> bool:
    """Says why nothing can be trained here, and what can be seen all the same; whether so."""
    lacking = untrainable()
    if lacking and watches():
        st.info(
            "You watch here: runs that the lecturer starts stand behind **Runs**, and the lessons"
            f" show what was trained. {lacking}",
            icon=":material/visibility:",
        )
    elif lacking:
        text = f"{lacking} Recordings play without it: in the [Lecture](lecture) and the lessons."
        st.info(text, icon=":material/memory:")
    return bool(lacking)


def press(text: str) -> None:
    """What to press to see something, or why nothing can be trained here."""
    if not no_training():
        st.info(text, icon=":material/play_arrow:")


def name_with_mark(name: str, data: str) -> str:
    """A name that ends with ⤓ where its data set is not here."""
    return name + (" ⤓" if missing(data) else "")


def words(*names: str) -> None:
    """The glossary's entries for the words of this page, behind one button."""
    with st.popover("Words on this page", icon=":material/menu_book:"):
        st.markdown("\n\n".join(map(_entry, names)))


def _entry(name: str) -> str:
    term = glossary.TERMS[name]
    symbol = f" `{term.symbol}`" if term.symbol else ""
    return f"**{name}**{symbol}  \n{term.text}  \n:small[{term.source}]"
