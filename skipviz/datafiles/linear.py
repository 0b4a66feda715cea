"""The yardstick of a data set: how many held-out images a linear model gets wrong.

Softmax regression on standardised pixels, at most ROWS training images (the first of each class,
evenly), an L2 penalty on the weights, L-BFGS from zero weights: the same figure every time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skipviz.core import packages
from skipviz.core.registry import dataset
from skipviz.datafiles import cache

ROWS = 10_000
STEPS = 60
PENALTY = 1e-2


def fit(key: str) -> dict[str, Any]:
    """Held-out and training error of the linear model, in shares, and what it was fitted to.
    SpecError without torch."""
    packages.check("the linear model")
    import torch

    images, labels, held_images, held_labels = cache.arrays(key)
    classes = dataset(key).num_classes
    rows = _evenly(labels, ROWS)
    x, answers = torch.from_numpy(_flat(images[rows])), torch.from_numpy(labels[rows])
    mean, std = x.mean(0), x.std(0)
    std[std == 0] = 1
    x = (x - mean) / std
    weights = torch.zeros(x.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        solver.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ weights + bias, answers)
        value = value + PENALTY / 2 * weights.square().sum()
        value.backward()
        return value

    solver.step(loss)
    with torch.no_grad():
        held = (torch.from_numpy(_flat(held_images)) - mean) / std
        wrong = (held @ weights + bias).argmax(1).numpy() != held_labels
        train = (x @ weights + bias).argmax(1) != answers
    return {
        "error": float(wrong.mean()),
        "train_error": float(train.float().mean()),
        "train_images": len(rows),
        "held_out_images": len(held_labels),
    }


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def _evenly(labels: np.ndarray, most: int) -> np.ndarray:
    """At most `most` rows, the first of each class and as many of each as there are."""
    each = most // len(np.unique(labels))
    rows = [np.flatnonzero(labels == label)[:each] for label in np.unique(labels)]
    return np.sort(np.concatenate(rows))
