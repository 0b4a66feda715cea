"""What the layers add, and which share of the gradient came around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skipviz.figures.answers.curves import panels


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Two panels over the depth, a curve for each lane that has skips."""
    chart = panels(
        answers,
        lanes,
        dark,
        (
            ("ratio", "‖changed‖ / ‖carried‖", False),
            ("share", "share of the gradient that came around", False),
        ),
    )
    chart.update_yaxes(rangemode="tozero", row=1, col=1)
    return chart.update_yaxes(range=[0, 1.02], row=1, col=2)
