"""The figure of an answer whose probe has none of its own, by the shape of its JSON."""

from __future__ import annotations

import html
from typing import Any

import pytest

from skipviz.figures import answers, any_answer

LANES = [("Plain-3", "plain"), ("ResNet-3", "resnet")]


def _answer(shift: float) -> dict[str, Any]:
    """One seed's: a number, rows over the depth and over nothing, words, nothing for one lane."""
    rows = {"depth": [1, 2, 3], "norm": [shift, 2.0, None], "counts": [4, 5]}
    lane = {"error": shift, **rows, "how": "gates closed", "now": {"mean": 3, "list": [[1]]}}
    return {"step": 7, "lanes": [lane, {"error": 1 + shift, **rows, "how": None}]}


def _of(kind: str, figure: Any) -> list[Any]:
    return [trace for trace in figure.data if trace.type == kind]


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_become_bars_rows_lines_over_the_depth_and_all_else_a_table(dark: bool) -> None:
    figure = answers.of("of nobody")([_answer(0.0), _answer(1.0), _answer(5.0)], LANES, dark)
    bars, nested = _of("bar", figure)
    assert list(nested.x) == ["Plain-3"] and list(nested.y) == [3.0]
    assert list(bars.x) == ["Plain-3", "ResNet-3"] and list(bars.y) == [1.0, 2.0]
    lines = _of("scatter", figure)
    over_depth = [line for line in lines if len(line.y) == 3]
    assert len(over_depth) == len(lines) - len(over_depth) == 2 * 3
    assert all(list(line.x) == [1, 2, 3] for line in over_depth)
    assert sorted(line.y[0] for line in over_depth) == [0.0, 0.0, 1.0, 1.0, 5.0, 5.0]
    assert all(list(line.x) == [1, 2] for line in lines if line not in over_depth)
    assert sum(bool(line.showlegend) for line in lines) == len(LANES)
    (table,) = _of("table", figure)
    said = set(zip(*table.cells["values"], strict=True))
    assert ("how", "Plain-3", "gates closed") in said and ("step", "", "7") in said
    assert ("now, list", "Plain-3", "[[1]]") in said and not any("norm" in row for row in said)
    titles = {note.text for note in figure.layout.annotations}
    assert titles == {"error", "norm", "counts", "now, mean"}


def test_an_answer_without_lanes_or_without_anything_is_a_table() -> None:
    for answer in ({"verdict": "yes"}, {}, {"lanes": [None, None]}, {"lanes": []}):
        figure = any_answer.figure([answer], LANES, False)
        assert [trace.type for trace in figure.data] == ["table"]
    figure = any_answer.figure([{"lanes": [True, "no"]}], LANES, False)
    assert [trace.type for trace in figure.data] == ["table"]


def test_values_that_are_too_long_for_the_table_stay_distinct() -> None:
    most, long = any_answer.LONGEST, "x" * 200
    values = [f"{long}cat", f"{long}dog", f"cat{long}", f"{long}cat{long}", f"{long}dog{long}"]
    answer = {str(place): value for place, value in enumerate([*values, values[0], "short"])}
    (table,) = _of("table", any_answer.figure([answer], LANES, False))
    cells = [html.unescape(cell) for cell in table.cells["values"][2]]
    assert len(set(cells[:5])) == 5 and cells[5] == cells[0] and cells[6] == "short"
    assert cells[0].endswith("cat") and cells[4] == f"{cells[3]} (2)"
    assert all(len(cell) <= most + len(" (2)") for cell in cells)


def test_charts_beyond_the_most_stand_in_the_table() -> None:
    names = [f"field{i}" for i in range(any_answer.MOST_PANELS + 3)]
    figure = any_answer.figure([{"lanes": [dict.fromkeys(names, 1.5)] * 2}], LANES, False)
    assert len(_of("bar", figure)) == any_answer.MOST_PANELS
    (table,) = _of("table", figure)
    assert len(table.cells["values"][0]) == 3 * 2


def test_axes_and_panels_bear_a_fields_name_as_it_is_written() -> None:
    figure = any_answer.figure([{"lanes": [{"a<b>c": 1.5, "$x$ of y": [1.0, 2.0]}]}], LANES, False)
    titles = [axis.title.text for axis in (figure.layout.yaxis, figure.layout.yaxis2)]
    assert titles == [note.text for note in figure.layout.annotations]
    assert [html.unescape(title) for title in titles] == ["a<b>c", "$x$ of y"]
    assert not any("<" in title or title.startswith("$") for title in titles)
