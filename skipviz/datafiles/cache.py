"""Every set's arrays as .npy files that are made once and mapped into memory by all workers.

<cache>/arrays/<key>-<fingerprint>/    train_images.npy, train_labels.npy, test_images.npy,
                                       test_labels.npy, about.json, later linear.json

The fingerprint says what the arrays were made from: names, sizes and times of the files (whose
checksums were compared when they were read), and the code of the declaration. An entry is made in
a folder of its own and renamed when it is whole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import atomic_files, places
from skipviz.core.declarations import Dataset
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset
from skipviz.core.strict_json import dumps
from skipviz.core.user_datasets import ARRAYS
from skipviz.datafiles import find, splitting, statistics

Arrays = tuple[Any, Any, Any, Any]


def arrays(key: str, seed: int = 0) -> Arrays:
    """Images uint8 (N, C, H, W) and labels int64 (N,) of both parts, from the cache where it has
    them, else read and kept. A change to them stays in this process.

    `seed` decides which pictures are held out of a set that has no test part of its own: their
    arrays are copies; all others are mapped.
    """
    declared = dataset(key)
    whole = _whole(key, declared)
    if not declared.held_out:
        return whole
    images, labels = whole[:2]
    train, held = splitting.rows(labels, declared.held_out, seed)
    return images[train], labels[train], images[held], labels[held]


def _whole(key: str, declared: Dataset) -> Arrays:
    """The arrays as they are kept."""
    arrays_in_cache = mapped(key)
    if arrays_in_cache is not None:
        return arrays_in_cache
    loaded = checked(key, declared, declared.load())
    try:
        with places.disk_errors(places.cache()):
            store(_home() / f"{key}-{_fingerprint(key, declared)}", loaded, declared.num_classes)
    except SpecError:  # a cache that is full or cannot be written costs time, not the lesson
        return loaded
    return mapped(key) or loaded


def is_cached(key: str) -> bool:
    """Are the arrays in the cache, so that nothing has to be read or downloaded?"""
    return entry(key, dataset(key)) is not None


def entry(key: str, declared: Dataset) -> Path | None:
    """The folder of a set's arrays; where its files are gone, the newest that was made of them."""
    if declared.gone:
        return None
    if declared.folder:
        return Path(declared.folder)
    if declared.files is None or find.find(declared.files) is not None:
        folder = _home() / f"{key}-{_fingerprint(key, declared)}"
        return folder if (folder / "about.json").is_file() else None
    return max(_entries(key), key=lambda path: path.stat().st_mtime, default=None)


def about(key: str) -> dict[str, Any] | None:
    """Class counts and pixel histograms of a set that is in the cache, else None."""
    folder = entry(key, dataset(key))
    return _json(folder / "about.json") if folder else None


def linear(key: str) -> dict[str, Any] | None:
    """The linear model's result, where it was computed."""
    folder = entry(key, dataset(key))
    return _json(folder / "linear.json") if folder else None


def keep_linear(key: str, result: dict[str, Any]) -> None:
    """Keeps the linear model's result beside the arrays that it is of; nowhere where they are not
    kept."""
    folder = entry(key, dataset(key))
    if folder is not None:
        with places.disk_errors(folder):
            atomic_files.write_json(folder / "linear.json", result)


def checked(key: str, declared: Dataset, loaded: Arrays) -> Arrays:
    """The arrays as they are kept, or SpecError where they are not what the declaration says. Those
    of a set without a test part are all in the first."""
    sizes = (declared.train_size, declared.test_size)
    if declared.held_out:
        sizes = (sum(sizes), 0)
    for images, labels, size in zip(loaded[::2], loaded[1::2], sizes, strict=True):
        shape = (size, *declared.input_shape)
        if images.dtype != np.uint8 or images.shape != shape:
            raise SpecError(
                f"data {key}: {images.dtype} images of shape {images.shape} were read, must be"
                f" uint8 of {shape}"
            )
        wrong = (labels < 0) | (labels >= declared.num_classes)
        if labels.shape != (size,) or wrong.any():
            raise SpecError(f"data {key}: labels must be {size}, from 0 to its last class")
    return loaded


def store(folder: Path, loaded: Arrays, classes: int, /, **more: Any) -> None:
    """Makes an entry in one piece, of so many classes, of which either part may lack some; one that
    another process made meanwhile stays."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix="half-", dir=folder.parent))
    try:
        for name, values in zip(ARRAYS, loaded, strict=True):
            np.save(half / f"{name}.npy", np.ascontiguousarray(values), allow_pickle=False)
        facts = {
            "histogram": statistics.histogram(loaded[0]).tolist(),
            "train_counts": np.bincount(loaded[1], minlength=classes).tolist(),
            "test_counts": np.bincount(loaded[3], minlength=classes).tolist(),
        }
        (half / "about.json").write_text(dumps(facts | more), encoding="utf-8")
        if not (folder / "about.json").is_file():
            if folder.is_dir() and not atomic_files.discard(folder):
                raise PermissionError(errno.EACCES, "in use", str(folder))
            os.rename(half, folder)
    except OSError:
        if not (folder / "about.json").is_file():
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    if folder.parent == _home():
        _sweep(folder)


def _sweep(folder: Path) -> None:
    """Removes what older versions of the same set left."""
    for other in _entries(folder.name.rpartition("-")[0]):
        if other != folder and folder.is_dir():
            with suppress(OSError):  # it costs room, not the lesson
                atomic_files.discard(other)


def _home() -> Path:
    return places.cache() / "arrays"


def _entries(key: str) -> list[Path]:
    """Every whole entry of a set, of whatever fingerprint."""
    home = _home()
    pattern = re.compile(re.escape(key) + r"-[0-9a-f]{16}")
    folders = home.iterdir() if home.is_dir() else iter(())
    return [p for p in folders if pattern.fullmatch(p.name) and (p / "about.json").is_file()]


def _fingerprint(key: str, declared: Dataset) -> str:
    parts = [key, version("numpy")]
    source = getattr(sys.modules.get(f"skipviz.data.{key}"), "__file__", None)
    if source:
        shipped = (Path(source), Path(source).with_suffix(".npz"))
        parts += [hashlib.sha256(p.read_bytes()).hexdigest() for p in shipped if p.is_file()]
    source_files = find.find(declared.files) if declared.files else None
    if declared.files and source_files:
        for path in find.paths(declared.files, source_files):
            stat = path.stat()
            parts.append(f"{path.name} {stat.st_size} {stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def mapped(key: str) -> Arrays | None:
    """The arrays of a set that is in the cache, mapped, as they are kept: without a test part
    where it has none of its own. None where it is not, or not whole."""
    declared = dataset(key)
    folder = entry(key, declared)
    if folder is None:
        return None
    try:
        # "c": pages are shared by all processes until one of them writes, which none does
        loaded = tuple(np.load(folder / f"{name}.npy", mmap_mode="c") for name in ARRAYS)
        return checked(key, declared, (loaded[0], loaded[1], loaded[2], loaded[3]))
    except (OSError, ValueError, EOFError):
        if declared.folder:
            raise SpecError(f"data {key}: its files are damaged; add it again") from None
        with suppress(OSError):
            atomic_files.discard(folder)
        return None


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
