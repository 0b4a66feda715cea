"""Scenes that ask for a curve: its axes are the figure's own, and the measured one lies on them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from skipviz.core import registry
from skipviz.core.phone_protocol import Phase
from skipviz.core.scene import Scene, measured_band
from skipviz.figures import sketches
from skipviz.store import recordings
from skipviz.store.evidence import Gathered
from skipviz.store.frame_log import FrameLog
from skipviz.store.room_table import COLUMNS, table
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import Store

SCENES: dict[str, Scene] = registry.scenes()
SKETCHED = {key: scene.sketch for key, scene in SCENES.items() if scene.sketch is not None}


@cache
def _recorded(key: str) -> Gathered:
    """What the recording of a scene measured."""
    store, scene = Store(), SCENES[key]
    ids = recordings.of(key)
    logs = {n: FrameLog.open(store.folder(i) / "frames.arrow") for n, i in ids.items()}
    return Gathered(logs, {n: store.experiment(i) for n, i in ids.items()}, scene.asks, _nothing)


def _nothing(*asked: object) -> dict[str, object]:
    raise AssertionError(f"no probe is needed for a curve ({asked})")


def test_at_least_three_scenes_ask_for_a_curve() -> None:
    assert len(SKETCHED) >= 3


@pytest.mark.parametrize("key", SKETCHED)
def test_the_axes_are_those_of_the_scenes_own_figure(key: str) -> None:
    sketch, figure = SKETCHED[key], SCENES[key].figures[SKETCHED[key].figure]
    assert figure.chart is not None
    chart = figure.chart(_recorded(key))
    assert (sketch.x, sketch.y, sketch.log_y) == (chart.x, chart.y, chart.log_y)
    assert not chart.log_x, "a sketch has a linear x axis"
    if sketch.log_y:
        assert min(sketch.y_range) > 0
    labels = [series.label.lower() for series in chart.series]
    assert any(sketch.label.lower() in label for label in labels), (sketch.label, labels)


@pytest.mark.parametrize("key", SKETCHED)
def test_the_measured_curve_with_its_seeds_lies_on_the_axes(key: str) -> None:
    sketch = SKETCHED[key]
    band = measured_band(_recorded(key), sketch)
    assert len(band.x) == len(band.middle) == len(band.low) == len(band.high) >= 20
    assert sketch.x_range[0] <= band.x[0] and band.x[-1] <= sketch.x_range[1]
    assert band.x[-1] - band.x[0] > 0.9 * (sketch.x_range[1] - sketch.x_range[0])
    low, middle, high = (np.array(v) for v in (band.low, band.middle, band.high))
    assert (low <= middle).all() and (middle <= high).all() and (low < high).any()
    assert (low >= sketch.y_range[0]).all() and (high <= sketch.y_range[1]).all()


@pytest.mark.parametrize("dark", [False, True])
def test_curves_are_laid_over_one_another_and_the_measured_one_over_them(dark: bool) -> None:
    key = next(key for key, sketch in SKETCHED.items() if sketch.log_y)
    sketch, band = SKETCHED[key], measured_band(_recorded(key), SKETCHED[key])
    empty = sketches.draw(sketch, [], [], None, dark)
    assert not empty.data and empty.layout.yaxis.type == "log"
    assert empty.layout.yaxis.range == pytest.approx(tuple(np.log10(sketch.y_range)))
    first, second = [[0.0, 1.0], [0.5, 0.5]], [[1.0, 0.0, 0.5]]
    both = sketches.draw(sketch, first, second, band, dark)
    assert [trace.name for trace in both.data if trace.name] == [
        "first vote (2)",
        "second vote (1)",
        f"measured: {sketch.label}",
    ]
    drawn = both.data[0]
    assert list(drawn.x) == [sketch.x_range[0], sketch.x_range[1], None] * 2
    assert drawn.y[:2] == pytest.approx(sketch.y_range) and drawn.line.dash == "dot"
    assert both.data[3].fill == "tonexty" and len(both.data[-1].y) == len(band.middle)
    assert sketches.draw(sketch, first, [], band, dark).data[0].name == "drawn (2)"


def test_a_band_without_a_living_seed_has_a_gap() -> None:
    class Dead:
        def history(self, values: str, lane: int, run: str) -> np.ndarray:
            return np.array([[[1.0, np.nan], [3.0, np.inf]]])

        def axis(self, values: str, lane: int, run: str) -> list[int]:
            return [1, 2]

    sketch = next(each for each in SKETCHED.values() if each.over == "layers")
    band = measured_band(Dead(), sketch)  # type: ignore[arg-type]
    assert (band.low[0], band.middle[0], band.high[0]) == (1, 2, 3)
    assert not np.isfinite([band.low[1], band.middle[1], band.high[1]]).any()


@pytest.fixture
def sketch_scenes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Scene]]:
    return lambda: {key: SCENES[key] for key in (*list(SKETCHED)[:1], "stripes")}


def test_the_table_of_a_room_has_every_answer_and_nobody_in_it(
    tmp_path: Path, sketch_scenes: Callable[[], dict[str, Scene]]
) -> None:
    scenes = sketch_scenes()
    drawn, chosen = scenes
    room, voters = Rooms(tmp_path).room(word()), [word() for _ in range(3)]
    room.show(drawn, Phase.VOTE)
    for voter, height in zip(voters, (0.9, 0.1, 0.5), strict=True):
        room.draw(room.ballot, voter, [height, height])
    room.show(chosen, Phase.VOTE)
    room.vote(room.ballot, voters[0], 1, 2)
    room.show(chosen, Phase.SECOND_VOTE)
    room.vote(room.ballot, voters[0], 0, 2)
    room.show(chosen, Phase.SEEN)
    room.vote(room.ballot, voters[1], 2, 3)
    room.show(chosen, Phase.PICK)
    for voter, number in zip(voters, (0.1, 0.03, 0.1), strict=True):
        room.pick(room.ballot, voter, number)
    room.reveal(chosen, 1)
    text = table(room, scenes)
    assert not any(voter in text for voter in voters) and room.id not in text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == COLUMNS
    curves = [row["curve"] for row in rows if row["scene"] == drawn]
    assert len(curves) == 3 and all(len(curve.split()) == 2 for curve in curves)
    said = [(row["stage"], row["answer"], row["count"], row["shown"]) for row in rows
            if row["scene"] == chosen]  # fmt: skip
    assert said == [
        ("first vote", "A", "0", "no"), ("first vote", "B", "1", "yes"),
        ("second vote", "A", "1", "no"), ("second vote", "B", "0", "yes"),
        ("seen", "A", "0", "no"), ("seen", "B", "0", "yes"), ("seen", "C", "1", "no"),
        ("picked", "0.03", "1", ""), ("picked", "0.1", "2", ""),
    ]  # fmt: skip


def test_heights_between_the_places_are_the_values_of_the_axes() -> None:
    sketch = replace(next(iter(SKETCHED.values())), x_range=(0, 10), y_range=(1, 5), log_y=False)
    assert sketch.points([0, 0.5, 1]) == ([0, 5, 10], [1, 3, 5])
