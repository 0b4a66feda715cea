"""The arrays of an .npz: images and labels under their usual names, in their usual types.

No pickles. Each array's head is checked before its numbers are unpacked.
"""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skipviz.core.declarations import listed
from skipviz.core.knob import SpecError, show
from skipviz.datafiles import archives, names

_PARTS = {
    "train": (
        ("images", "train_images", "x_train", "train_x"),
        ("labels", "train_labels", "y_train", "train_y"),
    ),
    "test": (("test_images", "x_test", "test_x"), ("test_labels", "y_test", "test_y")),
    "val": (
        ("val_images", "valid_images", "x_val", "x_valid", "val_x"),
        ("val_labels", "valid_labels", "y_val", "y_valid", "val_y"),
    ),
}  # fmt: skip
"""What the arrays of each part are called, in capitals or not."""

Part = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Stored:
    """What an .npz holds.

    images    uint8 (N, C, H, W)
    labels    the class of each: its row in `classes`
    classes   their names, not yet told apart
    tests     how many of the images, the last ones, are the test part
    notes     what was understood of it, in sentences
    deepest   of 16-bit images the largest value, as a share of 65535; None of others
    """

    images: np.ndarray
    labels: np.ndarray
    classes: list[str]
    tests: int
    notes: list[str] = field(default_factory=list)
    deepest: float | None = None


def npz(path: Path, stretch: float = 1.0) -> Stored:
    """Its training part and, where it has them, test parts and class names. SpecError where it
    lacks one of a pair, or an array is not what it should be. 16-bit values are multiplied by
    `stretch`."""
    with archives.opened(path) as packed:
        members = Counter(name for name in packed.namelist() if name.endswith(".npy"))
        twice = next((name for name, count in members.items() if count > 1), None)
        if twice is not None:
            raise SpecError(f"{path.name}: {show(twice)} lies in it twice; keep one of them")
        there = {name[:-4]: name for name in members}
        pairs = _pairs(path.name, there)
        parts = [_part(packed, path.name, *pair) for pair in pairs.values()]
        classes = _array(packed, "classes", "US", (1,)) if "classes" in there else None
    notes: list[str] = []
    shapes = {images.shape[1:] for images, _ in parts}
    kinds = {images.dtype.kind.replace("u", "i") for images, _ in parts}
    texts = {labels.dtype.kind in "U" for _, labels in parts}
    if len(shapes) > 1 or len(kinds) > 1 or len(texts) > 1:
        last = " and ".join(list(pairs.values())[-1])
        raise SpecError(f"{path.name}: {last} are not like the others")
    images, deepest = _bytes([images for images, _ in parts], stretch, pairs, notes)
    if len(pairs) > 1:
        notes.append(f"held out: {listed(pair[0] for pair in list(pairs.values())[1:])}")
    labels = np.concatenate([labels for _, labels in parts])
    rows, called = _named(labels, classes, notes)
    return Stored(images, rows, called, sum(len(part[0]) for part in parts[1:]), notes, deepest)


