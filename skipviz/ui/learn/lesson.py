"""A lesson page: short text, and scenes whose figures are of runs on this machine.

lesson.begin(__file__, "The question of the page")
lesson.text("A paragraph or two.")
lesson.scene("degradation", figures=(0, 1))    its question, run, figures, numbers, verdicts
lesson.end(__file__, "plain network")          words, the lessons before and after
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from skipviz.core import findings
from skipviz.core.escapes import sentence
from skipviz.core.knob import SpecError
from skipviz.figures import scene_figures
from skipviz.store.lane_axes import labels
from skipviz.ui import manager
from skipviz.ui.lecture import scene_runs
from skipviz.ui.lecture.scene_runs import Performance
from skipviz.ui.notes import complain, no_training, untrainable, watches, words
from skipviz.ui.run.training import charts
from skipviz.ui.shell import PageFile, pages
from skipviz.ui.theme import is_dark

READING_PX = 860
"""The width of running text: longer lines are hard to read."""

FOLLOW_S = 1.0


def begin(file: str, question: str) -> None:
    """The page's title, which lesson it is, and the question that it answers."""
    here, all_of = _lessons(file)
    st.title(all_of[here].title)
    st.html(
        f'<p class="skip-lead"><small>Lesson {here + 1} of {len(all_of)}</small>'
        f"{html.escape(question)}</p>"
    )


def text(body: str) -> None:
    """Running text, as wide as can be read."""
    st.markdown(body, width=READING_PX)


def end(file: str, *terms: str) -> None:
    """The words of the page, and the lessons before and after it."""
    here, all_of = _lessons(file)
    left, before, after = st.columns([1.2, 1.5, 1.5], vertical_alignment="center")
    with left:
        words(*terms)
    if here:
        page = all_of[here - 1]
        before.page_link(page.path, label=f"Before: {page.title}", icon=":material/arrow_back:")
    if here + 1 < len(all_of):
        page = all_of[here + 1]
        after.page_link(page.path, label=f"Next: **{page.title}**", icon=":material/arrow_forward:")


def _lessons(file: str) -> tuple[int, list[PageFile]]:
    """Which of the chapter's pages a file is, from 0, and all of them."""
    chapter = [page for page in pages() if page.path.parent == Path(file).resolve().parent]
    return next(i for i, page in enumerate(chapter) if page.path == Path(file).resolve()), chapter


def scene(key: str, figures: Sequence[int] = (0,)) -> None:
    """A scene in the page: its question, its run, these of its figures, and what they showed."""
    try:
        performance = scene_runs.of(key)
    except SpecError as error:
        complain(error)
        return
    with st.container(border=True, key=f"scene_{key}"):
        _head(performance)
        if performance.waiting:
            follow(performance)
        elif performance.complete:
            try:
                _figures(performance, figures)
                _numbers(performance)
            except SpecError as error:
                complain(error)
        else:
            _empty(performance)


def _head(shown: Performance) -> None:
    """The question, the button, and whose runs these are."""
    left, right = st.columns([7, 2], vertical_alignment="center", gap="large")
    left.html(f'<p class="skip-ask">{html.escape(shown.scene.question)}</p>')
    with right:
        run_button(shown)
    if shown.recorded:
        st.html(f'<p class="skip-recorded"><b>Recording</b> {html.escape(shown.origin)}</p>')
    elif shown.complete:
        st.caption(shown.origin)


def run_button(shown: Performance) -> None:
    """Run, or run again; everybody who presses it meanwhile waits for the same runs. Who presses
    the Run of a page that has not heard yet that somebody's runs are over is shown these: the two
    are two widgets, and a click on one that is gone does nothing."""
    if watches():
        return
    label, kind = ("Run again", "again") if shown.measured else ("Run", "run")
    pressed = st.button(
        f"{label} · about {shown.scene.seconds:.0f} s",
        key=f"{kind}_{shown.key}",
        type="secondary" if shown.measured or shown.waiting else "primary",
        icon=":material/replay:" if shown.measured else ":material/play_arrow:",
        disabled=bool(shown.waiting or untrainable()),
        width="stretch",
        help=untrainable()
        or "Trains the scene's nets on this machine; all who press it now share the runs.",
    )
    if pressed:
        try:
            scene_runs.begin(shown.key, again=shown.measured)
        except SpecError as error:
            complain(error)
            return
        st.rerun()


