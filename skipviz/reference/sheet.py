"""The tables as lines of one sheet: a line for every published figure, with ours beside it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from skipviz.reference import Row, Table, agrees, counts

FIELDS = (
    "table",
    "model",
    "family",
    "lane",
    "data set",
    "quantity",
    "published",
    "ours",
    "rounds to the published figure",
    "recipe",
    "source",
    "address",
    "note",
)
Line = dict[str, str]


def _counted(row: Row) -> Iterator[Line]:
    """A row's counts: published, ours, or both."""
    ours = counts(row.lane) if row.lane else None
    sizes = (
        ("parameters", row.parameters if row.norm == "with" else "", "parameters"),
        ("parameters without BatchNorm", row.parameters * (row.norm != "with"), "without_norm"),
        ("multiply-adds", row.multiply_adds, "multiply_adds"),
    )
    for quantity, published, name in sizes:
        if published or ours:
            number = getattr(ours, name) if ours else None
            fits = "" if number is None or not published else str(agrees(published, number)).lower()
            yield {
                "quantity": quantity,
                "published": published,
                "ours": "" if number is None else str(number),
                "rounds to the published figure": fits,
            }


def lines(tables: Iterable[Table]) -> Iterator[Line]:
    """Every line of the sheet; what is unknown is empty."""
    for table in tables:
        for row in table.rows:
            common = {
                "table": table.title,
                "model": row.model,
                "family": row.family,
                "lane": row.lane,
                "recipe": table.recipe,
                "source": table.source,
                "address": table.url,
                "note": " ".join(
                    filter(None, (row.differs, row.note, row.build, table.note, table.counting))
                ),
            }
            for line in _counted(row):
                yield common | line
            for column, value in zip(table.columns, row.values, strict=True):
                if value:
                    result = {"data set": column.dataset, "quantity": column.metric}
                    yield common | result | {"published": value}


def text(tables: Iterable[Table]) -> str:
    """The sheet as comma-separated values."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines(tables))
    return out.getvalue()
