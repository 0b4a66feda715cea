"""Finds architectures, data sets, probes and scenes by the one named constant in their file.

The only registry of skipviz: a file (an architecture: a folder) that is there is offered, and its
name is its key.

    discover.architectures()["resnet"]   ->  the ARCHITECTURE of skipviz/models/resnet/family.py
    discover.datasets()["digits"]        ->  the DATASET of skipviz/data/digits.py
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any


@cache
def _found(package: str, constant: str, module: str = "") -> dict[str, Any]:
    """The `constant` of every module of `package` (of `module` in every sub-package), by key."""
    home = importlib.import_module(package)
    found = {}
    for item in pkgutil.iter_modules(home.__path__):
        if item.ispkg != bool(module):
            continue
        name = f"{package}.{item.name}" + (f".{module}" if module else "")
        value = getattr(importlib.import_module(name), constant, None)
        if value is not None:
            found[item.name] = value
    return dict(sorted(found.items(), key=lambda pair: getattr(pair[1], "order", 0)))


def architectures() -> dict[str, Any]:
    """Every `ARCHITECTURE`, by family, in teaching order."""
    return _found("skipviz.models", "ARCHITECTURE", module="family")


def datasets() -> dict[str, Any]:
    """Every `DATASET`, by key, in teaching order, and then the user's own sets."""
    own: dict[str, Any] = importlib.import_module("skipviz.datafiles.own").datasets()
    return _found("skipviz.data", "DATASET") | own


def probes() -> dict[str, Any]:
    """Every `PROBE`, by key."""
    return _found("skipviz.probes", "PROBE")


def scenes() -> dict[str, Any]:
    """Every `SCENE`, by key."""
    return _found("skipviz.scenes", "SCENE")
