"""The published tables: who measured what and how, and what the nets cost; one file per source.

A row that names a lane can be built here. What our net has is computed from the lane's wiring
(`counts`), never written down, and compared with the published figure (`agrees`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from re import fullmatch
from typing import Any, Literal

from skipviz.core.experiment import Lane

HERE = Path(__file__).parent
ORDER = (
    "he2015",
    "he2016",
    "xie2016",
    "huang2016",
    "srivastava2015",
    "torchvision",
    "reproductions",
)
_POWERS = {"": 1, "K": 10**3, "M": 10**6, "×10⁶": 10**6, "×10⁹": 10**9}


@dataclass(frozen=True)
class Column:
    """What a table's column of results measures; the metric names its unit."""

    dataset: str
    metric: str


@dataclass(frozen=True)
class Row:
    """One net of a table.

    lane           what builds it here, as in an address; "" where nothing here does
    parameters     the count as published, such as "0.27M"; "" where none is
    norm           whether the published count includes BatchNorm's parameters
    multiply_adds  the same for one sample's multiply-adds
    values         one text for each column of the table; "" where the source has none
    note           what to know of the published result
    build          what to know of the net that is built here
    differs        why our count does not round to the published figure, where it does not
    """

    model: str
    family: str
    lane: str = ""
    parameters: str = ""
    norm: Literal["with", "without"] = "with"
    multiply_adds: str = ""
    values: tuple[str, ...] = ()
    note: str = ""
    build: str = ""
    differs: str = ""


@dataclass(frozen=True)
class Table:
    """One published table: where it stands, how its nets were trained, its columns and rows.

    note       what to know of the results
    counting   what to know of the counts
    """

    key: str
    title: str
    source: str
    url: str
    recipe: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...] = ()
    note: str = ""
    counting: str = ""


@dataclass(frozen=True)
class Milestone:
    """One net of the "revolution of depth". Each figure has its source.

    parameters   "" where the lane's wiring gives them
    """

    name: str
    year: int
    layers: int
    layers_source: str
    top5_error: float
    error_source: str
    parameters_source: str
    parameters: str = ""
    lane: str = ""
    note: str = ""


@dataclass(frozen=True)
class Counts:
    """What a lane's wiring counts."""

    parameters: int
    without_norm: int
    multiply_adds: int


@cache
def counts(lane: str) -> Counts:
    """What the net has that `lane` names: "resnet:depth=20"."""
    net = Lane.from_text(lane)
    ours = net.wiring().describe()
    return Counts(ours["parameters"], ours["parameters_without_norm"], ours["multiply_adds"])


def bounds(published: str) -> tuple[Fraction, Fraction]:
    """What rounds to a published figure: "0.27M" is 265,000 to 275,000."""
    number = fullmatch(r"~?([\d,]+(?:\.(\d+))?)(K|M|×10⁶|×10⁹)?", published)
    if number is None:
        raise ValueError(f"{published!r} is not a count such as 0.27M or 1,234")
    power = Fraction(_POWERS[number[3] or ""])
    half = power / 10 ** len(number[2] or "") / 2
    value = Fraction(number[1].replace(",", "")) * power
    return (value, value) if power == 1 else (value - half, value + half)


def agrees(published: str, count: int) -> bool:
    """Does `count` round to the published figure?"""
    low, high = bounds(published)
    return low <= count <= high


def matches(row: Row) -> bool | None:
    """Do all published counts of a row fit ours? None where there is nothing to compare."""
    if not row.lane or not (row.parameters or row.multiply_adds):
        return None
    ours = counts(row.lane)
    size = ours.parameters if row.norm == "with" else ours.without_norm
    fits = not row.parameters or agrees(row.parameters, size)
    return fits and (not row.multiply_adds or agrees(row.multiply_adds, ours.multiply_adds))


def _row(fields: Mapping[str, Any]) -> Row:
    values = tuple(str(value) for value in fields.get("values", ()))
    family = str(fields.get("family", "")) or str(fields.get("lane", "")).partition(":")[0]
    return Row(**{**fields, "values": values, "family": family})


def _table(fields: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in fields.get("columns", ()))
    rows = tuple(_row(row) for row in fields["rows"])
    return Table(**{**fields, "columns": columns, "rows": rows})


def _read(name: str) -> Any:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def tables() -> tuple[Table, ...]:
    """Every published table, in the order of the sources."""
    return tuple(_table(table) for name in ORDER for table in _read(name)["tables"])


@cache
def milestones() -> tuple[Milestone, ...]:
    """The nets of the revolution of depth, in the order of the years."""
    return tuple(Milestone(**each) for each in _read("milestones")["milestones"])


def size(of: Milestone) -> int:
    """A milestone's parameters: as published, or as the lane's wiring counts them."""
    if of.lane:
        return counts(of.lane).parameters
    low, high = bounds(of.parameters)
    return int((low + high) / 2)


__all__ = [
    "Column",
    "Counts",
    "Milestone",
    "Row",
    "Table",
    "agrees",
    "bounds",
    "counts",
    "matches",
    "milestones",
    "size",
    "tables",
]
