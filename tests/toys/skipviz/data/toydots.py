"""Small noisy pictures that are brighter on one side: an example of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from skipviz.core.declarations import Dataset

TRAIN_SIZE, TEST_SIZE, SEED = 200, 50, 5


def load() -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(SEED)
    arrays: list[np.ndarray] = []
    for size in (TRAIN_SIZE, TEST_SIZE):
        labels = rng.permutation(np.arange(size) % 2)
        images = rng.integers(0, 128, (size, 1, 8, 8))
        for image, label in zip(images, labels, strict=True):
            image[:, :, 4 * label : 4 * label + 4] += 100
        arrays += [images.astype(np.uint8), labels.astype(np.int64)]
    return arrays[0], arrays[1], arrays[2], arrays[3]


DATASET = Dataset(
    title="Toy dots (synthetic)",
    summary="Pictures that are brighter on the left or on the right.",
    input_shape=(1, 8, 8),
    classes=("left", "right"),
    train_size=TRAIN_SIZE,
    test_size=TEST_SIZE,
    origin="Computed from a fixed seed.",
    licence="MIT",
    load=load,
    order=99,
)
