"""Scene × fault: does the scene notice?

not concerned   of its first steps the scene shows and judges the same numbers, to the last bit
tolerated       what it shows differs, every verdict rightly stays; the scene says why
noticed         an expectation fails, or the scene breaks off
missed          what it shows differs, every verdict stays, and no reason is given; or the scene
                must notice the fault and does not
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from skipviz.core.scene import Scene
from skipviz.mutants.faults import Fault
from skipviz.mutants.trials import Line

State = Literal["not concerned", "tolerated", "noticed", "missed"]
SIGNS: Mapping[State, str] = {
    "not concerned": "·",
    "tolerated": "~",
    "noticed": "✓",
    "missed": "✗",
}
LEAST_SCENES = 3
"""So many scenes must notice a fault; all that it concerns, where they are fewer."""


@dataclass(frozen=True)
class Cell:
    """A scene under a fault.

    why      which expectation failed, or why it is tolerated
    change   the judged number that changed most: which, from, to
    """

    scene: str
    fault: str
    state: State
    why: str = ""
    change: str = ""

    def to_json(self) -> dict[str, str]:
        """As an object for `strict_json`."""
        return vars(self).copy()


def cell(scene: Scene, line: Line, without: Line) -> Cell:
    """The cell of a line; `without`: that of the same scene without a fault."""
    must = line.fault in scene.notices
    if line.said["why"] and not line.same:
        return Cell(line.scene, line.fault, "noticed", f"broke off: {line.said['why']}")
    if line.same:
        state: State = "missed" if must else "not concerned"
        return Cell(line.scene, line.fault, state, "measures the same" if must else "")
    if line.said["alike"]:
        return Cell(line.scene, line.fault, "noticed", "its seeds are one and the same")
    change = _change(line.said["expectations"], without.said["expectations"])
    failed = [each["text"] for each in line.said["expectations"] if not each["met"]]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return Cell(line.scene, line.fault, "noticed", failed[0] + more, change)
    reason = scene.tolerates.get(line.fault, "")
    tolerated: State = "tolerated" if reason and not must else "missed"
    return Cell(line.scene, line.fault, tolerated, reason, change)


def _change(now: Sequence[Mapping[str, Any]], then: Sequence[Mapping[str, Any]]) -> str:
    """The judged number that changed most, as a share of what it was."""
    most, words = 0.0, "no judged number changes"
    for place, (one, other) in enumerate(zip(now, then, strict=True), 1):
        medians = [float(np.median(each["measured"])) for each in (other, one)]
        with np.errstate(all="ignore"):
            share = abs(medians[1] - medians[0]) / max(abs(medians[0]), 1e-12)
        share = share if np.isfinite(share) else np.inf
        if medians[0] != medians[1] and share > most:
            most, words = share, f"{place}: {medians[0]:.3g} → {medians[1]:.3g}"
    return words


def short(line: Line) -> list[str]:
    """What is not met without any fault: the expectations' texts, or why it broke off."""
    if line.said["why"]:
        return [line.said["why"]]
    return [each["text"] for each in line.said["expectations"] if not each["met"]]


def thin(cells: Sequence[Cell], faults: Sequence[Fault]) -> dict[str, tuple[int, int]]:
    """The faults that too few scenes notice: by how many, and by how many they must be."""
    shortfalls = {}
    for fault in faults:
        states = [each.state for each in cells if each.fault == fault.key]
        noticed, concerned = states.count("noticed"), len(states) - states.count("not concerned")
        least = min(LEAST_SCENES, concerned)
        if noticed < least or not concerned:
            shortfalls[fault.key] = noticed, max(least, 1)
    return shortfalls


def table(cells: Sequence[Cell], faults: Sequence[Fault]) -> list[str]:
    """The matrix as lines of a Markdown table: a column for each fault, by its number."""
    scenes = list(dict.fromkeys(each.scene for each in cells))
    signs = {(each.scene, each.fault): SIGNS[each.state] for each in cells}
    lines = [f"| scene | {' | '.join(str(n) for n in range(1, len(faults) + 1))} |"]
    lines.append("|---|" + ":-:|" * len(faults))
    for scene in scenes:
        row = [signs.get((scene, fault.key), " ") for fault in faults]
        lines.append(f"| *{scene}* | {' | '.join(row)} |")
    return lines
