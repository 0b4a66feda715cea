"""The published tables: every figure has a source, and every count here fits it or says why not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skipviz import reference
from skipviz.core.experiment import Lane
from skipviz.figures import depth, theme
from skipviz.reference import Row, Table, sheet
from skipviz.ui.learn import reference as page

PAGE = Path(__file__).parent.parent / "pages/3_explore/03_reference.py"
ROWS = [(table, row) for table in reference.tables() for row in table.rows]


def _named(value: object) -> str:
    return value.key if isinstance(value, Table) else getattr(value, "model", "")


def test_every_table_says_where_it_stands_and_how_its_nets_were_trained() -> None:
    for table in reference.tables():
        assert table.source and table.recipe and table.rows, table.key
        assert table.url.startswith("https://"), table.key
        assert all(column.dataset and column.metric for column in table.columns), table.key


def test_no_table_and_no_net_of_a_table_is_there_twice() -> None:
    keys = [table.key for table in reference.tables()]
    nets = [(table.key, row.model) for table, row in ROWS]
    assert len(set(keys)) == len(keys)
    assert len(set(nets)) == len(nets)


@pytest.mark.parametrize(("table", "row"), ROWS, ids=_named)
def test_a_row_has_a_value_for_each_column_and_every_value_has_its_unit(
    table: Table, row: Row
) -> None:
    assert len(row.values) == len(table.columns)
    assert not table.columns or any(row.values)
    for column, value in zip(table.columns, row.values, strict=True):
        assert column.metric.endswith(", %")
        assert not value or 0 < float(value) < 100


@pytest.mark.parametrize(
    "row", [row for _, row in ROWS if row.lane], ids=lambda row: f"{row.model} {row.lane}"
)
def test_a_lane_is_written_as_addresses_are_and_its_count_fits_or_says_why_not(row: Row) -> None:
    lane = Lane.from_text(row.lane)
    assert lane.text() == row.lane
    assert lane.family == row.family
    assert (reference.matches(row) is False) == bool(row.differs)


def test_a_published_count_is_compared_with_batchnorm_unless_only_without_it_fits() -> None:
    for _, row in ROWS:
        if row.lane and row.parameters and row.norm == "without":
            ours = reference.counts(row.lane)
            assert not reference.agrees(row.parameters, ours.parameters), row.model
            assert reference.agrees(row.parameters, ours.without_norm), row.model


def test_the_exceptions_are_the_two_figures_that_the_papers_cut_off() -> None:
    assert [row.model for _, row in ROWS if row.differs] == [
        "ResNet-50",
        "Highway-10, 32 channels",
    ]


def test_highway_1_to_4_are_called_reconstructions() -> None:
    rebuilt = [row for _, row in ROWS if "preset=highway" in row.lane]
    assert len(rebuilt) == 7
    assert all("reconstruction" in row.model for row in rebuilt)


@pytest.mark.parametrize(
    ("published", "fits", "misses"),
    [
        ("0.27M", (265_000, 269_722, 275_000), (264_999, 275_001)),
        ("~236K", (236_328,), (235_499, 236_501)),
        ("11,689,512", (11_689_512,), (11_689_511, 11_689_513)),
        ("3.8×10⁹", (3_800_000_000, 3_849_999_999), (3_857_973_248,)),
        ("~9M", (8_500_000, 9_500_000), (8_000_000,)),
    ],
)
def test_a_count_fits_if_it_rounds_to_the_published_digits(
    published: str, fits: tuple[int, ...], misses: tuple[int, ...]
) -> None:
    assert all(reference.agrees(published, count) for count in fits)
    assert not any(reference.agrees(published, count) for count in misses)


@pytest.mark.parametrize("text", ["", "about 5000", "1.7B", "1.7 M"])
def test_what_is_not_a_count_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a count"):
        reference.bounds(text)


def test_the_milestones_get_deeper_and_better_and_the_last_is_smaller_than_vgg() -> None:
    nets = reference.milestones()
    assert [net.layers for net in nets] == [8, 19, 22, 152]
    assert [net.top5_error for net in nets] == [15.3, 7.32, 6.66, 3.57]
    sizes = {net.name: reference.size(net) for net in nets}
    assert sizes["ResNet-152"] < sizes["VGG-19"] / 2
    for net in nets:
        assert net.layers_source and net.error_source and net.parameters_source


@pytest.mark.parametrize("dark", [False, True])
def test_the_figure_of_depth_names_its_axes_with_units_and_takes_its_colours_from_the_theme(
    dark: bool,
) -> None:
    figure = page.revolution(dark)
    titles = [figure.layout[f"xaxis{i}"].title.text for i in ("", 2, 3)]
    assert titles == ["weighted layers", "% of the test images", "millions"]
    assert figure.layout.yaxis.title.text == "net (year)"
    assert figure.layout.font.color == theme.theme(dark).text
    for bar in figure.data:
        assert bar.marker.color[-1] == theme.colour("resnet", dark)
        assert all(bar.customdata)


def test_the_figure_of_depth_can_be_empty() -> None:
    assert [len(bar.x) for bar in depth.revolution([]).data] == [0, 0, 0]


def test_the_sheet_has_a_line_for_every_published_figure() -> None:
    lines = list(csv.DictReader(io.StringIO(sheet.text(reference.tables()))))
    published = sum(
        bool(row.parameters) + bool(row.multiply_adds) + sum(map(bool, row.values))
        for _, row in ROWS
    )
    assert sum(bool(line["published"]) for line in lines) == published
    assert all(line["source"] and line["address"] and line["quantity"] for line in lines)
    assert {line["ours"] for line in lines if line["model"] == "ResNet-20"} >= {"269722", "268346"}


def test_words_and_family_choose_rows() -> None:
    wanted = page.Wanted(page.COUNTS, "resnext", "torchvision 101")
    (table,) = page.matching_tables(wanted)
    assert [row.model for row in table.rows] == ["resnext101_32x8d", "resnext101_64x4d"]
    assert not page.matching_tables(page.Wanted(page.COUNTS, None, "no such net"))
    others = page.matching_tables(page.Wanted(page.COUNTS, page.OTHERS, ""))
    assert {row.family for table in others for row in table.rows} == {""}


def test_a_net_links_to_the_page_that_draws_it() -> None:
    text = page.page_of_tables(reference.tables(), page.COUNTS, dark=False)
    assert 'href="architecture?lane=resnet:depth=110%2Cvariant=full_preact"' in text
    assert "<script" not in text


@pytest.mark.parametrize("view", [page.COUNTS, page.RESULTS, page.DEPTH])
def test_the_page_shows_each_view_without_an_exception(view: str) -> None:
    app = AppTest.from_file(str(PAGE), default_timeout=300)
    app.session_state["show"] = view
    app.run()
    assert not app.exception
    assert app.title[0].value == "Reference tables"
