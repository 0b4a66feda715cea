"""Which samples of a set are looked at: the first of each class, or some, evenly chosen."""

from __future__ import annotations

import numpy as np

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.datafiles import cache


def first_of_each_class(labels: np.ndarray, most: int) -> np.ndarray:
    """The rows of the first `most` samples of each class, in their order."""
    rows = [np.flatnonzero(labels == label)[:most] for label in np.unique(labels)]
    return np.sort(np.concatenate(rows))


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` rows, evenly chosen, the first and the last among them (n,)."""
    if most >= count or most < 2:
        return np.arange(min(count, max(most, 0)))
    steps = most - 1
    return (2 * np.arange(most) * (count - 1) + steps) // (2 * steps)


def first_row_of_each_class(labels: np.ndarray, most: int) -> np.ndarray:
    """The row of the first sample of each class, class by class, of the first `most` classes."""
    rows = np.unique(labels, return_index=True)[1][:most]
    return rows.astype(np.int64)


def sample_of_each_class(
    experiment: Experiment, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those rows (K,) of the training split that the experiment trains on, their labels (K,), and
    their images uint8 (K, C, H, W), pooled as the nets see them. SpecError where the set is not in
    the cache: reading it is a worker's business."""
    if cache.mapped(experiment.data) is None:
        gone = experiment.dataset.gone
        raise SpecError(gone or f"data {experiment.data}: it is not on this machine")
    images, labels, *_ = cache.arrays(experiment.data, experiment.seed)
    if experiment.subset:
        rows = first_of_each_class(labels, experiment.subset)
        images, labels = images[rows], labels[rows]
    rows = first_row_of_each_class(np.asarray(labels), most)
    return rows, np.asarray(labels)[rows], _pooled(np.asarray(images[rows]), experiment.pool)


def _pooled(images: np.ndarray, pool: int) -> np.ndarray:
    """Squares of pool×pool pixels averaged and rounded; what is left over at the edge falls
    away."""
    n, c, h, w = images.shape
    whole = images[:, :, : h // pool * pool, : w // pool * pool].astype(np.float32)
    parts = whole.reshape(n, c, h // pool, pool, w // pool, pool)
    small: np.ndarray = parts.mean((3, 5)).round().astype(np.uint8)
    return small
