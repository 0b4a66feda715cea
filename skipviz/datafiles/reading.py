"""Reads a set's files through torchvision's own classes, after its own checksums.

The files are staged in a private folder first: packed ones are compared with their checksum and
then unpacked from the very bytes that were compared, unpacked ones are copied. torchvision sees
this folder alone, so that a data folder may be read-only and nothing else that lies in it is
read. CIFAR's files are pickles: torchvision unpickles none before it has compared the checksums
of all of them.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tarfile
import tempfile
import warnings
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import packages, places
from skipviz.core.declarations import Files
from skipviz.core.knob import SpecError
from skipviz.datafiles import find

Arrays = tuple[Any, Any, Any, Any]


def torchvision_class(files: Files) -> Any:
    """torchvision's class for the set; SpecError where torchvision is not installed."""
    packages.check(f"reading {files.torchvision}")
    from torchvision import datasets

    return getattr(datasets, files.torchvision)


def checksums(files: Files) -> dict[str, str]:
    """MD5 of each packed file, as torchvision has it."""
    of = torchvision_class(files)
    return dict(of.resources) if hasattr(of, "resources") else {of.filename: of.tgz_md5}


def addresses(files: Files, name: str) -> list[str]:
    """Where torchvision would download a packed file from."""
    of = torchvision_class(files)
    return [mirror + name for mirror in of.mirrors] if hasattr(of, "mirrors") else [of.url]


def digest(stream: BufferedReader) -> str:
    """The MD5 of an open file, which stands at its beginning again afterwards."""
    stream.seek(0)
    md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    stream.seek(0)
    return md5.hexdigest()


def read(files: Files) -> Arrays:
    """Images uint8 (N, C, H, W) and labels int64 (N,) of both parts. SpecError where the files are
    missing or not what they should be; a broken copy is passed over where there is a whole one."""
    trouble = SpecError(f"{files.torchvision}: not here; put {find.by_hand(files)}")
    with places.disk_errors(places.cache()):
        places.cache().mkdir(parents=True, exist_ok=True)
    for place in find.candidates(files):
        with (
            places.disk_errors(places.cache()),
            tempfile.TemporaryDirectory(prefix="stage-", dir=places.cache()) as stage,
        ):
            try:
                _stage(files, place, Path(stage))
                return _through_torchvision(files, stage)
            except SpecError as error:
                trouble = error
    raise trouble


def _stage(files: Files, place: find.Found, stage: Path) -> None:
    """Puts the unpacked files into `stage`."""
    for name in files.unpacked:
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
    if not place.packed:
        for name in files.unpacked:
            shutil.copyfile(place.folder / name, stage / name)
        return
    right = checksums(files)
    for path in find.paths(files, place):
        with path.open("rb") as stream:
            if digest(stream) != right[path.name]:
                raise SpecError(f"{path}: does not match its checksum; delete it and get it again")
            _unpack(files, path.name, stream, stage)


def _unpack(files: Files, name: str, stream: BufferedReader, stage: Path) -> None:
    if not name.endswith(".tar.gz"):
        target = next(each for each in files.unpacked if Path(each).name == Path(name).stem)
        with gzip.open(stream) as packed, (stage / target).open("wb") as file:
            shutil.copyfileobj(packed, file)
        return
    with tarfile.open(fileobj=stream, mode="r:gz") as archive:
        for member in archive:
            if member.name in files.unpacked and member.isfile():
                archive.extract(member, stage, filter="data")


def _through_torchvision(files: Files, stage: str) -> Arrays:
    of = torchvision_class(files)
    arrays: list[np.ndarray] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old pickles make newer NumPy complain
            for train in (True, False):
                part = of(stage, train=train)
                images = np.asarray(part.data)  # (N, H, W), or (N, H, W, C)
                moved = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
                arrays.append(np.ascontiguousarray(moved))
                arrays.append(np.asarray(part.targets, dtype=np.int64))
    except (RuntimeError, ValueError, AssertionError, IndexError, EOFError) as error:
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise SpecError(
            f"{files.torchvision}: its files are not what torchvision expects ({text[:120]});"
            " delete them and get them again"
        ) from None
    return arrays[0], arrays[1], arrays[2], arrays[3]
