"""A scene's exercises on paper: questions first, answers on the next page."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core.scene import Scene

_STYLE = (
    "body{font:12pt/1.5 sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#111}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}.room{height:9em;border-bottom:1px solid"
    " #bbb}.answers{break-before:page}"
)


def worksheet(scene: Scene) -> None:
    """The exercises, each with its answer behind a click, and the sheet to print."""
    st.markdown("#### Exercises")
    for i, (question, answer) in enumerate(scene.exercises, start=1):
        with st.expander(f"{i}. {question}"):
            st.markdown(answer)
    st.download_button(
        "Worksheet to print",
        sheet(scene),
        file_name="worksheet.html",
        mime="text/html",
        icon=":material/print:",
        key="worksheet",
    )


def sheet(scene: Scene) -> str:
    """The worksheet as one HTML page; answers begin on a page of their own."""
    questions = "".join(
        f'<h2>{i}. {html.escape(question)}</h2><div class="room"></div>'
        for i, (question, _) in enumerate(scene.exercises, start=1)
    )
    answered = "".join(
        f"<h2>{i}. {html.escape(question)}</h2><p>{html.escape(answer)}</p>"
        for i, (question, answer) in enumerate(scene.exercises, start=1)
    )
    choices = "".join(f"<li>{html.escape(choice)}</li>" for choice in scene.choices)
    sources = "; ".join(f"{source}, {where}" for source, where in scene.sources)
    title = html.escape(scene.title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1><p>{html.escape(scene.question)}</p>"
        f'<ol type="A">{choices}</ol>{questions}<p><small>{html.escape(sources)}</small></p>'
        f'<section class="answers"><h1>{title}: answers</h1>{answered}</section></html>'
    )
