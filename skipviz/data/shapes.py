"""Shapes: ten outlines in front of textures, 32×32 RGB, drawn by the code below: synthetic.

The class is in the outline alone. Place, turn (up to 45° each way) and size, both colours, both
textures and the noise are random and independent of it, and every shape is drawn around its centre
of mass with the same range of areas, so that neither the mean colour nor the amount of foreground
tells anything. A linear model reads about 30 % of the test images, a small residual net over 90 %
after 400 steps; for this, figures are mostly lighter than what is behind them: with free colours
the same net reads under 40 % after as many steps, which is too slow for a lecture.

A shape is a signed distance d(x, y): negative inside, positive outside. Unions are minima,
intersections maxima, and clip(1/2 − d) with d in pixels is an antialiased mask.
Legend: N images, S = 32 pixels a side; points are (…, S, S).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skipviz.core.declarations import Dataset

SIDE = 32
TRAIN_SIZE, TEST_SIZE = 4000, 1000
SEED = 20_150
Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]


# --- Outlines: signed distances, each about two units wide -------------------------------------


def _box(x: np.ndarray, y: np.ndarray, half_width: float, half_height: float) -> np.ndarray:
    return np.maximum(np.abs(x) - half_width, np.abs(y) - half_height)


def _polygon(x: np.ndarray, y: np.ndarray, sides: int) -> np.ndarray:
    """A regular polygon whose sides are 1/2 from its centre: the farthest of its half-planes."""
    turns = 2 * np.pi * np.arange(sides) / sides
    return np.max([np.cos(a) * x + np.sin(a) * y for a in turns], axis=0) - 0.5


def _disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - 1


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 0.75) - 0.25


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x, y) - 1, 0.85 - np.hypot(x - 0.55, y))


def _half_disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.hypot(x, y) - 1, -x)


def _square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _box(x, y, 1, 1)


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _polygon(x, y, 3)


def _star(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Five points: by symmetry, one edge between a tip (1, 0) and a notch 0.42 from the centre."""
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    fifth = 2 * np.pi / 5
    folded = np.abs((angle + fifth / 2) % fifth - fifth / 2)
    along = 0.42 * np.array([np.cos(fifth / 2), np.sin(fifth / 2)]) - [1, 0]
    normal = np.array([along[1], -along[0]]) / np.hypot(*along)
    return normal[0] * (radius * np.cos(folded) - 1) + normal[1] * radius * np.sin(folded)


def _cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_box(x, y, 1, 0.33), _box(x, y, 0.33, 1))


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A square with half a disc on each of two neighbouring sides."""
    discs = np.minimum(np.hypot(x - 0.6, y), np.hypot(x, y - 0.6)) - 0.6
    return np.minimum(_box(x, y, 0.6, 0.6), discs)


def _arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.minimum(_box(x + 0.9, y, 0.6, 0.2), _polygon(-x, y, 3))


OUTLINES: dict[str, Outline] = {
    "disc": _disc,
    "ring": _ring,
    "crescent": _crescent,
    "half disc": _half_disc,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "heart": _heart,
    "arrow": _arrow,
}


# --- Pictures ----------------------------------------------------------------------------------


def _moments(outline: Outline) -> tuple[float, float, float]:
    """Area and centre of mass of an outline, by counting on a fine grid."""
    axis = np.linspace(-2, 2, 401)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    inside = outline(x, y) < 0
    return float(inside.sum()) * 0.01**2, float(x[inside].mean()), float(y[inside].mean())


def _mask(rng: np.random.Generator, outline: Outline, count: int) -> np.ndarray:
    """How much of each pixel lies inside, 0 to 1, at random places, turns and sizes: (N, S, S)."""
    area, centre_x, centre_y = _moments(outline)
    draw = rng.random((4, count, 1, 1), dtype=np.float32)
    turn = np.pi / 4 * (2 * draw[0] - 1)
    pixels = np.sqrt((110 + 130 * draw[1]) / area).astype(np.float32)  # one unit, in pixels
    axis = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    right = axis - 10 * (draw[2] - 0.5)  # (N, 1, S)
    down = axis[:, None] - 10 * (draw[3] - 0.5)  # (N, S, 1)
    x = (np.cos(turn) * right + np.sin(turn) * down) / pixels + np.float32(centre_x)
    y = (np.cos(turn) * down - np.sin(turn) * right) / pixels + np.float32(centre_y)
    return np.clip(0.5 - outline(x, y) * pixels, 0, 1)


def _colours(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Two colours a picture that differ well, the figure's mostly the lighter: (N, 3) each."""
    back = 0.05 + 0.5 * rng.random((count, 1, 3), dtype=np.float32)
    front = 0.45 + 0.5 * rng.random((count, 12, 3), dtype=np.float32)
    apart = np.linalg.norm(front - back, axis=-1) > 0.45
    first = np.where(apart.any(axis=1), apart.argmax(axis=1), 0)
    return front[np.arange(count), first], back[:, 0]


