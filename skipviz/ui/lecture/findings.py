"""What the runs of a scene showed: its figures, its sentence in numbers, its verdicts."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

from skipviz.core import final, strength
from skipviz.core.scene import Figure, Scene, Verdict, judged
from skipviz.figures import answers
from skipviz.figures.charts import draw
from skipviz.store.evidence import Gathered
from skipviz.store.lane_axes import families, labels

_HERE = "shows here", "did not show here"

MEANT = f"Final losses, and where a net ends: {final.WORDS}."


@dataclass(frozen=True)
class Findings:
    """What these runs say: the scene's sentence with its numbers, a verdict for each expectation,
    and which of the scene's choices was right."""

    saw: str
    verdicts: tuple[Verdict, ...]
    right: int


def found(scene: Scene, evidence: Gathered) -> Findings:
    """Measures what the scene promises; SpecError where a run or an answer is missing."""
    verdicts = judged(scene, evidence)
    numbers = {name: written(value) for name, value in scene.numbers(evidence).items()}
    return Findings(scene.saw.format(**numbers), verdicts, scene.correct_choice(evidence))


def written(value: float | int | str) -> str:
    """A number as a sentence shows it: three digits; ∞ where a net diverged or never got there."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else "∞"
    return f"{value:,}" if isinstance(value, int) else value


def figure_of(scene: Scene, figure: Figure, evidence: Gathered, dark: bool) -> Any:
    """A figure that is not live, as Plotly draws it; SpecError where a measurement is missing."""
    if figure.kind == "chart":
        assert figure.chart is not None
        return draw(figure.chart(evidence), dark=dark)
    ask = next(ask for ask in scene.asks if ask.name == figure.ask)
    experiment = evidence.experiment(ask.run)
    lanes = list(zip(labels(experiment), families(experiment), strict=True))
    return answers.of(ask.probe)(evidence.ask(ask.name), lanes, dark)


def verdict(of: Verdict, recorded: bool = False) -> str:
    """One verdict as a row: whether it shows here (or in the recording), the sentence, what was
    expected and measured."""
    unit = f" {of.unit}" if of.unit else ""
    met, missed = ("recorded: shows", "recorded: not so") if recorded else _HERE
    state, word = ("met", f"✓ {met}") if of.met else ("missed", f"✗ {missed}")
    count = len(of.measured)
    seeds = "1 seed" if count == 1 else strength.in_words(of.held, count)
    return (
        f'<div class="skip-verdict" data-state="{state}"><b>{word}</b>'
        f"<span>{html.escape(of.text)}</span><small>expected {html.escape(of.wanted)};"
        f" measured {of.numbers}{html.escape(unit)} ({seeds})</small></div>"
    )