def _pairs(file: str, there: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The names of images and labels of each part that is there."""
    pairs: dict[str, tuple[str, str]] = {}
    for part, usual in _PARTS.items():
        pair = [[name for name in there if name.lower() in each] for each in usual]
        for double in pair:
            if len(double) > 1:
                raise SpecError(f"{file}: holds both {' and '.join(double)}; keep one of them")
        if all(pair):
            pairs[part] = (pair[0][0], pair[1][0])
        elif part == "train":
            names_in_file = listed(show(name) for name in list(there)[:8]) or "no arrays"
            raise SpecError(f"{file}: must hold the arrays images and labels, has {names_in_file}")
        elif any(pair):
            [alone] = pair[0] or pair[1]
            lacking = usual[0][0] if pair[1] else usual[1][0]
            raise SpecError(f"{file}: {alone} has no {lacking} beside it")
    return pairs


def _part(packed: zipfile.ZipFile, file: str, images: str, labels: str) -> Part:
    """Images (N, C, H, W) of any numbers, and labels (N,): whole numbers or texts."""
    pictures = _channels_first(_array(packed, images, "uifb", (3, 4)), images)
    answers = _flat(_array(packed, labels, "iufbUS", (1, 2)), labels)
    if len(answers) != len(pictures):
        raise SpecError(f"{file}: {len(pictures)} {images} and {len(answers)} {labels}")
    return pictures, answers


def _array(packed: zipfile.ZipFile, name: str, kinds: str, axes: tuple[int, ...]) -> np.ndarray:
    """One array, whose head is checked before its numbers are unpacked."""
    try:
        with packed.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            head = np.lib.format
            read = head.read_array_header_1_0 if version == (1, 0) else head.read_array_header_2_0
            shape, _, dtype = read(file)
        size = math.prod(shape) * dtype.itemsize
        fits = dtype.kind in kinds and len(shape) in axes and 0 < size <= archives.MOST_TOTAL
        if fits:
            with packed.open(f"{name}.npy") as file:
                array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except Exception as error:  # a damaged array makes NumPy raise whatever it stumbles over
        why = archives.reason(error)
        raise SpecError(f"array {name}: is damaged or not an array of numbers ({why})") from None
    raise SpecError(
        f"array {name}: {dtype} of shape {shape}; must be numbers (labels and class names: also"
        f" texts) with {' or '.join(map(str, axes))} axes, none of them empty, and at most 2 GB"
    )


# --- Images ------------------------------------------------------------------------------------


def _channels_first(images: np.ndarray, name: str) -> np.ndarray:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) as (N, C, H, W), C being 1 or 3."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1] not in (1, 3):
        raise SpecError(f"array {name}: {images.shape[1]} channels, must be 1 or 3")
    return images


def _bytes(
    parts: list[np.ndarray], stretch: float, pairs: dict[str, tuple[str, str]], notes: list[str]
) -> tuple[np.ndarray, float | None]:
    """All images as uint8, by one rule for every part, and the largest share of 16 bits."""
    low, high = min(float(p.min()) for p in parts), max(float(p.max()) for p in parts)
    kind = parts[0].dtype
    if kind.kind == "b" or (kind.kind == "f" and 0 <= low <= high <= 1):
        notes.append("values from 0 to 1 became 0 to 255")
        return _scaled(parts, 255.0), None
    whole = kind.kind != "f" or all(bool(np.all(p == np.rint(p))) for p in parts)
    if whole and 0 <= low <= high <= 255:
        return np.concatenate([part.astype(np.uint8, copy=False) for part in parts]), None
    if all(part.dtype == np.uint16 for part in parts):
        return _scaled(parts, 255 / 65535 * stretch), high / 65535
    wrong = max(zip(parts, pairs.values(), strict=True), key=lambda each: _excess(each[0]))
    raise SpecError(
        f"array {wrong[1][0]}: {wrong[0].dtype} from {low:g} to {high:g}; must be values from 0 to"
        " 1, or whole numbers from 0 to 255 (uint16: to 65535)"
    )


def _excess(images: np.ndarray) -> float:
    """How far an array is from being one of bytes."""
    low, high = float(images.min()), float(images.max())
    return max(0.0, high - 255, -low) + float(not bool(np.all(images == np.rint(images))))


def _scaled(parts: list[np.ndarray], factor: float) -> np.ndarray:
    images = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=np.uint8)
    start = 0
    for part in parts:
        for first in range(0, len(part), 1024):
            some = part[first : first + 1024].astype(np.float64) * factor
            images[start : start + len(some)] = np.rint(some.clip(0, 255))
            start += len(some)
    return images


# --- Labels ------------------------------------------------------------------------------------


def _flat(labels: np.ndarray, name: str) -> np.ndarray:
    """Labels (N,) of one text or whole number each: of a column, of one-hot rows, of any type."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        hot = labels.dtype.kind not in "US" and bool(
            np.all((labels == 0) | (labels == 1)) and np.all(labels.sum(axis=1) == 1)
        )
        if not hot:
            raise SpecError(
                f"array {name}: of shape {labels.shape}; must be one label for each image, or rows"
                " with a single 1"
            )
        return labels.argmax(axis=1)
    if labels.dtype.kind == "S":
        return np.array([text.decode("utf-8", "replace") for text in labels.tolist()])
    if labels.dtype.kind == "U":
        return labels
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int64)
    if labels.dtype.kind == "f" and not np.array_equal(whole, labels):
        raise SpecError(f"array {name}: {labels.dtype}; must be whole numbers or texts")
    return whole


def _named(
    labels: np.ndarray, classes: np.ndarray | None, notes: list[str]
) -> tuple[np.ndarray, list[str]]:
    """The row of each label's class, and the names of the classes in their order."""
    if labels.dtype.kind == "U":
        texts = [names.same(text) for text in labels.tolist()]
        order = sorted(set(texts), key=names.natural)
        place = {text: row for row, text in enumerate(order)}
        return np.array([place[text] for text in texts], dtype=np.int64), order
    values, rows = np.unique(labels, return_inverse=True)
    if classes is None:
        return rows.reshape(-1), [str(value) for value in values]
    if values[0] < 0 or values[-1] >= len(classes):
        wrong = values[0] if values[0] < 0 else values[-1]
        raise SpecError(f"array labels: {wrong} has no name among {len(classes)} classes")
    called = [c.decode("utf-8", "replace") if isinstance(c, bytes) else c for c in classes.tolist()]
    bare = [names.printable(name) for row, name in enumerate(called) if row not in values]
    if bare:
        notes.append(f"classes without an image left out: {listed(bare[:8])}")
    return rows.reshape(-1), [called[value] for value in values]
