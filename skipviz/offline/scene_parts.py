"""What a scene says and shows, as HTML: its question, its figures, its findings, its words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from skipviz.core import findings
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.scene import Expectation, Scene, judge
from skipviz.figures import scene_figures
from skipviz.offline import page
from skipviz.offline.run_data import pack
from skipviz.store.evidence import Gathered

_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Shown:
    """A scene and the runs of it that are shown.

    key        of the scene
    pack       the name that its figures are packed under
    evidence   what the runs measured
    ids        of the runs, by name; those that are not there are missing
    recorded   are they the recording that comes with the program?
    """

    key: str
    pack: str
    scene: Scene
    evidence: Gathered
    ids: Mapping[str, str]
    experiments: Mapping[str, Experiment]
    recorded: bool


def question(shown: Shown, right: int | None, reveals: str) -> str:
    """The question, answered in the reader's browser; `reveals` is what is seen after it."""
    choices = []
    for i, choice in enumerate(shown.scene.choices):
        is_right = " data-right" if i == right else ""
        choices.append(
            f'<label><input type="radio" name="choice" value="{i}"{is_right}>'
            f"<span>{_LETTERS[i]} · {escape(choice)}</span></label>"
        )
    answer = "" if right is None else f' data-right="{right}"'
    return (
        f'<form class="skip-card" method="dialog" data-question="{shown.key}"'
        f' data-reveals="{reveals}"{answer}>'
        f'<p class="skip-ask" id="ask-{shown.key}">{escape(shown.scene.question)}</p>'
        f'<fieldset aria-labelledby="ask-{shown.key}">{"".join(choices)}</fieldset>'
        '<p class="skip-acts"><button class="skip-first" disabled>Predict</button>'
        '<button type="button" data-look disabled>Look without predicting</button>'
        '<button type="button" data-again disabled>Predict again</button></p>'
        "<output></output><noscript><p>This page needs JavaScript.</p></noscript></form>"
    )


def packed_figures(shown: Shown) -> tuple[str, dict[int, scene_figures.Drawn]]:
    """Those figures of a scene that are not live, packed in both shades, and by number what stands
    beside them; figures whose measurements are missing are left out."""
    texts, drawn = [], {}
    for number, figure in enumerate(shown.scene.figures):
        if figure.kind == "live":
            continue
        try:
            light, dark = (
                scene_figures.drawn(shown.scene, figure, shown.evidence, dark)
                for dark in (False, True)
            )
        except SpecError:
            continue
        pair = (each.figure.to_json() for each in (light, dark))
        texts.append('"{}":{{"light":{},"dark":{}}}'.format(number, *pair))
        drawn[number] = light
    return pack(f"{{{','.join(texts)}}}".encode()), drawn


def figures(
    shown: Shown, drawn: Mapping[int, scene_figures.Drawn], numbers: Iterable[int], place: str
) -> str:
    """These figures of the scene, one after the other, narrow ones beside each other."""
    parts: list[tuple[bool, str]] = []
    for number in numbers:
        figure = shown.scene.figures[number]
        says = f'<p class="skip-look">{escape(figure.says)}'
        if figure.kind == "live":
            if figure.run not in shown.ids:
                continue
            panels = ["header", *(panel for panel in figure.panels if panel != "header")]
            charts = page.live(
                shown.ids[figure.run], shown.experiments[figure.run], panels,
                place=f"{place}-{number}", quantity=figure.quantity,
            )  # fmt: skip
            parts.append((True, f"{says}</p>{charts}"))
        elif number in drawn:
            about = drawn[number]
            title = f"<small>{escape(about.title)}</small>" if about.title else ""
            note = f'<p class="skip-small">{escape(about.note)}</p>' if about.note else ""
            still = page.still(shown.pack, str(number), about.title or figure.says)
            parts.append((about.wide, f"<div>{says}{title}</p>{still}{note}</div>"))
    return _beside(parts)


def _beside(parts: Iterable[tuple[bool, str]]) -> str:
    """Wide ones alone, neighbouring narrow ones in a row."""
    rows: list[str] = []
    narrow: list[str] = []
    for wide, text in (*parts, (True, "")):
        if wide and narrow:
            rows.append(f'<div class="skip-pair">{"".join(narrow)}</div>')
            narrow = []
        if wide:
            rows.append(text)
        else:
            narrow.append(text)
    return "".join(rows)


def told(shown: Shown) -> str:
    """What these runs showed: the answer, the sentence in numbers, a verdict for each expectation;
    one that cannot be judged says why."""
    scene = shown.scene
    try:
        here = findings.found(scene, shown.evidence)
    except SpecError:
        return "".join(_alone(expectation, shown) for expectation in scene.expects)
    verdicts = "".join(scene_figures.verdict(each, shown.recorded) for each in here.verdicts)
    answer = f'<p class="skip-look">These runs answer: {escape(scene.choices[here.right])}</p>'
    saw = f'<p class="skip-told">{escape(here.saw)}</p>'
    return f'{answer}{saw}{verdicts}<p class="skip-small">{escape(findings.MEANT)}</p>'


def _alone(expectation: Expectation, shown: Shown) -> str:
    """A verdict where others cannot be had, or why it cannot either."""
    try:
        return scene_figures.verdict(judge(expectation, shown.evidence), shown.recorded)
    except SpecError as error:
        return (
            '<div class="skip-verdict" data-state="open"><b>not judged</b>'
            f"<span>{escape(expectation.text)}</span><small>{escape(str(error))}</small></div>"
        )


def right_choice(shown: Shown) -> int | None:
    """Which of the choices these runs show; None where something is missing."""
    try:
        return shown.scene.correct_choice(shown.evidence)
    except SpecError:
        return None


def words(scene: Scene) -> str:
    """The caveat, the common claim, the sources."""
    sources = "".join(
        f"<li>{escape(source)}: {escape(where)}</li>" for source, where in scene.sources
    )
    return (
        '<div class="skip-pair">'
        f'<section class="skip-card"><h3>What this does not show</h3><p>{escape(scene.caveat)}</p>'
        f'</section><section class="skip-card"><h3>A common claim</h3>'
        f"<p>{escape(scene.misconception)}</p></section></div>"
        f"<h3>Sources</h3><ul>{sources}</ul>"
    )


def exercises(scene: Scene) -> str:
    """The exercises, each answer behind a click."""
    return "".join(
        f'<details class="skip-text"><summary>{i}. {escape(ask)}</summary><p>{escape(answer)}</p>'
        "</details>"
        for i, (ask, answer) in enumerate(scene.exercises, start=1)
    )
