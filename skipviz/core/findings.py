"""What the runs of a scene showed: its sentence in numbers, its verdicts, its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skipviz.core import final
from skipviz.core.scene import Evidence, Scene, Verdict, judged

MEANT = f"Final losses, and where a net ends: {final.WORDS}."


@dataclass(frozen=True)
class Findings:
    """What these runs say: the scene's sentence with its numbers, a verdict for each expectation,
    and which of the scene's choices was right."""

    saw: str
    verdicts: tuple[Verdict, ...]
    right: int


def found(scene: Scene, evidence: Evidence) -> Findings:
    """Measures what the scene promises; SpecError where a run or an answer is missing."""
    verdicts = judged(scene, evidence)
    numbers = {name: written(value) for name, value in scene.numbers(evidence).items()}
    return Findings(scene.saw.format(**numbers), verdicts, scene.correct_choice(evidence))


def written(value: float | int | str) -> str:
    """A number as a sentence shows it: three digits; ∞ where a net diverged or never got there."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else "∞"
    return f"{value:,}" if isinstance(value, int) else value
