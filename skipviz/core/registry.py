"""Finds architectures, data sets, probes and scenes by the one named constant in their file.

The only registry of skipviz: a file (an architecture: a folder) that is there is offered, and its
name is its key.

    registry.architectures()["resnet"]   ->  the ARCHITECTURE of skipviz/models/resnet/family.py
    registry.datasets()["digits"]        ->  the DATASET of skipviz/data/digits.py
    registry.dataset("digits")           ->  the same, or SpecError
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from skipviz.core import user_datasets
from skipviz.core.declarations import Architecture, Dataset, Probe, full_settings_of, listed
from skipviz.core.knob import Knob, SpecError, show


@cache
def _constants(package: str, constant: str, module: str = "") -> dict[str, Any]:
    """The `constant` of every module of `package` (of `module` in every sub-package), by key."""
    home = importlib.import_module(package)
    constants = {}
    for item in pkgutil.iter_modules(home.__path__):
        if item.ispkg != bool(module):
            continue
        name = f"{package}.{item.name}" + (f".{module}" if module else "")
        value = getattr(importlib.import_module(name), constant, None)
        if value is not None:
            constants[item.name] = value
    return dict(sorted(constants.items(), key=lambda pair: getattr(pair[1], "order", 0)))


def architectures() -> dict[str, Any]:
    """Every `ARCHITECTURE`, by family, in teaching order."""
    return _constants("skipviz.models", "ARCHITECTURE", module="family")


def datasets() -> dict[str, Any]:
    """Every `DATASET`, by key, in teaching order, and then the user's own sets."""
    return _shipped_datasets() | user_datasets.datasets()


def _shipped_datasets() -> dict[str, Any]:
    return _constants("skipviz.data", "DATASET")


def probes() -> dict[str, Any]:
    """Every `PROBE`, by key."""
    return _constants("skipviz.probes", "PROBE")


def scenes() -> dict[str, Any]:
    """Every `SCENE`, by key."""
    return _constants("skipviz.scenes", "SCENE")


def architecture(family: Any) -> Architecture:
    """The declaration of `family`, or SpecError."""
    families: Mapping[str, Architecture] = architectures()
    if not isinstance(family, str) or family not in families:
        raise SpecError(f"family {show(family)}: must be one of {listed(families)}")
    return families[family]


_stand_ins: dict[str, Dataset] = {}


def add_stand_in(key: str, declared: Dataset) -> str:
    """Makes a set that stands in for one that is gone known by this key: no page offers it."""
    _stand_ins[key] = declared
    return key


def dataset(key: Any) -> Dataset:
    """The declaration of the data set `key`, or SpecError."""
    if isinstance(key, str):
        declared: Dataset | None = _stand_ins.get(key) or _shipped_datasets().get(key)
        declared = declared or user_datasets.declared(key)
        if declared is not None:
            return declared
    raise SpecError(f"data {show(key)}: must be one of {listed(datasets())}")


def dataset_view(key: str, pool: int, subset: int) -> Dataset:
    """A data set as an experiment sees it: its sides divided by `pool`, at most `subset` training
    images of each class (0: all)."""
    of = dataset(key)
    channels, height, width = of.input_shape
    if height % pool or width % pool:
        divisors = [n for n in range(1, 17) if height % n == 0 and width % n == 0]
        raise SpecError(
            f"pool {pool}: {key} has images of {height}x{width}; must be one of"
            f" {listed(map(str, divisors))}"
        )
    size = min(of.train_size, subset * of.num_classes) if subset else of.train_size
    shape = (channels, height // pool, width // pool)
    return replace(of, key=key, input_shape=shape, train_size=size)


def probe(key: Any) -> Probe:
    """The declaration of the probe `key`, or SpecError."""
    declared: Mapping[str, Probe] = probes()
    if not isinstance(key, str) or key not in declared:
        raise SpecError(f"probe {show(key)}: must be one of {listed(declared)}")
    return declared[key]


def full_settings(family: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """Every knob of `family` with its value: `knobs` where given, else the family's defaults.

    SpecError where a value is wrong by itself or beside the others.
    """
    return full_settings_of(architecture(family), family, knobs)


def idle_knobs(family: str, knobs: Mapping[str, Any]) -> list[Knob]:
    """Those of the given knobs that change nothing on the chosen backbone. A default is no wish."""
    settings, declared = full_settings(family, knobs), architecture(family)
    idle = []
    for knob in declared.knobs:
        if knob.name in knobs and knob.backbones and settings["backbone"] not in knob.backbones:
            others = {name: value for name, value in settings.items() if name != knob.name}
            if settings[knob.name] != declared.defaults(others).get(knob.name):
                idle.append(knob)
    return idle


def refuse_idle(family: str, knobs: Mapping[str, Any]) -> None:
    """SpecError for a knob that changes nothing on the chosen backbone, where somebody asks for a
    net by hand: what was stored or linked before goes on being read."""
    for knob in idle_knobs(family, knobs):
        backbone = full_settings(family, knobs)["backbone"]
        raise SpecError(
            f"knob {show(knob.name)}: changes nothing on the backbone '{backbone}'; it is for"
            f" {listed(knob.backbones)}: leave it out"
        )