def _texture(rng: np.random.Generator, count: int) -> np.ndarray:
    """Soft clouds and stripes for both sides of the outline: (N, 1, S, S), about −0.2 to 0.2."""
    knots = rng.standard_normal((count, 1, 5, 5), dtype=np.float32)
    at = np.linspace(0, 4, SIDE)[:, None]
    blend = np.clip(1 - np.abs(at - np.arange(5)), 0, 1).astype(np.float32)  # (S, 5), linear
    clouds = blend @ knots @ blend.T
    turn, phase, strength = rng.random((3, count, 1, 1, 1), dtype=np.float32)
    axis = np.arange(SIDE, dtype=np.float32)
    across = np.cos(np.pi * turn) * axis + np.sin(np.pi * turn) * axis[:, None]
    stripes = np.sin((0.4 + 0.8 * phase) * across + 40 * phase)
    return 0.07 * clouds + 0.09 * strength * stripes


def draw(seed: int, labels: np.ndarray) -> np.ndarray:
    """One picture a label, (N, 3, S, S) uint8. The same seed and labels give the same pictures."""
    rng = np.random.default_rng(seed)
    count = len(labels)
    mask = np.empty((count, 1, SIDE, SIDE), dtype=np.float32)
    for label, outline in enumerate(OUTLINES.values()):
        of_class = labels == label
        mask[of_class, 0] = _mask(rng, outline, int(of_class.sum()))
    front, back = (colour[:, :, None, None] for colour in _colours(rng, count))
    picture = mask * (front + _texture(rng, count)) + (1 - mask) * (back + _texture(rng, count))
    grain = 0.02 + 0.06 * rng.random((count, 1, 1, 1), dtype=np.float32)
    picture += grain * rng.standard_normal(picture.shape, dtype=np.float32)
    return (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)


def load() -> tuple[Any, Any, Any, Any]:
    """Training and test pictures from seeds of their own, all classes equally often, shuffled."""
    arrays: list[np.ndarray] = []
    for seed, size in ((SEED, TRAIN_SIZE), (SEED + 1, TEST_SIZE)):
        labels = np.random.default_rng(seed).permutation(np.arange(size) % len(OUTLINES))
        arrays += [draw(seed, labels), labels.astype(np.int64)]
    return arrays[0], arrays[1], arrays[2], arrays[3]


DATASET = Dataset(
    title="Shapes (synthetic)",
    summary="5000 drawn pictures of ten outlines, 32×32 pixels in colour, at random places, turns, "
    "sizes and colours in front of random textures. For CIFAR-shaped nets without a download; an "
    "easy task beside CIFAR-10.",
    input_shape=(3, SIDE, SIDE),
    classes=tuple(OUTLINES),
    train_size=TRAIN_SIZE,
    test_size=TEST_SIZE,
    origin="Synthetic: drawn by skipviz itself from a fixed seed (skipviz/data/shapes.py). Results "
    "on it are not results on photographs.",
    licence="MIT, like skipviz",
    load=load,
    order=1,
)
