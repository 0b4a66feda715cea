"""Does an experiment fit into memory? Asked before anything is allocated."""

from __future__ import annotations

import psutil

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.server.needs import needs, reduce


def needed_bytes(experiment: Experiment) -> int:
    """About how much memory training takes, in bytes."""
    return needs(experiment).memory_bytes


def check(experiment: Experiment, free: int | None = None) -> None:
    """SpecError where the experiment needs more memory than is free (`free` bytes, default: of
    this machine)."""
    room = psutil.virtual_memory().available if free is None else free
    needed = needed_bytes(experiment)
    if needed > room:
        raise SpecError(
            f"experiment too large: it needs about {needed / 2**30:.1f} GB of memory and"
            f" {room / 2**30:.1f} GB are free; {reduce(experiment)}"
        )
