"""The reference page: what to show, the published tables beside our counts, the milestones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from urllib.parse import quote

import plotly.graph_objects as go
import streamlit as st

from skipviz import reference
from skipviz.core import registry
from skipviz.figures import depth, theme
from skipviz.reference import Milestone, Row, Table, sheet

COUNTS, RESULTS, DEPTH = "Parameter counts", "Published results", "Revolution of depth"
OTHERS = "others"
_LINK = ("#0B5CAD", "#79B8FF")
_YES = ("#117A37", "#3FB950")
_NO = ("#B34700", "#FFA657")


@dataclass(frozen=True)
class Wanted:
    """What the controls ask for. `family` None: all; `words` must all occur in a row or table."""

    view: str
    family: str | None
    words: str


def controls() -> Wanted:
    """The view, the family and the words; all three stand in the address."""
    view = st.segmented_control(
        "Show",
        [COUNTS, RESULTS, DEPTH],
        default=COUNTS,
        key="show",
        required=True,
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == DEPTH:
        return Wanted(view, None, "")
    families = registry.architectures()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    family = left.pills(
        "Family",
        [*families, OTHERS],
        format_func=lambda key: families[key].title if key in families else "Others",
        key="of",
        bind="query-params",
        label_visibility="collapsed",
    )
    words = right.text_input(
        "Search",
        key="words",
        placeholder="Search: ResNet-110, CIFAR-100, torchvision …",
        icon=":material/search:",
        bind="query-params",
        label_visibility="collapsed",
    )
    return Wanted(str(view), family, words or "")


def _has_counts(table: Table) -> bool:
    """Does the table publish a count, or is it there for ours?"""
    return not table.columns or any(row.parameters or row.multiply_adds for row in table.rows)


def _fits(row: Row, table: Table, wanted: Wanted) -> bool:
    if wanted.family and (row.family or OTHERS) != wanted.family:
        return False
    if not (any(row.values) if wanted.view == RESULTS else _has_counts(table)):
        return False
    sets = " ".join(column.dataset for column in table.columns)
    text = " ".join((row.model, row.note, table.title, table.source, sets)).casefold()
    return all(word in text for word in wanted.words.casefold().split())


@lru_cache(maxsize=32)
def matching_tables(wanted: Wanted) -> tuple[Table, ...]:
    """The tables with the rows that the controls ask for; empty tables are left out."""
    rows_shown = (
        replace(table, rows=tuple(row for row in table.rows if _fits(row, table, wanted)))
        for table in reference.tables()
    )
    return tuple(table for table in rows_shown if table.rows)


@lru_cache(maxsize=32)
def sheet_of(tables: tuple[Table, ...]) -> bytes:
    """The tables as a file that spreadsheets open: UTF-8 with the mark that says so."""
    return sheet.text(tables).encode("utf-8-sig")


def link(row: Row) -> str:
    """The address of the page that draws the row's net."""
    return f"architecture?lane={quote(row.lane, safe=':=')}"


def _net(row: Row, view: str, dark: bool) -> str:
    """The first cell: the net in its family's colour, a link where it can be built, its note."""
    colour = theme.colour(row.family, dark) if row.family else theme.theme(dark).quiet
    name = escape(row.model)
    if row.lane:
        name = f'<a href="{link(row)}" target="_self" title="Open this net">{name}</a>'
    texts = (row.note if view == RESULTS else row.differs, row.build)
    notes = "".join(f"<small>{escape(text)}</small>" for text in texts if text)
    return f'<i class="ref-dot" style="background:{colour}"></i>{name}{notes}'


def _sign(row: Row) -> str:
    agrees = reference.matches(row)
    if agrees is None:
        return "not built here" if not row.lane else ""
    return '<span class="ref-yes">✓</span>' if agrees else '<span class="ref-no">≠</span>'


