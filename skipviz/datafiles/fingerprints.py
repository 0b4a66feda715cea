"""The fingerprint of a data set: of its decoded arrays and the names of its classes.

    fingerprint("digits")   -> 32 hexadecimal digits, "" where the arrays are not in the cache

It is worked out once and kept beside the arrays (content.json), with the sizes and times of the
files that it is of.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from skipviz.core import user_datasets
from skipviz.core.registry import dataset
from skipviz.core.strict_json import dumps
from skipviz.datafiles import cache

KEPT = "content.json"


def fingerprint(key: str) -> str:
    """Of both parts' images and labels as they are kept, and of the classes' names in order; ""
    where the set is not in the cache. SpecError for a set that there is not, or a damaged one."""
    declared = dataset(key)
    folder = cache.entry(key, declared)
    if folder is None:
        return ""
    try:
        stamps = [(folder / f"{name}.npy").stat() for name in user_datasets.ARRAYS]
    except OSError:
        return ""
    stamp = dumps([[each.st_size, each.st_mtime_ns] for each in stamps])
    return _known(folder, stamp, declared.classes, key)


@lru_cache(maxsize=256)
def _known(folder: Path, stamp: str, classes: tuple[str, ...], key: str) -> str:
    """The fingerprint that was kept for these files, else worked out and kept."""
    path = folder / KEPT
    try:
        facts_kept = json.loads(path.read_text(encoding="utf-8"))
        if facts_kept["stamp"] == stamp and facts_kept["classes"] == list(classes):
            return str(facts_kept["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    arrays = cache.mapped(key)
    if arrays is None:
        return ""
    value = of(arrays, classes)
    facts = {"stamp": stamp, "classes": list(classes), "fingerprint": value}
    try:
        path.write_text(dumps(facts), encoding="utf-8")
    except OSError:  # a cache that cannot be written costs time alone
        pass
    return value


def of(arrays: cache.Arrays, classes: tuple[str, ...]) -> str:
    """The fingerprint of arrays (images uint8, labels int64, of both parts) with these classes."""
    digest = hashlib.blake2b(dumps(list(classes)).encode(), digest_size=16)
    for values in arrays:
        digest.update(f"{values.dtype.str} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
