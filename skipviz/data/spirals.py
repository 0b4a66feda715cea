"""Spirals: points of the plane on three spiral arms, one class each, computed below: synthetic.

A point is a picture of two channels and one pixel, (2, 1, 1): x and y as bytes, 0 to 255 across
the plane. A dense net sees two numbers, and the border that it draws between the classes can be
shown as a map of the plane; nets of convolutions need pictures and refuse it. Points that fall on
the same cell of the 256×256 grid are drawn once, so that no test point is a training point.

Arm k of K at place t in [0, 1]: radius r = 0.08 + 0.87 t, angle = 2π (k / K + TURNS t), and noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skipviz.core.declarations import Dataset

ARMS, TURNS, NOISE = 3, 1.25, 0.022
TRAIN_SIZE, TEST_SIZE = 1500, 600
SEED = 20_151


def load() -> tuple[Any, Any, Any, Any]:
    """All arms equally often, shuffled; no two points alike."""
    rng = np.random.default_rng(SEED)
    labels = np.repeat(np.arange(ARMS), 4 * (TRAIN_SIZE + TEST_SIZE) // ARMS)
    place = np.sqrt(rng.random(len(labels)))  # evenly along the arm, which is longer outside
    radius = 0.08 + 0.87 * place
    angle = 2 * np.pi * (labels / ARMS + TURNS * place)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points += NOISE * rng.standard_normal(points.shape)
    cells = np.clip(np.rint(127.5 + 127.5 * points), 0, 255).astype(np.uint8)
    _, first = np.unique(cells, axis=0, return_index=True)
    first = rng.permutation(first)
    chosen: list[list[int]] = [[], []]
    for part, size in enumerate((TRAIN_SIZE, TEST_SIZE)):
        start = sum(map(len, chosen)) // ARMS
        for arm in range(ARMS):
            of_arm = first[labels[first] == arm]
            chosen[part] += of_arm[start : start + size // ARMS].tolist()
    arrays: list[np.ndarray] = []
    for rows in chosen:
        order = rng.permutation(rows)
        arrays += [cells[order][:, :, None, None], labels[order].astype(np.int64)]
    return arrays[0], arrays[1], arrays[2], arrays[3]


DATASET = Dataset(
    title="Spirals (synthetic)",
    summary="2100 points of the plane on three spiral arms. Two numbers a point, for dense nets"
    " only: a deep thin net must fold the plane to tell the arms apart, and one can draw how it"
    " does.",
    input_shape=(2, 1, 1),
    classes=("arm 1", "arm 2", "arm 3"),
    train_size=TRAIN_SIZE,
    test_size=TEST_SIZE,
    origin="Synthetic: computed by skipviz itself from a fixed seed (skipviz/data/spirals.py),"
    " after the two-spirals task of Lang and Witbrock, 1988.",
    licence="MIT, like skipviz",
    load=load,
    order=2,
)
