"""A highway run in numbers: carried cells, and which of the papers' sentences it bears out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from skipviz.core.registry import probe
from skipviz.probes.claims import CLAIMS, holds
from skipviz.server.run import Run
from skipviz.store.lane_axes import families, labels
from skipviz.ui.run.probe_answers import answers

ROWS = (
    ("below_01", "cells with T < 0.1", "%"),
    ("below_05", "cells with T < 0.5: carried", "%"),
    ("stripes", "stripes: cells that a layer changes by ≤ 0.1 sd", "%"),
    ("stripes_own", "… by ≤ 0.1 sd of its own input", "%"),
    ("median", "longest stripe of a cell, in layers: median", ".0f"),
    ("longest", "… and the longest of all", ".0f"),
    ("correlation", "correlation of a layer's input and output", ".2f"),
    ("selectivity", "selectivity: deviation of T over samples", ".3f"),
    ("selective", "… cells in which it is above 0.1", "%"),
    ("first", "change ‖y − x‖ / ‖x‖ in the first third of the layers", ".2f"),
    ("last", "… and in the last third", ".2f"),
)
"""(number of the probe `carried`, what it is, how it is written)"""


def gated_lane(run: Run) -> int | None:
    """The first highway lane; None where there is none."""
    lanes = enumerate(families(run.experiment))
    return next((i for i, family in lanes if family == "highway"), None)


def plain_lane(run: Run) -> int | None:
    """The first plain lane, a plain twin or another; None where there is none."""
    lanes = enumerate(families(run.experiment))
    return next((i for i, family in lanes if family == "plain"), None)


def numbers(run: Run) -> None:
    """The carried-cell numbers at init, now, and of the plain lane, every seed's own."""
    highway, plain = gated_lane(run), plain_lane(run)
    if highway is None:
        st.info("No lane of this run is a highway net.")
        return
    of_seeds = answers(run, "carried", samples=2000)
    name = labels(run.experiment)[highway]
    columns = [(f"{name}: at init", highway, "init"), ("now", highway, "now")]
    if plain is not None:
        name = labels(run.experiment)[plain]
        columns += [(f"{name}: at init", plain, "init"), ("now", plain, "now")]
    head = ["", *(title for title, _, _ in columns)]
    rows = [
        [
            text,
            *(seeds([a["lanes"][i][when][key] for a in of_seeds], how) for _, i, when in columns),
        ]
        for key, text, how in ROWS
    ]
    st.html(table(head, rows))
    first = of_seeds[0]["lanes"][highway]["now"]
    st.caption(
        f"Each seed's own number, over {first['samples']} training samples."
        f" {probe('carried').definition} *Caveat:* {probe('carried').caveat}"
    )


def verdicts(run: Run) -> None:
    """The papers' sentences: does this run show them, by which number, seed by seed."""
    lane = gated_lane(run)
    if lane is None:
        st.info("No lane of this run is a highway net.")
        return
    of_seeds = [answer["lanes"][lane] for answer in answers(run, "claims", samples=2000)]
    lines = []
    for key, (text, bound) in CLAIMS.items():
        values = [claims[key] for claims in of_seeds]
        before = [holds(key, claim["init"]) for claim in values]
        mark = _mark([claim["holds"] for claim in values], before)
        now = seeds([claim["value"] for claim in values], ".2f")
        init = seeds([claim["init"] for claim in values], ".2f")
        lines.append(f"- {mark} “{text}”  \n  **{now}** now, {init} at init :small[({bound})]")
    st.markdown("\n".join(lines))
    st.caption(f"Source: {probe('claims').source}. *Caveat:* {probe('claims').caveat}")


def _mark(now: Sequence[bool | None], init: Sequence[bool | None]) -> str:
    """In how many seeds a sentence holds now, and whether it held before any training."""
    count, of = sum(each is True for each in now), len(now)
    if all(each is None for each in now):
        return ":gray[**–** not measured here:]"
    if count == of and all(init):
        return ":green[**✓** shows here,] and did at init:"
    if count == of:
        return ":green[**✓** shows here:]"
    return (
        ":red[**✗** does not show here:]" if count == 0 else f":orange[**{count} of {of}** seeds:]"
    )


def seeds(values: Sequence[float | None], how: str) -> str:
    """Every seed's number: "43 · 41 · 45 %"; – where there is none.

    how   a format; "%" and ".1%" write a share as a percentage
    """
    percent = how.endswith("%")
    digits = how if not percent else f"{how[:-1]}f" if how != "%" else ".0f"
    number_texts = [
        "–" if v is None else format(100 * v if percent else v, digits).replace("-", "−")
        for v in values
    ]
    if set(number_texts) <= {"–"}:
        return "–"
    return " · ".join(number_texts) + (" %" if percent else "")


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A small table as HTML: what is in the first column, numbers in the others."""
    top = "".join(f"<th>{escape(word)}</th>" for word in head)
    body = "".join(
        f"<tr><th>{escape(str(row[0]))}</th>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<table class="skip-facts"><tr>{top}</tr>{body}</table>'
