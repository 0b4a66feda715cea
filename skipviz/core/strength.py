"""How much a claim that held on so many seeds is worth: the share of all seeds on which it holds,
at least, with a confidence of 95 %.

    lower_bound(held=59, seeds=59) -> 0.9505…

The exact bound for a binomial share (Clopper & Pearson 1934), one-sided: the share under which so
many successes, or more, have a probability of 5 %.
"""

from __future__ import annotations

from math import comb

CONFIDENCE = 0.95
SEEDS = range(1000, 1059)
"""The seeds of a proof, fixed beforehand: no expectation was worded on them."""


def lower_bound(held: int, seeds: int) -> float:
    """The least share of all seeds on which a claim holds that held on `held` of `seeds`.
    ValueError where there are none."""
    if not 0 <= held <= seeds or not seeds:
        raise ValueError(f"{held} of {seeds} seeds")
    if not held:
        return 0.0
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _at_least(held, seeds, middle) < 1 - CONFIDENCE else (low, middle)
        )
    return low


def _at_least(held: int, seeds: int, share: float) -> float:
    """The probability of `held` successes or more of `seeds`."""
    return sum(
        comb(seeds, k) * share**k * (1 - share) ** (seeds - k) for k in range(held, seeds + 1)
    )


def in_words(held: int, seeds: int) -> str:
    """ "on 3 of 3 seeds, so on at least 36 % of all"."""
    percent = int(100 * lower_bound(held, seeds))
    return f"on {held} of {seeds} seed{'s' if seeds > 1 else ''}, so on at least {percent} % of all"
