"""Small files in torchvision's formats: MNIST's idx files and CIFAR's archives of pickles.

Made with checksums of their own, which stand in for torchvision's while a test runs.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import tarfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipviz.core import registry
from skipviz.core.declarations import Dataset
from skipviz.datafiles import reading

TRAIN, TEST = 400, 200
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def real(key: str) -> bool:
    """Are the real files of this set beside the repository?"""
    files = registry.datasets()[key].files
    return all((REAL / files.folder / name).is_file() for name in files.packed)


@dataclass(frozen=True)
class Made:
    """A set with small files: its declaration, the files' bytes by name, and what is in them."""

    declared: Dataset
    packed: dict[str, bytes]
    arrays: tuple[Any, Any, Any, Any]

    def put(self, root: Path) -> Path:
        """Writes the packed files into a data folder."""
        assert self.declared.files is not None
        folder = root / self.declared.files.folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.packed.items():
            (folder / name).write_bytes(data)
        return root


def _arrays(declared: Dataset) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(0)
    out: list[Any] = []
    for size in (TRAIN, TEST):
        out.append(rng.integers(0, 256, (size, *declared.input_shape), dtype=np.uint8))
        out.append(rng.permutation(np.arange(size) % declared.num_classes).astype(np.int64))
    return out[0], out[1], out[2], out[3]


def _idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim])
    sizes = b"".join(side.to_bytes(4, "big") for side in values.shape)
    return head + sizes + values.astype(np.uint8).tobytes()


def _mnist(names: list[str], arrays: Any, patch: pytest.MonkeyPatch, of: Any) -> dict[str, bytes]:
    parts = [arrays[0][:, 0], arrays[1], arrays[2][:, 0], arrays[3]]
    packed = {n: gzip.compress(_idx(a), 1, mtime=0) for n, a in zip(names, parts, strict=True)}
    patch.setattr(of, "resources", [(n, _md5(data)) for n, data in packed.items()])
    return packed


def _cifar(declared: Dataset, arrays: Any, patch: pytest.MonkeyPatch, of: Any) -> dict[str, bytes]:
    words = "labels" if of.base_folder.startswith("cifar-10-") else "fine_labels"
    meta = {of.meta["key"]: list(declared.classes)}
    contents = {of.meta["filename"]: pickle.dumps(meta)}
    for listed, (images, labels) in (("train_list", arrays[:2]), ("test_list", arrays[2:])):
        names = [name for name, _ in getattr(of, listed)]
        for name, x, y in zip(
            names, np.split(images, len(names)), np.split(labels, len(names)), strict=True
        ):
            flat = {"data": x.reshape(len(x), -1), words: y.tolist()}
            contents[name] = pickle.dumps(flat)
        patch.setattr(of, listed, [[name, _md5(contents[name])] for name in names])
    patch.setattr(of, "meta", of.meta | {"md5": _md5(contents[of.meta["filename"]])})
    packed = tar(of.base_folder, contents)
    patch.setattr(of, "tgz_md5", _md5(packed))
    return {of.filename: packed}


def tar(folder: str, contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def make(key: str, patch: pytest.MonkeyPatch) -> Made:
    """A small stand-in for a set; torchvision's checksums are those of its files until `patch` is
    undone."""
    declared = registry.datasets()[key]
    of = reading.torchvision_class(declared.files)
    arrays = _arrays(declared)
    if hasattr(of, "resources"):
        packed = _mnist(list(declared.files.packed), arrays, patch, of)
    else:
        packed = _cifar(declared, arrays, patch, of)
    files = replace(declared.files, packed={name: len(data) for name, data in packed.items()})
    small = replace(
        declared,
        files=files,
        train_size=TRAIN,
        test_size=TEST,
        load=partial(reading.read, files),
    )
    patch.setitem(registry._constants("skipviz.data", "DATASET"), key, small)
    return Made(small, packed, arrays)
