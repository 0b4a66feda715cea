"""How long one of our commands takes, from its start to its end."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable

import psutil

from skipviz.core import child_processes


def timed(turns: int, words: Callable[[int], list[str]]) -> tuple[float, float]:
    """Median wall and CPU seconds of a command whose words are asked for before each turn.
    RuntimeError where it fails."""
    walls, cpus = [], []
    for turn in range(turns):
        command = child_processes.command("-m", "skipviz", *words(turn))
        before, began = _children_s(), time.perf_counter()
        done = subprocess.run(
            command, env=child_processes.environment(), capture_output=True, encoding="utf-8"
        )
        walls.append(time.perf_counter() - began)
        cpus.append(_children_s() - before)
        if done.returncode:
            raise RuntimeError(done.stderr)
    return statistics.median(walls), statistics.median(cpus)


def _children_s() -> float:
    """CPU seconds of all children that have ended."""
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)
