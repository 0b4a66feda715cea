"""The pages of the course site, as HTML: its contents, scenes, lessons, own runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from skipviz import __version__
from skipviz.core import findings, registry
from skipviz.core.glossary import TERMS
from skipviz.core.knob import SpecError
from skipviz.figures import scene_figures
from skipviz.offline import lesson_text, scene_parts
from skipviz.offline.lesson_text import Lesson, SceneFigures
from skipviz.offline.scene_parts import Shown

TITLE = "Depth and skip connections"


@dataclass(frozen=True)
class ShownScene:
    """A scene of the site.

    shown   it, and its runs
    drawn   what stands beside each of its figures that is not live, by number
    about   on what its runs were trained, and when
    """

    shown: Shown
    drawn: Mapping[int, scene_figures.Drawn]
    about: str

    @property
    def title(self) -> str:
        return self.shown.scene.title


@dataclass(frozen=True)
class Course:
    """All that the site holds; runs as (id, title)."""

    scenes: Mapping[str, ShownScene]
    lessons: Sequence[Lesson]
    runs: Sequence[tuple[str, str]]


def frame(main: str, up: str, here: str = "") -> str:
    """A page's body: the way around above it, what it is below it. `up` leads to the site's
    folder."""
    links = (("contents", f"{up}index.html"), ("lessons", f"{up}index.html#lessons"),
             ("scenes", f"{up}index.html#scenes"))  # fmt: skip
    current = ' aria-current="page"'
    way = "".join(
        f'<a href="{address}"{current if word == here else ""}>{word.capitalize()}</a>'
        for word, address in links
    )
    return f"""<a class="skip-jump" href="#main">To the text</a>
