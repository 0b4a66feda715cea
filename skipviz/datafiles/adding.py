"""Makes a data set of one's own from a folder, a zip archive or an .npz of pictures.

One in five pictures of each class is held out, drawn from a fixed seed.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skipviz.datafiles import archives, cache, own, pictures, places
from skipviz.datafiles.archives import Item, Trouble
from skipviz.knob import SpecError, show

SIDE = 32
SIDES = (8, 128)
MOST_CLASSES = 200
MOST_RESULT = 10**9
HELD_OUT = 5


class Tell(Protocol):
    """Hears how far it is, and of every file that cannot be used."""

    def __call__(self, **event: Any) -> None: ...


def add(title: str, path: Path, side: int, tell: Tell) -> str:
    """The key of the new set. `side` 0: as stored in an .npz of small squares, else 32.

    SpecError where no set can be made of it; a file that cannot be used is told and left out.
    """
    title = archives.printable(title)
    if not title:
        raise SpecError("name: must have at least one letter or digit")
    if side and not SIDES[0] <= side <= SIDES[1]:
        raise SpecError(f"side {side}: must be a whole number from {SIDES[0]} to {SIDES[1]}")
    images, labels, classes = _collected(path, side, tell)
    images, labels, classes = _usable(images, labels, classes, tell)
    arrays = _split(images, np.array(labels, dtype=np.int64))
    with places.disk_errors(places.cache()):
        key = own.reserve(title)
        try:
            cache.store(own.home() / key, arrays, **_about(title, path, images, classes))
        except BaseException:
            shutil.rmtree(own.home() / key, ignore_errors=True)
            raise
    return key


def _collected(path: Path, side: int, tell: Tell) -> tuple[np.ndarray, list[int], tuple[str, ...]]:
    """Images (N, C, side, side), the class number of each, and the class names."""
    if path.is_dir():
        return _pictures(archives.folder(path), side or SIDE, tell)
    if not path.is_file():
        raise SpecError(f"{show(str(path))}: there is no such file or folder")
    if path.suffix.lower() == ".zip":
        return _pictures(archives.archive(path), side or SIDE, tell)
    if path.suffix.lower() != ".npz":
        raise SpecError(f"{path.name}: must be a folder, a .zip or an .npz")
    stored = archives.npz(path)
    height, width = stored.images.shape[2:]
    small = height == width and SIDES[0] <= height <= SIDES[1]
    side = side or (height if small else SIDE)
    images = stored.images
    if (height, width) != (side, side):
        _affordable(len(images), images.shape[1], side)
        images = pictures.resized(images, side)
    numbers = {name: number for number, name in enumerate(stored.classes)}
    return images, [numbers[label] for label in stored.labels], stored.classes


def _affordable(count: int, channels: int, side: int) -> None:
    if count * channels * side * side > MOST_RESULT:
        raise SpecError(
            f"{count} pictures of {side}×{side} pixels are more than {MOST_RESULT // 10**9} GB;"
            " take a smaller size"
        )


def _pictures(
    pieces: Iterable[Item | Trouble], side: int, tell: Tell
) -> tuple[np.ndarray, list[int], tuple[str, ...]]:
    found: list[np.ndarray] = []
    names: list[str] = []
    for picture, label in _decoded(pieces, side, tell):
        found.append(picture)
        names.append(label)
        _affordable(len(found), 3, side)
        tell(done=len(found))
    if not found:
        raise SpecError("no picture could be used; classes are folders with pictures in them")
    colour = any(len(picture) == 3 for picture in found)
    same = [np.repeat(p, 3, axis=0) if colour and len(p) == 1 else p for p in found]
    classes = tuple(sorted(set(names)))
    return np.stack(same), [classes.index(name) for name in names], classes


def _decoded(
    pieces: Iterable[Item | Trouble], side: int, tell: Tell
) -> Iterator[tuple[np.ndarray, str]]:
    cut = pictures.cutter(side)
    for piece in pieces:
        if isinstance(piece, Trouble):
            tell(trouble=f"{piece.name}: {piece.why}")
            continue
        try:
            picture = cut(pictures.decode(piece.data))
        except SpecError as error:
            tell(trouble=f"{piece.name}: {error}")
            continue
        yield picture, piece.label


def _usable(
    images: np.ndarray, labels: list[int], classes: tuple[str, ...], tell: Tell
) -> tuple[np.ndarray, list[int], tuple[str, ...]]:
    """Without the classes that have too few pictures to hold one out."""
    counts = Counter(labels)
    kept = [number for number in range(len(classes)) if counts[number] >= 2]
    for number in range(len(classes)):
        if number not in kept:
            tell(trouble=f"class {show(classes[number])}: has one picture, needs two or more")
    if not 2 <= len(kept) <= MOST_CLASSES:
        raise SpecError(
            f"{len(kept)} classes with two pictures or more, must be 2 to {MOST_CLASSES}"
        )
    again = {number: place for place, number in enumerate(kept)}
    rows = [row for row, label in enumerate(labels) if label in again]
    names = [archives.printable(classes[number]) for number in kept]
    alike = len(set(names)) < len(names) or "" in names
    names = [f"{name} ({number})" for number, name in enumerate(names, 1)] if alike else names
    return images[rows], [again[labels[row]] for row in rows], tuple(names)


def _split(images: np.ndarray, labels: np.ndarray) -> cache.Arrays:
    rng = np.random.default_rng(0)
    train: list[int] = []
    held: list[int] = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        share = max(1, len(rows) // HELD_OUT)
        held += rows[:share].tolist()
        train += rows[share:].tolist()
    parts = [rng.permutation(rows) for rows in (train, held)]
    return images[parts[0]], labels[parts[0]], images[parts[1]], labels[parts[1]]


def _about(title: str, path: Path, images: np.ndarray, classes: tuple[str, ...]) -> dict[str, Any]:
    count, channels, height, width = images.shape
    kind = "an .npz" if path.suffix.lower() == ".npz" else "pictures"
    colour = "in colour" if channels == 3 else "in grey"
    return {
        "title": title,
        "classes": classes,
        "input_shape": [channels, height, width],
        "summary": f"{count} pictures of your own in {len(classes)} classes, {height}×{width}"
        f" pixels {colour}; one in {HELD_OUT} is held out.",
        "origin": f"Added here from {kind} on {date.today().isoformat()}.",
    }
