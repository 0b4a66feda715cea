"""How the answers of probes are drawn: one file for each probe that has a figure, named as it is.

figure(answers, lanes, dark)
    answers   what the probe said, one for each seed
    lanes     (label, family) of each lane of the run
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any


def probes_with_figures() -> set[str]:
    """The keys of the probes that have a figure."""
    return {item.name for item in pkgutil.iter_modules(__path__)} - {"curves"}


def of(probe: str) -> Callable[..., Any]:
    """The figure of a probe; KeyError where it has none."""
    if probe not in probes_with_figures():
        raise KeyError(probe)
    figure: Callable[..., Any] = importlib.import_module(f"{__name__}.{probe}").figure
    return figure