<header class="skip-top"><nav aria-label="Course">{way}</nav>
<button type="button" data-shade>Dark</button>
<button type="button" data-print>Print</button></header>
<main id="main">{main}</main>
<footer class="skip-foot skip-small">Made by skipviz {escape(__version__)}. What you predict
stays in your browser; nothing is sent and nothing is loaded from elsewhere.
<a href="{up}THIRD_PARTY.md">Licences of what is bundled</a></footer>"""


def index(course: Course) -> str:
    """The contents."""
    lessons = "".join(
        _card(f"lessons/{each.slug}.html", f"{i} · {each.title}", each.question)
        for i, each in enumerate(course.lessons, start=1)
    )
    scenes = "".join(
        _card(f"scenes/{key}.html", f"{i} · {each.title}", each.shown.scene.question)
        for i, (key, each) in enumerate(course.scenes.items(), start=1)
    )
    runs = "".join(_card(f"runs/{run_id}.html", title, "") for run_id, title in course.runs)
    sections = (("lessons", "Lessons", lessons), ("scenes", "Scenes", scenes),
                ("runs", "Runs of this class", runs))  # fmt: skip
    body = "".join(
        f'<h2 id="{name}">{title}</h2><ul class="skip-grid">{cards}</ul>'
        for name, title, cards in sections
        if cards
    )
    return frame(
        f"<h1>{TITLE}</h1>"
        '<p class="skip-lead">Plain, residual, highway and dense networks, trained side by side.'
        " Predict what happens, then replay what did: every chart shows a recorded training, step"
        f" by step.</p>{body}",
        "",
        "contents",
    )


def _card(address: str, title: str, text: str) -> str:
    said = f"<p>{escape(text)}</p>" if text else ""
    return f'<li><a href="{escape(address)}">{escape(title)}</a>{said}</li>'


def scene(of: ShownScene, course: Course) -> str:
    """One scene: question, prediction, figures, findings, caveat, exercises."""
    shown, key = of.shown, of.shown.key
    numbers = range(len(shown.scene.figures))
    return frame(
        f"<h1>{escape(of.title)}</h1>"
        f"{scene_parts.question(shown, scene_parts.right_choice(shown), 'findings')}"
        f'<div id="findings" hidden>{_recorded(of)}'
        f"<h2>What happened</h2>{scene_parts.figures(shown, of.drawn, numbers, key)}"
        f"<h2>In numbers</h2>{scene_parts.told(shown)}{scene_parts.words(shown.scene)}</div>"
        f"<h2>Exercises</h2>{scene_parts.exercises(shown.scene)}"
        f'<p><a class="skip-button" href="../worksheets/{key}.html">Worksheet to print</a></p>'
        f"{_neighbours(key, list(course.scenes), course)}",
        "../",
    )


def _recorded(of: ShownScene) -> str:
    return f'<p class="skip-recorded"><b>Recording</b> {escape(of.about)}</p>'


def _neighbours(key: str, keys: Sequence[str], course: Course) -> str:
    at = keys.index(key)
    links = []
    if at:
        before = course.scenes[keys[at - 1]]
        links.append(f'<a href="{keys[at - 1]}.html">← {escape(before.title)}</a>')
    if at + 1 < len(keys):
        after = course.scenes[keys[at + 1]]
        links.append(f'<a href="{keys[at + 1]}.html">{escape(after.title)} →</a>')
    return f'<nav class="skip-acts" aria-label="Other scenes">{"".join(links)}</nav>'


def lesson(of: Lesson, course: Course) -> str:
    """One lesson: its text, with the scenes in it."""
    here = list(course.lessons).index(of)
    parts = []
    for number, part in enumerate(of.parts):
        if isinstance(part, lesson_text.Text):
            parts.append(f'<div class="skip-text">{lesson_text.as_html(part.markdown)}</div>')
        elif isinstance(part, lesson_text.CommonClaims):
            parts.append("".join(_claim(each) for each in course.scenes.values()))
        else:
            parts.append(_in_lesson(part, course, f"l{number}"))
    terms = "".join(
        f"<dt><b>{escape(term)}</b></dt><dd>{escape(TERMS[term].text)}</dd>" for term in of.terms
    )
    words = f"<details><summary>Words of this page</summary><dl>{terms}</dl></details>"
    return frame(
        f"<h1>{escape(of.title)}</h1><p class='skip-lead'><small>Lesson {here + 1} of"
        f" {len(course.lessons)}</small><br>{escape(of.question)}</p>"
        f"{''.join(parts)}{words}{_other_lessons(here, course.lessons)}",
        "../",
    )


def _other_lessons(here: int, lessons: Sequence[Lesson]) -> str:
    links = []
    if here:
        links.append(f'<a href="{lessons[here - 1].slug}.html">← {lessons[here - 1].title}</a>')
    if here + 1 < len(lessons):
        links.append(f'<a href="{lessons[here + 1].slug}.html">{lessons[here + 1].title} →</a>')
    return f'<nav class="skip-acts" aria-label="Other lessons">{"".join(links)}</nav>'


def _in_lesson(part: SceneFigures, course: Course, place: str) -> str:
    """A scene in a lesson: question, then what is seen; a sentence where it is not there."""
    key, of = part.key, course.scenes.get(part.key)
    if of is None:
        title = escape(registry.scenes()[key].title)
        return f'<p class="skip-recorded">The scene “{title}” has no recording on this site.</p>'
    shown = of.shown
    reveals = f"findings-{key}"
    caveat = f'<p class="skip-but"><b>But:</b> {escape(shown.scene.caveat)}</p>'
    return (
        f"{scene_parts.question(shown, scene_parts.right_choice(shown), reveals)}"
        f'<div id="{reveals}" hidden>{_recorded(of)}'
        f"{scene_parts.figures(shown, of.drawn, part.figures, f'{place}-{key}')}"
        f"{scene_parts.told(shown)}{caveat}"
        f'<p><a href="../scenes/{key}.html">All of this scene</a></p></div>'
    )


def _claim(of: ShownScene) -> str:
    """A common claim, and how many expectations behind its correction show."""
    scene_here, key = of.shown.scene, of.shown.key
    sentence, quote, rest = scene_here.misconception.rpartition("”")
    try:
        here = findings.found(scene_here, of.shown.evidence)
    except SpecError:
        return ""
    met = sum(verdict.met for verdict in here.verdicts)
    state = "met" if met == len(here.verdicts) else "missed"
    return (
        f'<section class="skip-card"><p class="skip-look">{escape(sentence + quote)}</p>'
        f'<p class="skip-but">{escape(rest.lstrip(". "))}</p>'
        f'<div class="skip-verdict" data-state="{state}"><b>{met} of {len(here.verdicts)} show</b>'
        f"<span>{escape(here.saw)}</span></div>"
        f'<p><a href="../scenes/{key}.html">{escape(scene_here.title)}</a></p></section>'
    )
