"""Augmentation's throws of the dice, and what they make of a few pictures. NumPy alone.

The engine crops and mirrors whole batches on the device by the same throws (`engine/augment.py`,
which names the source); a page shows with `applied` what they do. A test compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

STREAM = 2
"""Tells this random stream of a seed from those of order, label noise and split."""


class Throws(NamedTuple):
    """Where each of B images is cut out of itself padded, and which are mirrored.

    pad       pixels added on each side, 0 where nothing is cropped
    corners   (2, B) row and column of the upper left corner in the padded image
    mirrored  (B,)
    """

    pad: int
    corners: np.ndarray
    mirrored: np.ndarray


def padding(height: int) -> int:
    """Pixels added on each side: four of 32 (He et al. 2015), the same share of other heights."""
    return max(1, round(height / 8))


def thrown(how: str, count: int, height: int, rng: np.random.Generator) -> Throws:
    """The throws for `count` images under "none", "crop", "flip" or "both"."""
    pad, corners = 0, np.zeros((2, count), dtype=np.int64)
    mirrored = np.zeros(count, dtype=bool)
    if how in ("crop", "both"):
        pad = padding(height)
        corners = rng.integers(0, 2 * pad + 1, (2, count))
    if how in ("flip", "both"):
        mirrored = rng.random(count) < 0.5
    return Throws(pad, corners, mirrored)


def applied(images: np.ndarray, throws: Throws) -> np.ndarray:
    """Standardised images (B, C, H, W), cropped and mirrored. The padding is zero, the mean."""
    pad, (_, _, height, width) = throws.pad, images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    augmented = np.empty_like(images)
    for i, (row, column) in enumerate(throws.corners.T):
        window = padded[i, :, row : row + height, column : column + width]
        augmented[i] = window[:, :, ::-1] if throws.mirrored[i] else window
    return augmented
