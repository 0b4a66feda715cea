"""How long what waits has to wait, about. Values and functions of them alone."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def starts(training: Sequence[float], waiting: Sequence[float], slots: int) -> list[float]:
    """In how many seconds each begins that waits.

    training   the seconds that each run under way still takes
    waiting    the seconds that each takes that waits, in the order of turns
    slots      so many train at a time
    """
    ends = sorted(training)[-slots:] + [0.0] * max(0, slots - len(training))
    heapq.heapify(ends)
    begins = []
    for takes in waiting:
        begin = heapq.heappop(ends)
        begins.append(begin)
        heapq.heappush(ends, begin + takes)
    return begins


def words(seconds: float) -> str:
    """A time to wait, as coarsely as it is known: it is said anew only when it has changed much."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {10 * round(seconds / 10)} s"
    minutes = seconds / 60
    if minutes < 10:
        return f"about {max(1, round(minutes))} min"
    if minutes < 90:
        return f"about {5 * round(minutes / 5)} min"
    return f"about {round(minutes / 60)} h"
