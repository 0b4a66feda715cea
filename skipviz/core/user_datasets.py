"""The user's own data sets: arrays in the cache, under keys of checked characters.

<cache>/own/own-<name>/    the four arrays ARRAYS as .npy files, and about.json with title, classes
                           and origin

A set that brought no test part keeps all its pictures in the training arrays. about.json then says
one in how many is held out ("held_out"), and its counts are those of the parts that this makes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import atomic_files, places
from skipviz.core.declarations import Dataset
from skipviz.core.knob import SpecError, show

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
PREFIX = "own-"
MOST_SETS = 200
_KEY = re.compile(r"own-[a-z0-9]+(-[a-z0-9]+)*")


def home() -> Path:
    return places.cache() / "own"


def datasets() -> dict[str, Dataset]:
    """Every set of the user's own that can be read, by key."""
    try:
        folders = sorted(home().iterdir())
    except OSError:  # none yet, or a cache that cannot be read: the Data page says which
        folders = []
    sets = {folder.name: declared(folder.name) for folder in folders}
    return {key: each for key, each in sets.items() if each is not None}


def declared(key: str) -> Dataset | None:
    """The set of this key, or None where there is none that can be read."""
    if not is_key(key):
        return None
    folder = home() / key
    try:
        return _read(folder, (folder / "about.json").stat().st_mtime_ns)
    except OSError:
        return None


def is_key(key: str) -> bool:
    return len(key) <= 64 and _KEY.fullmatch(key) is not None


def reserve(title: str) -> str:
    """A new key, its folder made so that nobody else gets it: "Cats & dogs" → "own-cats-dogs", or
    "own-cats-dogs-2"."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:40].strip("-") or "pictures"
    for number in range(1, MOST_SETS + 1):
        key = f"{PREFIX}{slug}" + (f"-{number}" if number > 1 else "")
        try:
            (home() / key).mkdir(parents=True)
        except FileExistsError:
            continue
        return key
    raise SpecError(f"name {show(title)}: {MOST_SETS} sets have this name; remove some")


def remove(key: str) -> None:
    """Deletes a set of the user's own. SpecError for any other key."""
    if key not in datasets():
        raise SpecError(f"data {show(key)}: there is no such set of your own")
    with places.disk_errors(home()):
        removed = atomic_files.discard(home() / key)
    if not removed:
        raise SpecError(f"data {show(key)}: a run uses its pictures; remove it when that has ended")


def trouble() -> str:
    """Why the user's own sets cannot be read, in one sentence; empty where they can."""
    try:
        with places.disk_errors(home()):
            next(home().iterdir(), None)
    except SpecError as error:
        return "" if isinstance(error.__cause__, FileNotFoundError) else str(error)
    return ""


@lru_cache(maxsize=MOST_SETS)
def _read(folder: Path, changed: int) -> Dataset | None:
    """The declaration in a folder, read again when its file `changed`; None where it is damaged."""
    try:
        about: dict[str, Any] = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        channels, height, width = (int(side) for side in about["input_shape"])
        held_out = int(about.get("held_out", 0))
        if held_out and held_out < 2:
            raise ValueError(held_out)
        return Dataset(
            title=str(about["title"]),
            summary=str(about["summary"]),
            input_shape=(channels, height, width),
            classes=tuple(str(name) for name in about["classes"]),
            train_size=sum(about["train_counts"]),
            test_size=sum(about["test_counts"]),
            origin=str(about["origin"]),
            licence="Yours",
            load=partial(_load, folder),
            order=100,
            folder=str(folder),
            held_out=held_out,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _load(folder: Path) -> tuple[Any, Any, Any, Any]:
    """The arrays as they are kept, mapped, in the order of ARRAYS."""
    try:
        train_images, train_labels, test_images, test_labels = (
            np.load(folder / f"{name}.npy", mmap_mode="c") for name in ARRAYS
        )
    except (OSError, ValueError, EOFError):
        raise SpecError(f"data {folder.name}: its files are damaged; add it again") from None
    return train_images, train_labels, test_images, test_labels
