"""What a set's training images are like: counts of pixel values and of classes. NumPy alone."""

from __future__ import annotations

import numpy as np

_ROWS = 2048


def histogram(images: np.ndarray) -> np.ndarray:
    """How often each channel has each value: uint8 images (N, C, H, W) → int64 (C, 256)."""
    channels = images.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for start in range(0, len(images), _ROWS):
        part = images[start : start + _ROWS]
        for channel in range(channels):
            counts[channel] += np.bincount(part[:, channel].ravel(), minlength=256)
    return counts


def moments(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel, from its histogram, exact in float64: (C,) and (C,)."""
    values = np.arange(256.0)
    total = counts.sum(axis=1)
    mean = counts @ values / total
    variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
    return mean, np.sqrt(variance)
