"""Makes a data set of one's own from a folder, an archive or an .npz of pictures.

A set that brings a test part keeps it. Any other keeps all its pictures together: the experiment's
seed holds out one in five of each class (`splitting`).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from skipviz.core import places, registry, user_datasets
from skipviz.core.knob import SpecError, show
from skipviz.datafiles import archives, arrays, cache, layout, names, pictures, splitting
from skipviz.datafiles.archives import Source, Trouble
from skipviz.datafiles.layout import Survey

SIDE = 32
SIDES = (8, 128)
MOST_CLASSES = 200
MOST_RESULT = 10**9
HELD_OUT = 5
DARK = 0.25
"""A set of 16-bit pictures whose largest value is below this share is called dark."""


class Tell(Protocol):
    """Hears how far it is, of every file that cannot be used, and what was understood."""

    def __call__(self, **event: Any) -> None: ...


def add(title: str, path: Path, side: int, tell: Tell, stretch: float = 1.0) -> str:
    """The key of the new set. `side` 0: as stored in an .npz of small squares, else 32. `stretch`
    multiplies the values of 16-bit pictures, all by the same.

    SpecError where no set can be made of it; a file that cannot be used is told and left out.
    """
    if not names.printable(title):
        raise SpecError("name: must have at least one letter or digit")
    if side and not SIDES[0] <= side <= SIDES[1]:
        raise SpecError(f"side {side}: must be a whole number from {SIDES[0]} to {SIDES[1]}")
    if not pictures.STRETCHES[0] <= stretch <= pictures.STRETCHES[1]:
        least, most = pictures.STRETCHES
        raise SpecError(f"stretch {stretch:g}: must be a number from {least:g} to {most:g}")
    pictures_given = _usable(_collected(path, side, stretch, tell), tell)
    for note in pictures_given.notes:
        tell(note=note)
    loaded, share = _parts(pictures_given)
    with places.disk_errors(places.cache()):
        [title] = names.distinct([title], {each.title for each in registry.datasets().values()})
        key = user_datasets.reserve(title)
        try:
            facts = _about(title, path, pictures_given, share)
            cache.store(user_datasets.home() / key, loaded, len(pictures_given.classes), **facts)
        except BaseException:
            shutil.rmtree(user_datasets.home() / key, ignore_errors=True)
            raise
    return key


@dataclass(frozen=True)
class Given:
    """What was given, before it is a data set.

    images   (N, C, side, side) uint8
    labels   the class number of each
    held     is it in the test part that the set brought?
    classes  their names
    notes    what was understood and what was done, in sentences
    """

    images: np.ndarray
    labels: np.ndarray
    held: np.ndarray
    classes: tuple[str, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def brings_a_test_part(self) -> bool:
        return bool(self.held.any() and not self.held.all())


def _collected(path: Path, side: int, stretch: float, tell: Tell) -> Given:
    try:
        path.stat()
    except OSError as error:
        why = archives.reason(error)
        raise SpecError(f"{show(str(path))}: cannot be read ({why})") from None
    kind = archives.ending(path.name)
    if not path.is_dir() and not kind:
        wanted = "must be a folder, a .zip, a .tar, a .tar.gz or an .npz"
        raise SpecError(f"{path.name}: {wanted}")
    if path.is_dir() or kind != ".npz":
        return _pictures(archives.source(path), side or SIDE, stretch, tell)
    return _arrays(arrays.npz(path, stretch), side, stretch)


def _arrays(stored: arrays.Stored, side: int, stretch: float) -> Given:
    height, width = stored.images.shape[2:]
    small = height == width and SIDES[0] <= height <= SIDES[1]
    side = side or (height if small else SIDE)
    images = stored.images
    if (height, width) != (side, side):
        _affordable(len(images), images.shape[1], side)
        images = pictures.resized(images, side)
    held = np.arange(len(stored.labels)) >= len(stored.labels) - stored.tests
    deepest = [] if stored.deepest is None else [stored.deepest]
    notes = [*stored.notes, *_depth(deepest, stretch)]
    return Given(images, stored.labels, held, tuple(stored.classes), notes)


def _affordable(count: int, channels: int, side: int) -> None:
    if count * channels * side * side > MOST_RESULT:
        raise SpecError(
            f"{count} pictures of {side}×{side} pixels are more than {MOST_RESULT // 10**9} GB;"
            " take a smaller size"
        )


def _pictures(source: Source, side: int, stretch: float, tell: Tell) -> Given:
    survey = layout.survey(source)
    for trouble in survey.troubles:
        tell(trouble=f"{trouble.name}: {trouble.why}")
    read: dict[int, np.ndarray] = {}
    clear, deepest = 0, []
    for place, one, cut in _decoded(survey, source, side, stretch, tell):
        read[place] = cut
        clear += one.clear
        deepest += [] if one.deepest is None else [one.deepest]
        _affordable(len(read), 3, side)
        tell(done=len(read))
    if not read:
        raise SpecError(_nothing(survey))
    picks = [survey.picks[place] for place in sorted(read)]
    in_order = [read[place] for place in sorted(read)]
    colour = any(len(picture) == 3 for picture in in_order)
    same = [np.repeat(p, 3, axis=0) if colour and len(p) == 1 else p for p in in_order]
    classes = tuple(sorted({pick.label for pick in picks}, key=names.natural))
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[pick.label] for pick in picks], dtype=np.int64)
    held = np.array([pick.held for pick in picks])
    ground = [f"{_count(clear)} with clear parts laid on white"] if clear else []
    notes = [*survey.notes, *ground, *_depth(deepest, stretch)]
    return Given(np.stack(same), labels, held, classes, notes)


def _count(count: int) -> str:
    return f"{count:,} picture{'s' * (count != 1)}"


def _nothing(survey: Survey) -> str:
    """The sentence for a folder or an archive without a picture that could be used."""
    reasons = "; ".join(survey.notes[:2])
    return "no picture could be used; classes are folders with pictures in them" + (
        f" ({reasons})" if reasons else ""
    )


def _depth(deepest: list[float], stretch: float) -> list[str]:
    """What is to be said of pictures with more than 8 bits: a sentence, or none."""
    if not deepest:
        if stretch != 1:
            raise SpecError(f"stretch {stretch:g}: none of these pictures has 16 bits; leave it 1")
        return []
    high = max(deepest)
    which = f"{len(deepest):,} pictures" if len(deepest) > 1 else "values"
    first = f"{which} of 16 bits or with a point divided by their format's largest value"
    if stretch != 1:
        lost = "; brighter values became white" if high * stretch > 1 + 1 / 255 else ""
        return [f"{first} and multiplied by {stretch:g}, the same for all{lost}"]
    if high >= DARK or high == 0:
        return [first]
    factor = 2 ** math.floor(math.log2(1 / high))
    return [
        f"{first}; all are dark, the brightest value is {high:.1%} of it: add them again with"
        f" stretch {min(factor, int(pictures.STRETCHES[1]))} to use the whole range"
    ]


def _decoded(
    survey: Survey, source: Source, side: int, stretch: float, tell: Tell
) -> Iterator[tuple[int, pictures.Decoded, np.ndarray]]:
    """Every picture that can be read: its place among the picks, and what was made of it."""
    cut = pictures.cutter(side)
    wanted = [pick.entry for pick in survey.picks]
    places_of = {id(entry): place for place, entry in enumerate(wanted)}
    for entry, data in source.contents(wanted):
        if isinstance(data, Trouble):
            tell(trouble=f"{data.name}: {data.why}")
            continue
        try:
            one = pictures.decode(data, stretch)
            yield places_of[id(entry)], one, cut(one.image)
        except SpecError as error:
            tell(trouble=f"{archives.said(entry.path)}: {error}")


def _usable(pictures_given: Given, tell: Tell) -> Given:
    """Without the classes that have too few pictures to hold one out, or none to train on."""
    count = len(pictures_given.classes)
    counts = np.bincount(pictures_given.labels, minlength=count)
    train = np.bincount(pictures_given.labels[~pictures_given.held], minlength=count)
    usable_rows = []
    for number, name in enumerate(pictures_given.classes):
        if counts[number] < 2:
            has = "one picture" if counts[number] else "no picture"
            tell(trouble=f"class {show(name)}: has {has}, needs two or more")
        elif pictures_given.brings_a_test_part and not train[number]:
            tell(trouble=f"class {show(name)}: is in the test part alone")
        else:
            usable_rows.append(number)
    if not 2 <= len(usable_rows) <= MOST_CLASSES:
        raise SpecError(
            f"{len(usable_rows)} classes with two pictures or more, must be 2 to {MOST_CLASSES}"
        )
    called = [pictures_given.classes[number] for number in usable_rows]
    shown_names = names.distinct(called)
    numbered = [
        text
        for name, text in zip(called, shown_names, strict=True)
        if text[-1:] == ")" and text not in (name, names.printable(name))
    ]
    notes = []
    if numbered:
        notes = [f"classes whose names look alike have a number: {', '.join(numbered[:3])}"]
    rows = np.flatnonzero(np.isin(pictures_given.labels, usable_rows))
    labels = np.searchsorted(usable_rows, pictures_given.labels[rows]).astype(np.int64)
    notes = [*pictures_given.notes, *notes]
    return Given(
        pictures_given.images[rows], labels, pictures_given.held[rows], tuple(shown_names), notes
    )


def _parts(pictures_given: Given) -> tuple[cache.Arrays, int]:
    """The arrays as they are kept, and one in how many is held out (0: the test part is its own).

    In a random order, always the same, so that the first ones are of all classes.
    """
    images, labels = pictures_given.images, pictures_given.labels
    held = (
        pictures_given.held
        if pictures_given.brings_a_test_part
        else np.zeros(len(labels), dtype=bool)
    )
    rng = np.random.default_rng(0)
    train, test = (rng.permutation(np.flatnonzero(part)) for part in (~held, held))
    share = 0 if held.any() else HELD_OUT
    return (images[train], labels[train], images[test], labels[test]), share


def _about(title: str, path: Path, pictures_given: Given, share: int) -> dict[str, Any]:
    count, channels, height, width = pictures_given.images.shape
    kind = "an .npz" if path.suffix.lower() == ".npz" else "pictures"
    colour = "in colour" if channels == 3 else "in grey"
    held_out_sentence = (
        f"one in {share} is held out, by the seed" if share else "its own test part is held out"
    )
    facts = {
        "title": title,
        "classes": pictures_given.classes,
        "input_shape": [channels, height, width],
        "summary": f"{count} pictures of your own in {len(pictures_given.classes)} classes,"
        f" {height}×{width}"
        f" pixels {colour}; {held_out_sentence}.",
        "notes": pictures_given.notes[:20],
        "origin": f"Added here from {kind} on {date.today().isoformat()}.",
    }
    if not share:
        return facts
    parts = [splitting.sizes(n, share) for n in np.bincount(pictures_given.labels).tolist()]
    counts = dict(zip(("train_counts", "test_counts"), zip(*parts, strict=True), strict=True))
    return facts | counts | {"held_out": share}
