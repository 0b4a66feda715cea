"""A scene's exercises on paper: questions first, answers on the next page."""

from __future__ import annotations

import html

from skipviz.core.scene import Scene

_STYLE = (
    "body{font:12pt/1.5 sans-serif;max-width:42em;margin:2em auto;padding:0 1em;color:#111}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin-top:2em}.room{height:9em;border-bottom:1px solid"
    " #bbb}.answers{break-before:page}"
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
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><p>{html.escape(scene.question)}</p>"
        f'<ol type="A">{choices}</ol>{questions}<p><small>{html.escape(sources)}</small></p>'
        f'<section class="answers"><h1>{title}: answers</h1>{answered}</section></html>'
    )
