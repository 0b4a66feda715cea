"""Common claims, each beside what this machine measured."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.figures import scene_figures
from skipviz.ui import manager
from skipviz.ui.learn import lesson
from skipviz.ui.lecture import scene_runs
from skipviz.ui.lecture.scene_runs import Performance
from skipviz.ui.notes import complain, untrainable, watches

_QUEUE = "misconceptions_to_measure"


def table() -> None:
    """A button that measures what is missing, and a row for each scene: sentence, verdict, numbers,
    sources."""
    performances = [scene_runs.of(key) for key in registry.scenes()]
    _all(performances)
    for number, performance in enumerate(performances, 1):
        _row(number, performance)


def _all(shown: list[Performance]) -> None:
    """How many sentences are measured; the button for the others, or how far they are."""
    left = [each for each in shown if not each.measured]
    queue: list[str] = st.session_state.setdefault(_QUEUE, [])
    if queue:
        _measuring(len(shown))
        return
    text, button = st.columns([5, 2], vertical_alignment="center", gap="large")
    if not left:
        text.markdown(f"All {len(shown)} sentences are measured on this machine.")
        return
    text.markdown(
        f"{len(shown) - len(left)} of {len(shown)} sentences are measured on this machine."
        " The others can be, one after another, while this page stays open."
    )
    if watches():
        return
    minutes = max(1, round(sum(each.scene.seconds for each in left) / 60))
    if button.button(f"Measure the other {len(left)} · about {minutes} min", type="primary",
                     icon=":material/play_arrow:", key="measure_all", width="stretch",
                     disabled=bool(untrainable()), help=untrainable() or None):  # fmt: skip
        queue.extend(each.key for each in left)
        st.rerun()


def _measuring(total: int) -> None:
    """One scene after another: begins the first that waits, and follows it."""
    queue: list[str] = st.session_state[_QUEUE]

    @st.fragment(run_every=lesson.FOLLOW_S, key="measuring_all")
    def following() -> None:
        if not queue:
            st.rerun()
        performance = scene_runs.of(queue[0])
        manager.current().watch(performance.runs.values())
        if performance.measured:
            queue.pop(0)
            st.rerun()
        scenes_done = sum(scene_runs.of(key).measured for key in registry.scenes())
        state = lesson.progress(performance) if performance.waiting else "begins"
        st.progress(
            scenes_done / total,
            text=f"{scenes_done} of {total}. {performance.scene.title}: {state}",
        )
        if st.button("Stop after this one", icon=":material/stop:", key="measure_stop"):
            queue.clear()
            st.rerun()
        if not performance.waiting:
            try:
                scene_runs.begin(performance.key)
            except SpecError as error:
                queue.pop(0)
                complain(error)

    following()


def _row(number: int, shown: Performance) -> None:
    """One sentence; right of it what came of it here."""
    with st.container(border=True, key=f"wrong_{shown.key}"):
        left, right = st.columns([4, 6], gap="large")
        sentence, quote, rest = shown.scene.misconception.rpartition("”")
        with left:
            st.html(
                f'<p class="skip-heard"><small>{number} · {html.escape(shown.scene.title)}</small>'
                f"{html.escape(sentence + quote)}</p>"
                f'<p class="skip-but">{html.escape(rest.lstrip(". "))}</p>'
            )
        with right:
            try:
                _measured(shown)
            except SpecError as error:
                complain(error)
        sources = "; ".join(f"{source}, {where}" for source, where in shown.scene.sources)
        st.caption(f"Sources: {sources}")


def _trains(shown: Performance) -> None:
    """What trains now; the page follows when all have ended."""

    @st.fragment(run_every=lesson.FOLLOW_S, key=f"trains_{shown.key}")
    def following() -> None:
        manager.current().watch(shown.runs.values())
        here = shown.again()
        if not here.waiting:
            st.rerun()
        st.info(f"Training now: {lesson.progress(here)}", icon=":material/hourglass_top:")

    following()


def _measured(shown: Performance) -> None:
    """The verdict and the numbers; where there are none, the button that makes them."""
    if shown.waiting:
        _trains(shown)
        return
    if not shown.complete:
        text, button = st.columns([3, 2], vertical_alignment="center")
        text.markdown(untrainable() or "Not measured on this machine yet.")
        with button:
            lesson.run_button(shown)
        return
    findings_here = scene_runs.findings_of(shown.key, shown.ids)
    missed = [verdict for verdict in findings_here.verdicts if not verdict.met]
    met = len(findings_here.verdicts) - len(missed)
    state = "met" if not missed else "missed"
    where = "in the recording" if shown.recorded else "here"
    word = f"✓ shows {where}" if not missed else f"✗ not all shows {where}"
    st.html(
        f'<div class="skip-verdict" data-state="{state}"><b>{word}</b><span>{met} of'
        f" {len(findings_here.verdicts)} expectations behind the correction."
        f" {html.escape(shown.origin)}</span></div>"
        f'<p class="skip-but">{html.escape(findings_here.saw)}</p>'
        + "".join(scene_figures.verdict(verdict, shown.recorded) for verdict in missed)
    )
    with st.expander(f"All {len(findings_here.verdicts)} expectations with their numbers"):
        rows = (
            scene_figures.verdict(verdict, shown.recorded) for verdict in findings_here.verdicts
        )
        st.html("".join(rows))
    if shown.recorded:
        lesson.run_button(shown)
