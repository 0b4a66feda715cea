"""What chance decides of a run, in NumPy: the functions of `docs/batches.md`, as scripts hold them.

Their source is copied into the scripts that skipviz writes; a test compares it with that page.
"""

from __future__ import annotations

import numpy as np


def subset(labels: np.ndarray, most: int) -> np.ndarray:
    """The rows of the first `most` samples of each class."""
    rows = [np.flatnonzero(labels == label)[:most] for label in np.unique(labels)]
    return np.sort(np.concatenate(rows))


def pooled(images: np.ndarray, pool: int) -> np.ndarray:
    """Squares of pool×pool pixels averaged and rounded, halves to the even neighbour."""
    n, c, h, w = images.shape
    squares = images.reshape(n, c, h // pool, pool, w // pool, pool)
    return np.rint(squares.astype(np.float32).mean((3, 5))).astype(np.uint8)


def noisy(labels: np.ndarray, share: float, classes: int, seed: int) -> np.ndarray:
    """Labels of which about `share` are replaced by random ones."""
    rng = np.random.default_rng([seed, 0, 1])
    wrong = rng.random(len(labels)) < share
    return np.where(wrong, rng.integers(0, classes, len(labels)), labels)


def order(count: int, size: int, step: int, seed: int) -> np.ndarray:
    """The rows of a step's batch."""
    epoch, place = divmod(step, count // size)
    rows = np.random.default_rng([seed, epoch]).permutation(count)
    return rows[place * size : (place + 1) * size]


def augmented(images: np.ndarray, how: str, step: int, seed: int) -> np.ndarray:
    """Standardised images (B, C, H, W), cropped and mirrored: "none", "crop", "flip" or "both"."""
    rng = np.random.default_rng([seed, step, 2])
    count, _, height, width = images.shape
    pad = max(1, round(height / 8))
    corners, mirrored = np.full((2, count), pad), np.zeros(count, bool)
    if how in ("crop", "both"):
        corners = rng.integers(0, 2 * pad + 1, (2, count))
    if how in ("flip", "both"):
        mirrored = rng.random(count) < 0.5  # type: ignore[assignment]
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    made = np.empty_like(images)
    for i, (row, column) in enumerate(corners.T):
        window = padded[i, :, row : row + height, column : column + width]
        made[i] = window[:, :, ::-1] if mirrored[i] else window
    return made


def dropout(shape: tuple[int, ...], rate: float, step: int, seed: int, k: int) -> np.ndarray:
    """What the k-th dropout layer, counted from 0 in the order of the modules, multiplies its input
    of this shape with: 0, or 1 / (1 - rate)."""
    numbers = np.random.default_rng([seed, step, 3, k]).random(shape, dtype=np.float32)
    return (numbers < np.float32(1 - rate)).astype(np.float32) / np.float32(1 - rate)


def survives(survival: float, step: int, seed: int, k: int) -> bool:
    """Does the k-th branch of a net with stochastic depth, counted from 0, take part in a step?"""
    return bool(np.random.default_rng([seed, step, 4]).random(k + 1)[k] < survival)
