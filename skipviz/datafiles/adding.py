"""Makes a data set of one's own from a folder, a zip archive or an .npz of pictures.

A set that brings a test part keeps it. Any other keeps all its pictures together: the experiment's
seed holds out one in five of each class (`splitting`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from skipviz.datafiles import archives, cache, own, pictures, places, splitting
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
    given = _usable(_collected(path, side, tell), tell)
    arrays, share = _parts(given)
    with places.disk_errors(places.cache()):
        key = own.reserve(title)
        try:
            facts = _about(title, path, given, share)
            cache.store(own.home() / key, arrays, len(given.classes), **facts)
        except BaseException:
            shutil.rmtree(own.home() / key, ignore_errors=True)
            raise
    return key


class Given(NamedTuple):
    """What was given, before it is a data set.

    images   (N, C, side, side) uint8
    labels   the class number of each
    held     is it in the test part that the set brought?
    classes  their names
    """

    images: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    classes: tuple[str, ...]

    @property
    def brings_a_test_part(self) -> bool:
        return bool(self.held.any() and not self.held.all())


def _collected(path: Path, side: int, tell: Tell) -> Given:
    if path.is_dir():
        return _pictures(archives.folder(path), side or SIDE, tell)
    if not path.is_file():
        raise SpecError(f"{show(str(path))}: there is no such file or folder")
    if path.suffix.lower() == ".zip":
        return _pictures(archives.archive(path), side or SIDE, tell)
    if path.suffix.lower() != ".npz":
        raise SpecError(f"{path.name}: must be a folder, a .zip or an .npz")
    return _arrays(archives.npz(path), side)


def _arrays(stored: archives.Stored, side: int) -> Given:
    height, width = stored.images.shape[2:]
    small = height == width and SIDES[0] <= height <= SIDES[1]
    side = side or (height if small else SIDE)
    images = stored.images
    if (height, width) != (side, side):
        _affordable(len(images), images.shape[1], side)
        images = pictures.resized(images, side)
    numbers = {name: number for number, name in enumerate(stored.classes)}
    labels = np.array([numbers[label] for label in stored.labels], dtype=np.int64)
    held = np.arange(len(labels)) >= len(labels) - stored.tests
    return Given(images, labels, held, stored.classes)


def _affordable(count: int, channels: int, side: int) -> None:
    if count * channels * side * side > MOST_RESULT:
        raise SpecError(
            f"{count} pictures of {side}×{side} pixels are more than {MOST_RESULT // 10**9} GB;"
            " take a smaller size"
        )


def _pictures(pieces: Iterable[Item | Trouble], side: int, tell: Tell) -> Given:
    found: list[np.ndarray] = []
    names: list[str] = []
    held: list[bool] = []
    for picture, item in _decoded(pieces, side, tell):
        found.append(picture)
        names.append(item.label)
        held.append(item.held)
        _affordable(len(found), 3, side)
        tell(done=len(found))
    if not found:
        raise SpecError("no picture could be used; classes are folders with pictures in them")
    colour = any(len(picture) == 3 for picture in found)
    same = [np.repeat(p, 3, axis=0) if colour and len(p) == 1 else p for p in found]
    classes = tuple(sorted(set(names)))
    labels = np.array([classes.index(name) for name in names], dtype=np.int64)
    return Given(np.stack(same), labels, np.array(held), classes)


def _decoded(
    pieces: Iterable[Item | Trouble], side: int, tell: Tell
) -> Iterator[tuple[np.ndarray, Item]]:
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
        yield picture, piece


def _usable(given: Given, tell: Tell) -> Given:
    """Without the classes that have too few pictures to hold one out, or none to train on."""
    count = len(given.classes)
    counts = np.bincount(given.labels, minlength=count)
    train = np.bincount(given.labels[~given.held], minlength=count)
    kept = []
    for number, name in enumerate(given.classes):
        if counts[number] < 2:
            tell(trouble=f"class {show(name)}: has one picture, needs two or more")
        elif given.brings_a_test_part and not train[number]:
            tell(trouble=f"class {show(name)}: is in the test part alone")
        else:
            kept.append(number)
    if not 2 <= len(kept) <= MOST_CLASSES:
        raise SpecError(
            f"{len(kept)} classes with two pictures or more, must be 2 to {MOST_CLASSES}"
        )
    names = [archives.printable(given.classes[number]) for number in kept]
    alike = len(set(names)) < len(names) or "" in names
    names = [f"{name} ({number})" for number, name in enumerate(names, 1)] if alike else names
    rows = np.flatnonzero(np.isin(given.labels, kept))
    labels = np.searchsorted(kept, given.labels[rows]).astype(np.int64)
    return Given(given.images[rows], labels, given.held[rows], tuple(names))


def _parts(given: Given) -> tuple[cache.Arrays, int]:
    """The arrays as they are kept, and one in how many is held out (0: the test part is its own).

    In a random order, always the same, so that the first ones are of all classes.
    """
    images, labels = given.images, given.labels
    held = given.held if given.brings_a_test_part else np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(0)
    train, test = (rng.permutation(np.flatnonzero(part)) for part in (~held, held))
    share = 0 if held.any() else HELD_OUT
    return (images[train], labels[train], images[test], labels[test]), share


def _about(title: str, path: Path, given: Given, share: int) -> dict[str, Any]:
    count, channels, height, width = given.images.shape
    kind = "an .npz" if path.suffix.lower() == ".npz" else "pictures"
    colour = "in colour" if channels == 3 else "in grey"
    said = f"one in {share} is held out, by the seed" if share else "its own test part is held out"
    facts = {
        "title": title,
        "classes": given.classes,
        "input_shape": [channels, height, width],
        "summary": f"{count} pictures of your own in {len(given.classes)} classes, {height}×{width}"
        f" pixels {colour}; {said}.",
        "origin": f"Added here from {kind} on {date.today().isoformat()}.",
    }
    if not share:
        return facts
    parts = [splitting.sizes(n, share) for n in np.bincount(given.labels).tolist()]
    counts = dict(zip(("train_counts", "test_counts"), zip(*parts, strict=True), strict=True))
    return facts | counts | {"held_out": share}