def _empty(shown: Performance) -> None:
    if shown.broken:
        state = shown.broken[0].status()
        st.warning(
            f"A run of this scene was {state['state']}:"
            f" {sentence(state.get('message') or 'it is not whole')}"
            ". Press **Run** to train it anew.",
            icon=":material/warning:",
        )
        return
    if no_training():
        return
    nets = sum(len(run.lanes) for run in shown.scene.runs.values())
    seeds = shown.scene.experiment.seeds
    st.info(
        f"Not trained on this machine yet. Predict, then press **Run**: {nets} nets, {seeds} seeds"
        " each.",
        icon=":material/play_arrow:",
    )


def follow(shown: Performance) -> None:
    """The live charts of the run that trains now; the page follows when all have ended."""

    @st.fragment(run_every=FOLLOW_S, key=f"follow_{shown.key}")
    def following() -> None:
        manager.current().watch(shown.runs.values())
        here = shown.again()
        if not here.waiting:
            st.rerun()
        now, number = here.waiting[0], len(here.runs) - len(here.waiting) + 1
        st.caption(f"Run {number} of {len(here.scene.runs)}: {progress(here)}")
        charts(now, key=f"live_{here.key}_{now.id}", panels=("header", "loss"))

    following()


def progress(shown: Performance) -> str:
    """What the run that is waited for does, in a few words."""
    now = shown.waiting[0]
    names = ", ".join(labels(now.experiment))
    message = now.status().get("message")
    return f"{names} ({sentence(message)})" if message else names


def _figures(shown: Performance, numbers: Sequence[int]) -> None:
    """The chosen figures, two beside each other where both are narrow."""
    row: list[int] = []
    for number in numbers:
        wide = _is_wide(shown, number)
        if wide and row:
            _row(shown, row)
            row = []
        row.append(number)
        if wide or len(row) == 2:
            _row(shown, row)
            row = []
    if row:
        _row(shown, row)


def _is_wide(shown: Performance, number: int) -> bool:
    """Does a figure need the whole width of the page?"""
    figure = shown.scene.figures[number]
    if figure.kind == "live":
        return "gates" in figure.panels or len(figure.panels) > 1
    return scene_runs.figure_of(shown.key, shown.ids, number, is_dark()).wide


def _row(shown: Performance, numbers: Sequence[int]) -> None:
    for box, number in zip(st.columns(len(numbers), gap="large"), numbers, strict=True):
        with box:
            _figure(shown, number)


def _figure(shown: Performance, number: int) -> None:
    figure = shown.scene.figures[number]
    says = html.escape(figure.says)
    if figure.kind == "live":
        st.html(f'<p class="skip-look">{says}</p>')
        run = shown.runs[figure.run]
        key = f"figure_{shown.key}_{number}_{run.id.replace('.', '_')}"
        charts(run, key=key, panels=figure.panels, quantity=figure.quantity)
        return
    chart = scene_runs.figure_of(shown.key, shown.ids, number, is_dark())
    st.html(f'<p class="skip-look">{says}<small>{html.escape(chart.title)}</small></p>')
    st.plotly_chart(
        chart.figure, theme=None, key=f"figure_{shown.key}_{number}",
        alt=chart.title or figure.says,
    )  # fmt: skip
    if chart.note:
        st.caption(chart.note)


def _numbers(shown: Performance) -> None:
    """What these runs showed, in numbers: the sentence, a verdict for each expectation, the
    caveat."""
    findings_here = scene_runs.findings_of(shown.key, shown.ids)
    answer = html.escape(shown.scene.choices[findings_here.right])
    st.html(
        f'<p class="skip-look">These runs answer: {answer}</p>'
        f'<p class="skip-told">{html.escape(findings_here.saw)}</p>'
        + "".join(
            scene_figures.verdict(verdict, shown.recorded) for verdict in findings_here.verdicts
        )
        + f"<small>{findings.MEANT}</small>"
    )
    st.html(f'<p class="skip-but"><b>But:</b> {html.escape(shown.scene.caveat)}</p>')
    sources = "; ".join(f"{source}, {where}" for source, where in shown.scene.sources)
    left, right = st.columns([5, 1.6], vertical_alignment="center")
    left.caption(sources)
    right.page_link(
        "pages/1_start/02_lecture.py",
        label="Show it in a lecture",
        icon=":material/slideshow:",
        query_params={"scenes": shown.key, "at": "1"},
    )
