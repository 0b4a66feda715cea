"""One row of the hall's table."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row of the table: a figure, and what it should be at most."""

    case: str
    goal: float
    figure: float

    def to_json(self) -> dict[str, Any]:
        return {
            "case": self.case, "ratio": self.figure, "direction": "max", "goal": self.goal,
            "met": self.figure <= self.goal, "skipped": None,
        }  # fmt: skip


def p95(values: list[float]) -> float:
    """The 95th percentile; infinite where nothing came."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else float("inf")
