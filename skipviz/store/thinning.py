"""Which rows of a long curve a screen needs."""

from __future__ import annotations

import numpy as np


def thin(series: np.ndarray, most: int, at: np.ndarray | None = None) -> np.ndarray:
    """Row numbers, at most `most`, that keep the look of the curves in `series` (n, k).

    The first and the newest row, and of every stretch between, the rows where a curve is lowest
    and highest. Values that are not numbers lose against all others.

    at   where on the axis each row stands, (n,), rising; None: one after the other. Stretches are
         of equal length along it: what was thinned before is not thinned more than what is new
    """
    n, k = series.shape
    if n <= most:
        return np.arange(n)
    stretches = max(1, (most - 2) // (2 * k))
    low = np.where(np.isnan(series), np.inf, series)
    high = np.where(np.isnan(series), -np.inf, series)
    if at is None:
        bounds = np.linspace(0, n, stretches + 1).astype(int)
    else:
        edges = np.linspace(at[0], at[-1], stretches + 1)
        bounds = np.unique(np.append(np.searchsorted(at, edges[:-1]), n))
    picked = {0, n - 1}
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        picked.update((start + low[start:stop].argmin(axis=0)).tolist())
        picked.update((start + high[start:stop].argmax(axis=0)).tolist())
    # Too narrow for both extremes of every curve: the newest rows matter most.
    return np.array(sorted(picked))[-most:]


def spread(n: int, most: int) -> np.ndarray:
    """At most `most` row numbers spread evenly from the first to the last of n."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))
