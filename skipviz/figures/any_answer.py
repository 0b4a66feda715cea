"""An answer of a probe that has no figure of its own, drawn by the shape of its JSON.

Of each lane a number becomes a bar, a row of numbers a line over the depth (over its own places
where the answer names no depths), and all else a row of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from skipviz.core.escapes import plotly
from skipviz.core.strict_json import dumps
from skipviz.figures import theme
from skipviz.figures.layout import LAYER, above, laid_out, strokes

MOST_PANELS = 8
"""What comes after so many charts stands in the table."""

PANEL_PX, ROW_PX = 300, 30
LONGEST = 120
"""Characters of a value in the table."""

ENDING = 40
"""So many of them are its end: names often differ there alone."""

Values = dict[int, list[Any]]
"""What one field of the answers holds: of each lane that has it, the value for each seed."""


def figure(answers: Sequence[dict[str, Any]], lanes: Sequence[tuple[str, str]], dark: bool) -> Any:
    """Charts in two columns, and a table below them of what is no number and no row of numbers."""
    fields = _fields(answers, len(lanes))
    depths = fields.pop("depth") if _shape(fields.get("depth", {})) == "row" else {}
    charts = [name for name, values in fields.items() if _shape(values)]
    charts = charts[:MOST_PANELS]
    rows = [
        (name, lanes[lane][0], each[0])
        for name, values in fields.items()
        if name not in charts
        for lane, each in values.items()
    ]
    rows += [(name, "", value) for name, value in _of_the_run(answers[0]).items()]
    if not charts and not rows:
        rows = [("nothing", "", "this run has nothing that is measured here")]
    rows = _shown(rows)
    made, heights = _grid(charts, _table_px(rows))
    for place, name in enumerate(charts):
        at = {"row": place // 2 + 1, "col": place % 2 + 1}
        if _shape(fields[name]) == "number":
            _bars(made, fields[name], lanes, dark, at)
        else:
            _lines(made, fields[name], lanes, dark, at, depths)
        made.update_yaxes(title_text=plotly(name.replace("_", " ")), **at)
    if rows:
        table = _table(rows, dark)
        made.add_trace(table, row=len(heights), col=1)
    return above(laid_out(made, dark=dark, height=sum(heights) + 120))


def _table_px(rows: Sequence[tuple[str, str, str]]) -> int:
    """The height of the table; 0 without one. A longer one is scrolled."""
    lines = sum(2 if len(value) > LONGEST // 2 else 1 for _, _, value in rows)
    return min(2 * PANEL_PX, ROW_PX * (lines + 2)) if rows else 0


def _grid(charts: Sequence[str], table_px: int) -> tuple[go.Figure, list[int]]:
    """Empty charts under their names, the table's place below them; and the rows' heights."""
    count = (len(charts) + 1) // 2
    specs: list[list[Any]] = [[{}, {} if 2 * i + 1 < len(charts) else None] for i in range(count)]
    heights = [PANEL_PX] * count
    if table_px:
        specs.append([{"type": "table", "colspan": 2}, None])
        heights.append(table_px)
    chart = make_subplots(
        rows=len(specs), cols=2, specs=specs, row_heights=heights,
        subplot_titles=[plotly(name.replace("_", " ")) for name in charts],
        horizontal_spacing=0.09, vertical_spacing=0.12 / max(1, len(specs) - 1),
    )  # fmt: skip
    return chart, heights


def _fields(answers: Sequence[dict[str, Any]], lanes: int) -> dict[str, Values]:
    """Every field of the lanes' entries, in the order in which they come."""
    fields: dict[str, Values] = {}
    for answer in answers:
        entries = answer.get("lanes")
        for lane, entry in enumerate(entries[:lanes] if isinstance(entries, list) else []):
            for name, value in _flat(entry if isinstance(entry, Mapping) else {"value": entry}):
                if value is not None:
                    fields.setdefault(name, {}).setdefault(lane, []).append(value)
    return fields


def _flat(entry: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with its name; of a field that is an object its own: "now, mean"."""
    for name, value in entry.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{within}{name}, ")
        else:
            yield within + name, value


def _of_the_run(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the answer says of no single lane."""
    return {name: value for name, value in answer.items() if name != "lanes"}


def _shape(values: Values) -> str:
    """ "number" or "row" where all values are such; "" for everything else."""
    shapes = {_shape_of(value) for each in values.values() for value in each}
    return shapes.pop() if len(shapes) == 1 else ""


def _shape_of(value: Any) -> str:
    if _is_number(value):
        return "number"
    if isinstance(value, list) and value and all(v is None or _is_number(v) for v in value):
        return "row"
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _bars(
    made: go.Figure, values: Values, lanes: Sequence[tuple[str, str]], dark: bool,
    at: dict[str, int],
) -> None:  # fmt: skip
    """A bar for each lane: the median over seeds."""
    made.add_bar(
        x=[plotly(lanes[lane][0]) for lane in values],
        y=[float(np.median(each)) for each in values.values()],
        marker={"color": [theme.colour(lanes[lane][1], dark=dark) for lane in values]},
        showlegend=False, hovertemplate="%{x}: %{y:.4g}<extra></extra>", **at,
    )  # fmt: skip
    made.update_xaxes(type="category", **at)


def _lines(
    made: go.Figure, values: Values, lanes: Sequence[tuple[str, str]], dark: bool,
    at: dict[str, int], depths: Values,
) -> None:  # fmt: skip
    """A line for each lane and seed, over the depth where there is one for each number."""
    pens, over_depth = strokes(lanes, dark), True
    in_legend = {trace.name for trace in made.data if trace.showlegend}
    for lane, each in values.items():
        for seed, row in enumerate(each):
            depth = depths.get(lane, [[]])[0]
            fits = isinstance(depth, list) and len(depth) == len(row)
            over_depth &= fits
            made.add_scatter(
                x=depth if fits else list(range(1, len(row) + 1)), y=row, mode="lines+markers",
                name=plotly(lanes[lane][0]), legendgroup=str(lane), line=pens[lane],
                showlegend=seed == 0 and plotly(lanes[lane][0]) not in in_legend,
                hovertemplate="%{x}: %{y:.4g}<extra></extra>", **at,
            )  # fmt: skip
    made.update_xaxes(title_text=LAYER if over_depth else "place", **at)


def _shown(rows: Sequence[tuple[str, str, Any]]) -> list[tuple[str, str, str]]:
    """The rows as the table has them. Of a long value the middle is left out; those that are the
    same then, and are not, have a number."""
    whole: dict[str, str] = {}
    cells = []
    for name, lane, value in rows:
        text = value if isinstance(value, str) else dumps(value, ensure_ascii=False)
        cut = text if len(text) <= LONGEST else f"{text[: LONGEST - ENDING - 1]}…{text[-ENDING:]}"
        cell, number = cut, 1
        while whole.setdefault(cell, text) != text:
            number += 1
            cell = f"{cut} ({number})"
        cells.append((plotly(name), plotly(lane), plotly(cell)))
    return cells


def _table(rows: Sequence[tuple[str, str, str]], dark: bool) -> go.Table:
    look = theme.theme(dark)
    font = {"color": look.text, "size": 14}
    return go.Table(
        columnwidth=[1, 1, 3],
        header={"values": ["measured", "lane", "value"], "align": "left", "font": font,
                "fill": {"color": look.fill}, "line": {"color": look.quiet}},
        cells={"values": list(zip(*rows, strict=True)), "align": "left", "font": font,
               "fill": {"color": look.ground}, "line": {"color": look.quiet}, "height": ROW_PX},
    )  # fmt: skip
