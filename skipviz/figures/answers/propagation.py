"""The signal on its way up: similarity of different inputs, scale, gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skipviz.figures.answers.curves import panels


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Three panels over the depth, a curve for each lane."""
    chart = panels(
        answers,
        lanes,
        dark,
        (
            ("similarity", "cosine of different inputs", False),
            ("scale", "activation scale (rms of x)", True),
            ("gradient", "signal gradient ‖dLoss/dx‖", True),
        ),
    )
    return chart.update_yaxes(range=[-0.05, 1.05], row=1, col=1)
