"""What *final* means, wherever a final loss or error is shown: the mean over the last tenth of a
run's steps, at least five of its readings, because one batch alone is noise.

    first(steps)           the first reading that counts
    mean(steps, values)    the final value of each seed
    median(values, axis)   over the seeds that live
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

TENTH = 10
READINGS = 5
WORDS = "mean over the last tenth of the steps, at least five readings"
"""As it is said where a final value is shown."""


def first(steps: Sequence[int] | np.ndarray) -> int:
    """The index of the first reading that counts, of those at `steps`, which rise from 0: step k is
    the k-th update's, so that a run whose last reading is at step k made k + 1 of them."""
    if not len(steps):
        return 0
    count = int(steps[-1]) + 1
    begin = int(np.searchsorted(np.asarray(steps), count - -(-count // TENTH)))
    return max(0, min(begin, len(steps) - READINGS))


def mean(steps: Sequence[int] | np.ndarray, values: np.ndarray) -> list[float]:
    """The final value of each seed, from values (T, S) at T steps; infinity of one that diverged:
    any of its values is not finite. Empty without a reading."""
    if not len(steps):
        return []
    read = np.asarray(values, float)
    with np.errstate(over="ignore", invalid="ignore"):
        last = np.where(np.isfinite(read).all(axis=0), read[first(steps) :].mean(axis=0), np.inf)
    return [float(value) for value in last]


def living(values: Sequence[float]) -> list[float]:
    """The values of the seeds that did not diverge."""
    return [value for value in values if np.isfinite(value)]


def median(values: Any, axis: int = 0) -> np.ndarray:
    """The median along the axis of the seeds, of those that live: whose value is finite; infinity
    where none does."""
    read = np.moveaxis(np.asarray(values, float), axis, 0)
    alive = np.isfinite(read)
    count = alive.sum(axis=0)
    ordered = np.sort(np.where(alive, read, np.inf), axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    with np.errstate(invalid="ignore"):
        edges = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (low, high)]
        middle: np.ndarray = np.where(count > 0, (edges[0] + edges[1]) / 2, np.inf)
    return middle


def dead(diverged: int, seeds: int) -> str:
    """How many seeds diverged, in words: "1 of 5 seeds diverged"; of a single one: "diverged"."""
    if not diverged:
        return ""
    return f"{diverged} of {seeds} seeds diverged" if seeds > 1 else "diverged"
