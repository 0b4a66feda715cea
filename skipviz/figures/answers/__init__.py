"""How the answers of probes are drawn: one file for each probe that has a figure, named as it is;
all others by the shape of their JSON (`figures/any_answer.py`).

figure(answers, lanes, dark)
    answers   what the probe said, one for each seed
    lanes     (label, family) of each lane of the run
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

from skipviz.figures import any_answer


def probes_with_figures() -> set[str]:
    """The keys of the probes that have a figure."""
    return {item.name for item in pkgutil.iter_modules(__path__)} - {"curves"}


def of(probe: str) -> Callable[..., Any]:
    """The figure of a probe: its own, or the one for any answer."""
    if probe not in probes_with_figures():
        return any_answer.figure
    figure: Callable[..., Any] = importlib.import_module(f"{__name__}.{probe}").figure
    return figure
