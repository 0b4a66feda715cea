"""The planted faults: read, and planted in a copy of the package.

for fault in faults().values(): plant(fault, copied / "skipviz")
"""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from skipviz.core import places
from skipviz.core.knob import SpecError, show


@dataclass(frozen=True)
class Patch:
    """`old`, which stands exactly once in `file` of the package, becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """A fault of the set.

    says    what is wrong, for a table
    seeds   it shows with at least so many
    """

    key: str
    says: str
    patches: tuple[Patch, ...]
    seeds: int = 1


@cache
def version() -> int:
    """Of the set: it rises whenever a fault is added, changed or dropped."""
    number: int = _table()["version"]
    return number


@cache
def faults() -> dict[str, Fault]:
    """The set, by key, in its order."""
    rows = [
        Fault(
            key=row["key"],
            says=row["says"],
            patches=tuple(Patch(**patch) for patch in row["patch"]),
            seeds=row.get("seeds", 1),
        )
        for row in _table()["fault"]
    ]
    return {fault.key: fault for fault in rows}


def chosen(keys: Sequence[str]) -> list[Fault]:
    """The faults of these keys, all where none is named. SpecError."""
    unknown = next((key for key in keys if key not in faults()), None)
    if unknown is not None:
        raise SpecError(
            f"fault {show(unknown)}: there is no such fault; there is {', '.join(faults())}"
        )
    return [fault for key, fault in faults().items() if not keys or key in keys]


def _table() -> dict[str, Any]:
    path = places.PACKAGE / "mutants" / "faults.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def plant(fault: Fault, package: Path) -> None:
    """Changes a copy of the package. SpecError where a patch does not apply exactly once or changes
    nothing, and where the package is the one that runs."""
    if package.resolve() == places.PACKAGE.resolve():
        raise SpecError(f"fault '{fault.key}': is planted in copies alone")
    if not fault.patches:
        raise SpecError(f"fault '{fault.key}': has no patch")
    for patch in fault.patches:
        path = package / patch.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        count = text.count(patch.old) if patch.old else 0
        if count != 1:
            first = patch.old.strip().split("\n")[0]
            raise SpecError(
                f"fault '{fault.key}': {first!r} stands {count} times in {patch.file}, not once"
            )
        if patch.old.split() == patch.new.split():
            raise SpecError(f"fault '{fault.key}': a patch of {patch.file} changes nothing")
        path.write_text(text.replace(patch.old, patch.new), encoding="utf-8")


def copy_with(fault: Fault | None, folder: Path) -> Path:
    """A copy of this program's package in a folder of its own, with the fault planted; the
    package's folder there. SpecError."""
    package = folder / places.PACKAGE.name
    shutil.copytree(places.PACKAGE, package, ignore=shutil.ignore_patterns("shipped"))
    if fault is not None:
        plant(fault, package)
    return package