@dataclass(frozen=True)
class _Columns:
    """Which counts a table shows beside our parameters: what all its rows have, shown or not."""

    published: bool
    without_norm: bool
    multiply_adds: bool

    @classmethod
    def of(cls, table: Table) -> _Columns:
        rows = next(each.rows for each in reference.tables() if each.key == table.key)
        ours = [reference.counts(row.lane) for row in rows if row.lane]
        return cls(
            any(row.parameters for row in rows),
            any(each.parameters != each.without_norm for each in ours),
            any(row.multiply_adds for row in rows),
        )

    def heads(self) -> list[str]:
        heads = ["Net", *["parameters<br>published"] * self.published]
        heads.append("ours" if self.published else "parameters<br>ours")
        heads += ["ours without<br>BatchNorm"] * self.without_norm
        heads += ["multiply-adds<br>published", "ours"] * self.multiply_adds
        return [*heads, *["fits"] * (self.published or self.multiply_adds)]

    def cells(self, row: Row) -> list[str]:
        """A row's counts; the one that the published figure is compared with is bold."""
        ours = reference.counts(row.lane) if row.lane else None
        cells = [escape(row.parameters)] * self.published
        cells.append(
            _number(ours.parameters if ours else None, row.parameters and row.norm == "with")
        )
        if self.without_norm:
            bold = row.parameters and row.norm == "without"
            cells.append(_number(ours.without_norm if ours else None, bold))
        if self.multiply_adds:
            steps = f"{ours.multiply_adds / 1e9:.3f}×10⁹" if ours else ""
            cells += [escape(row.multiply_adds), _bold(steps, row.multiply_adds)]
        return [*cells, *[_sign(row)] * (self.published or self.multiply_adds)]


def _bold(text: str, bold: object) -> str:
    return f"<b>{text}</b>" if text and bold else text


def _number(count: int | None, bold: object) -> str:
    return "" if count is None else _bold(f"{count:,}", bold)


def _is_built(table: Table) -> bool:
    return any(row.lane for row in table.rows)


def _heads(table: Table, view: str) -> list[str]:
    if view != RESULTS:
        return _Columns.of(table).heads()
    result_heads = [f"{escape(c.dataset)}<br>{escape(c.metric)}" for c in table.columns]
    return ["Net", *result_heads, *["parameters<br>(ours)"] * _is_built(table)]


def _cells(row: Row, table: Table, view: str, dark: bool) -> list[str]:
    net = _net(row, view, dark)
    if view != RESULTS:
        return [net, *_Columns.of(table).cells(row)]
    ours = reference.counts(row.lane) if row.lane else None
    size = _number(ours.parameters if ours else None, False)
    results = [_bold(escape(value), True) for value in row.values]
    return [net, *results, *[size] * _is_built(table)]


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>" for cells in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _framed(inner: str, dark: bool) -> str:
    i = int(dark)
    style = f"--ref-link:{_LINK[i]};--ref-yes:{_YES[i]};--ref-no:{_NO[i]}"
    return f'<div class="ref" style="{style}">{inner}</div>'


@lru_cache(maxsize=32)
def page_of_tables(tables: tuple[Table, ...], view: str, dark: bool) -> str:
    """The tables as HTML, each under its title with source and recipe."""
    parts = []
    for table in tables:
        source = f'<a href="{escape(table.url)}" target="_blank">{escape(table.source)}</a>'
        recipe = f". {escape(table.recipe)}." if view == RESULTS else "."
        text = table.note if view == RESULTS else table.counting
        note = f"<p>{escape(text)}</p>" if text else ""
        rows = [_cells(row, table, view, dark) for row in table.rows]
        parts.append(
            f"<h3>{escape(table.title)}</h3><p>{source}{recipe}</p>{note}"
            + _grid(_heads(table, view), rows)
        )
    return _framed("".join(parts), dark)


def _short(net: Milestone) -> str:
    """A milestone's parameters as a bar's label: published in millions, or rounded to them."""
    if net.parameters.endswith("M"):
        return net.parameters
    return f"{reference.size(net) / 1e6:.1f}M"


def revolution(dark: bool) -> go.Figure:
    """The milestones as a figure."""
    nets = [
        depth.Net(
            name=f"{net.name} ({net.year})",
            family=net.lane.partition(":")[0],
            layers=net.layers,
            top5_error=net.top5_error,
            size=reference.size(net),
            parameters=_short(net),
            layers_source=net.layers_source,
            error_source=net.error_source,
            parameters_source=net.parameters_source,
        )
        for net in reference.milestones()
    ]
    return depth.revolution(nets, dark)


def sources_of_depth(dark: bool) -> str:
    """Each figure of the milestones with its source, as HTML."""
    rows = []
    for net in reference.milestones():
        exact = net.parameters or f"{reference.size(net):,}"
        figures = (
            (str(net.layers), net.layers_source),
            (f"{net.top5_error:g} %", net.error_source),
            (exact, net.parameters_source + (f". {net.note}" if net.note else "")),
        )
        name = escape(f"{net.name} ({net.year})")
        if net.lane:
            name = f'<a href="{link(Row(net.name, "resnet", net.lane))}" target="_self">{name}</a>'
        cells = [f"<b>{value}</b><small>{escape(source)}</small>" for value, source in figures]
        rows.append([name, *cells])
    table = _grid(["Net", "layers", "top-5 error", "parameters"], rows)
    return _framed(table.replace("<table>", '<table class="ref-text">'), dark)
