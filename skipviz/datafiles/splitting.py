"""Which pictures are held out, of a set that has no test part of its own.

One in so many of each class (stratified), drawn by the experiment's seed: another seed trains on
other pictures, and the numbers of both parts stay the same.
"""

from __future__ import annotations

import numpy as np

_SPLIT = 3
"""Tells this random stream of a seed from those of order, label noise and augmentation."""


def sizes(count: int, share: int) -> tuple[int, int]:
    """How many of a class's `count` pictures, two or more, are trained on, and how many of them
    are held out when it is one in `share`."""
    held = max(1, count // share)
    return count - held, held


def rows(labels: np.ndarray, share: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on and the rows held out, each in a random order of its own."""
    rng = np.random.default_rng([seed, 0, _SPLIT])
    parts: tuple[list[int], list[int]] = ([], [])
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        train_size, _ = sizes(len(mine), share)
        parts[0].extend(mine[:train_size])
        parts[1].extend(mine[train_size:])
    return rng.permutation(parts[0]), rng.permutation(parts[1])
