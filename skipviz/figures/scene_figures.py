"""The figures of a scene that are not live, and its verdicts as rows.

figure_of(scene, figure, evidence, dark)   as it stands on a page of its own
drawn(scene, figure, evidence, dark)       as it stands in a text: title and note beside it
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skipviz.core import strength
from skipviz.core.lane_names import families, labels
from skipviz.core.scene import Evidence, Figure, Scene, Verdict
from skipviz.figures import answers
from skipviz.figures.charts import draw

HEIGHT_PX = 400
WIDE_PX = 1000
"""A figure over the page's whole width has at least so many pixels for its legend."""
NARROW_CHARACTERS = 45
"""Words of so many characters on an axis can be read in half of the page's width."""

_HERE = "shows here", "did not show here"


@dataclass(frozen=True)
class Drawn:
    """A figure, and the words that stand above and below it on the page, where they can wrap."""

    figure: Any
    title: str = ""
    note: str = ""
    wide: bool = True


def figure_of(scene: Scene, figure: Figure, evidence: Evidence, dark: bool) -> Any:
    """A figure that is not live, as Plotly draws it; SpecError where a measurement is missing."""
    if figure.kind == "chart":
        assert figure.chart is not None
        return draw(figure.chart(evidence), dark=dark)
    ask = next(ask for ask in scene.asks if ask.name == figure.ask)
    experiment = evidence.experiment(ask.run)
    lanes = list(zip(labels(experiment), families(experiment), strict=True))
    return answers.of(ask.probe)(evidence.ask(ask.name), lanes, dark)


def drawn(scene: Scene, figure: Figure, evidence: Evidence, dark: bool) -> Drawn:
    """The same without title and note, which stand beside it. SpecError."""
    if figure.chart is None:
        return Drawn(figure_of(scene, figure, evidence, dark))
    chart = figure.chart(evidence)
    chart_drawn = draw(replace(chart, title="", note=""), dark, height=HEIGHT_PX)
    words = {x for series in chart.series for x in series.x if isinstance(x, str)}
    wide = sum(map(len, words)) > NARROW_CHARACTERS
    rows = _legend_rows(chart_drawn, WIDE_PX if wide else WIDE_PX / 2)
    chart_drawn.update_layout(margin_t=24 + 24 * rows, margin_r=64 if words else 24)
    return Drawn(chart_drawn, chart.title, chart.note, wide)


def _legend_rows(figure: Any, width: float) -> int:
    """About how many rows the legend of a figure of this width takes."""
    if not figure.layout.showlegend:
        return 0
    return math.ceil(sum(8 * len(trace.name or "") + 50 for trace in figure.data) / width)


def verdict(of: Verdict, recorded: bool = False) -> str:
    """One verdict as a row: whether it shows here (or in the recording), the sentence, what was
    expected and measured."""
    unit = f" {of.unit}" if of.unit else ""
    state, word = _state(of, recorded)
    return (
        f'<div class="skip-verdict" data-state="{state}"><b>{word}</b>'
        f"<span>{html.escape(of.text)}</span><small>expected {html.escape(of.wanted)};"
        f" measured {of.numbers}{html.escape(unit)} ({_seeds(of)})</small></div>"
    )


def _state(of: Verdict, recorded: bool) -> tuple[str, str]:
    met, missed = ("recorded: shows", "recorded: not so") if recorded else _HERE
    return ("met", f"✓ {met}") if of.met else ("missed", f"✗ {missed}")


def _seeds(of: Verdict) -> str:
    count = len(of.measured)
    return "1 seed" if count == 1 else strength.in_words(of.held, count)


def headline(of: Verdict, recorded: bool = False) -> str:
    """A verdict's number, large, with its sentence."""
    state, word = _state(of, recorded)
    return (
        f'<div class="skip-headline" data-state="{state}"><b>{html.escape(of.large)}</b>'
        f"<span>{html.escape(of.text)}</span><small>{word} ({_seeds(of)})</small></div>"
    )


def folded_verdicts(verdicts: Sequence[Verdict], recorded: bool = False) -> str:
    """All verdicts behind one line that counts them; open where one of them is not met."""
    met = sum(each.met for each in verdicts)
    where = "in the recording" if recorded else "here"
    rows = "".join(verdict(each, recorded) for each in verdicts)
    return (
        f'<details class="skip-criteria"{"" if met == len(verdicts) else " open"}><summary>'
        f"{met} of {len(verdicts)} expectations show {where}: all with their numbers</summary>"
        f"{rows}</details>"
    )
