"""What somebody gave as a data set, piece by piece: a folder, a zip archive, or an .npz.

An archive is read in memory: no name inside it ever becomes a path. A piece that cannot be used
is a Trouble, and the rest goes on.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from skipviz.datafiles.pictures import ENDINGS, MOST_BYTES
from skipviz.knob import SpecError, show

MOST_FILES = 50_000
MOST_TOTAL = 2 * 10**9
"""Bytes of all pictures of a set before they are decoded, and of an .npz."""

TEST = ("test", "val", "valid", "validation")
"""Folders above the classes' own whose pictures are the set's own test part."""

_LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Item:
    """A file that may be a picture, the class that its folder names, and whether it lies in the
    test part."""

    name: str
    label: str
    data: bytes
    held: bool


@dataclass(frozen=True)
class Trouble:
    """A file that cannot be used, and why."""

    name: str
    why: str


def printable(text: str) -> str:
    """A name that can be shown: at most 60 characters of one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:60]


def _label(path: PurePosixPath) -> str | Trouble | None:
    """The class of a file by the folder that it lies in; None where it is litter."""
    if any(part in _LITTER or part.startswith("._") for part in path.parts):
        return None
    name = show(str(path)).strip("'")
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or ":" in path.parts[0]:
        return Trouble(name, "its name leads out of the archive")
    if path.suffix.lower() not in ENDINGS:
        return Trouble(name, f"must end in {', '.join(ENDINGS)}")
    if len(path.parts) < 2:
        return Trouble(name, "lies in no folder that names its class")
    return printable(path.parts[-2]) or Trouble(name, "lies in a folder without a name")


def _held(path: PurePosixPath) -> bool:
    return any(part.lower() in TEST for part in path.parts[:-2])


def folder(root: Path) -> Iterator[Item | Trouble]:
    """Every picture of a folder whose sub-folders are the classes. Links are not followed."""
    paths = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    if len(paths) > MOST_FILES:
        raise SpecError(f"{root.name}: {len(paths)} files, must be at most {MOST_FILES}")
    total = 0
    for path in paths:
        inside = PurePosixPath(path.relative_to(root).as_posix())
        label = _label(inside)
        if isinstance(label, str):
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            total += len(data)
            _bounded(root.name, total)
            yield Item(str(inside), label, data, _held(inside))
        elif label is not None:
            yield label


def archive(path: Path) -> Iterator[Item | Trouble]:
    """Every picture of a zip archive whose folders are the classes."""
    with _opened(path) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        if len(members) > MOST_FILES:
            raise SpecError(f"{path.name}: {len(members)} files, must be at most {MOST_FILES}")
        total = 0
        for member in members:
            inside = PurePosixPath(member.filename)
            label = _label(inside) if inside.parts else Trouble("?", "has no name")
            if isinstance(label, str):
                found = _member(packed, member, label)
                total += len(found.data) if isinstance(found, Item) else 0
                _bounded(path.name, total)
                yield found
            elif label is not None:
                yield label


def _bounded(name: str, total: int) -> None:
    if total > MOST_TOTAL:
        raise SpecError(f"{name}: unpacks to more than {MOST_TOTAL // 10**9} GB")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # a damaged directory makes it raise whatever it stumbles over
        name = type(error).__name__
        raise SpecError(f"{path.name}: is not a whole zip archive ({name})") from None


def _member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, label: str) -> Item | Trouble:
    name = show(member.filename).strip("'")
    try:
        with packed.open(member) as file:
            held = _held(PurePosixPath(member.filename))
            return Item(name, label, file.read(MOST_BYTES + 1), held)
    except Exception as error:  # as above: damaged, encrypted, an unknown compression
        return Trouble(name, f"cannot be unpacked ({type(error).__name__})")


# --- .npz --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """Images uint8 (N, C, H, W), a label for each as text, the class names in their order, and how
    many of the images, the last ones, are the test part."""

    images: np.ndarray
    labels: list[str]
    classes: tuple[str, ...]
    tests: int


def npz(path: Path) -> Stored:
    """The arrays `images` and `labels` of an .npz, and `classes`, `test_images` and `test_labels`
    where it has them. No pickles."""
    with _opened(path) as packed:
        names = [name for name in packed.namelist() if name.endswith(".npy")]
        if not {"images.npy", "labels.npy"} <= set(names):
            found = ", ".join(show(name[:-4]) for name in names[:8]) or "no arrays"
            raise SpecError(f"{path.name}: must hold the arrays images and labels, has {found}")
        images, labels = _part(packed, path.name, "")
        tests = 0
        if {"test_images.npy", "test_labels.npy"} <= set(names):
            more, answers = _part(packed, path.name, "test_")
            if more.shape[1:] != images.shape[1:] or answers.dtype.kind != labels.dtype.kind:
                raise SpecError(f"{path.name}: test_images and test_labels are not like the others")
            tests = len(more)
            images, labels = np.concatenate([images, more]), np.concatenate([labels, answers])
        named = _array(packed, "classes", "U", (1,)) if "classes.npy" in names else None
    return _stored(images, labels, named, tests)


def _part(packed: zipfile.ZipFile, name: str, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, C, H, W) and labels (N,) of one part."""
    images = _array(packed, f"{prefix}images", "ui", (3, 4))
    labels = _array(packed, f"{prefix}labels", "iuU", (1,))
    if len(labels) != len(images):
        raise SpecError(f"{name}: {len(images)} {prefix}images and {len(labels)} {prefix}labels")
    return _channels_first(images), labels


def _array(packed: zipfile.ZipFile, name: str, kinds: str, axes: tuple[int, ...]) -> np.ndarray:
    """One array, whose head is checked before its numbers are unpacked."""
    try:
        with packed.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            head = np.lib.format
            read = head.read_array_header_1_0 if version == (1, 0) else head.read_array_header_2_0
            shape, _, dtype = read(file)
        size = math.prod(shape) * dtype.itemsize
        fits = dtype.kind in kinds and len(shape) in axes and 0 < size <= MOST_TOTAL
        if fits:
            with packed.open(f"{name}.npy") as file:
                array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    except Exception as error:  # a damaged array makes NumPy raise whatever it stumbles over
        why = type(error).__name__
        raise SpecError(f"array {name}: is damaged or not an array of numbers ({why})") from None
    raise SpecError(
        f"array {name}: {dtype} of shape {shape}; must be whole numbers (class names: texts) with"
        f" {' or '.join(map(str, axes))} axes, none of them empty, and at most 2 GB"
    )


def _channels_first(images: np.ndarray) -> np.ndarray:
    """(N, H, W), (N, H, W, C) or (N, C, H, W) as (N, C, H, W) uint8, C being 1 or 3."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1] not in (1, 3):
        raise SpecError(f"array images: {images.shape[1]} channels, must be 1 or 3")
    if images.min() < 0 or images.max() > 255:
        raise SpecError("array images: values must be whole numbers from 0 to 255")
    return images.astype(np.uint8, copy=False)


def _stored(images: np.ndarray, labels: np.ndarray, named: np.ndarray | None, tests: int) -> Stored:
    values = np.unique(labels)
    if named is None or labels.dtype.kind == "U":
        return Stored(images, [str(label) for label in labels], tuple(map(str, values)), tests)
    if values[0] < 0 or values[-1] >= len(named):
        raise SpecError(f"array labels: {values[-1]} has no name among {len(named)} classes")
    names = tuple(str(named[value]) for value in values)
    return Stored(images, [str(named[label]) for label in labels], names, tests)
