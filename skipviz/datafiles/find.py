"""Is a data set here? Looked up by names and sizes alone: checksums are read when it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from skipviz.core import places
from skipviz.core.declarations import Files
from skipviz.core.knob import SpecError


@dataclass(frozen=True)
class Found:
    """A data folder that holds a set, as it is downloaded (`packed`) or unpacked."""

    folder: Path
    packed: bool


def paths(files: Files, place: Found) -> list[Path]:
    """The files that were found."""
    if place.packed:
        return [place.folder / files.folder / name for name in files.packed]
    return [place.folder / name for name in files.unpacked]


def candidates(files: Files) -> Iterator[Found]:
    """Every place that has all files, in the order of the data folders; a packed file counts only
    at its full size."""
    for folder in places.folders():
        for place in (Found(folder, True), Found(folder, False)):
            there = paths(files, place)
            sizes = list(files.packed.values()) if place.packed else [0] * len(there)
            if all(_holds(path, size) for path, size in zip(there, sizes, strict=True)):
                yield place


def _holds(path: Path, size: int) -> bool:
    """Is the file there, of this size (0: of any)?"""
    try:
        return path.is_file() and size in (0, path.stat().st_size)
    except OSError:
        return False


def find(files: Files) -> Found | None:
    """The first place that has all files of a set."""
    return next(candidates(files), None)


def by_hand(files: Files) -> str:
    """Which files to put where without a network: "a.gz, b.gz into /…/MNIST/raw"."""
    try:
        folder = places.writable()
    except SpecError:
        folder = places.folders()[0]
    return f"{', '.join(files.packed)} into {folder / files.folder}"
