"""The benchmarks run on what the product offers now."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cases, engine
from benchmarks.hall.cases.refused import EXAMPLES
from benchmarks.hall.phone import files_of
from benchmarks.hall.row import Row
from benchmarks.interleaved import Times
from skipviz.access.doors import TABLE
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import dataset
from skipviz.core.user_datasets import ARRAYS
from skipviz.datafiles import cache
from skipviz.engine.stacked import shape_of
from skipviz.stream import phone_page
from tests.test_strict_json import strict


@pytest.mark.parametrize("figure", [math.inf, math.nan])
def test_a_figure_that_is_no_number_misses_its_goal_and_is_null_in_json(
    figure: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [Row("phones", 1.0, 0.5), Row("burst", 1.0, figure)]
    monkeypatch.setattr(cases, "_cases", lambda home, order: {"one": lambda folder, quick: rows})
    monkeypatch.setattr("sys.argv", ["bench", "--json"])
    assert cases.table(Path("hall"), "", "") == 1
    said = strict(capsys.readouterr().out)["cases"]
    assert [row["ratio"] for row in said] == [0.5, None] and said[1]["ratio_why"]
    assert [row["met"] for row in said] == [True, False]


def test_bench_engine_draws_pictures_that_its_trainings_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    monkeypatch.setenv("SKIPVIZ_DATA", "")
    monkeypatch.setattr(engine, "SIZES", {"mnist": (300, 40)})
    engine._draw("mnist")
    folder = cache.entry("mnist", dataset("mnist"))
    assert folder == engine._folder("mnist")
    shapes = [np.load(folder / f"{name}.npy").shape for name in ARRAYS]
    assert shapes == [(300, 1, 28, 28), (300,), (40, 1, 28, 28), (40,)]


def test_every_door_has_an_example_with_which_the_hall_tries_it() -> None:
    paths = [example.partition("?")[0] for example in EXAMPLES]
    without = [door for _, door, _ in TABLE if not any(re.fullmatch(door, path) for path in paths)]
    assert without == []


def test_a_phone_of_the_hall_loads_every_file_that_the_page_needs() -> None:
    needed, found = {"phone.css"}, ["phone.js"]
    while found:
        needed.add(module := found.pop())
        text = (phone_page.FOLDER / module).read_text(encoding="utf-8")
        imported = re.findall(r'^(?:import|export)[^;]* from "\./([^"]+)"', text, re.MULTILINE)
        found += set(imported) - needed
    page = bytes(phone_page.page({}).body)
    loaded = [address.rpartition("/")[2] for address in files_of(page)]
    assert sorted(loaded) == sorted(needed) and len(needed) > 8


@pytest.mark.parametrize("name", engine.KNOBS)
def test_each_knob_that_is_timed_is_one_that_the_stacked_engine_trains(name: str) -> None:
    family, knobs, fields = engine.KNOBS[name]
    lane = Lane(family=family, knobs={"backbone": "dense", "depth": 5, **knobs})
    of = Experiment(lanes=[lane], device="cpu", **fields)
    assert shape_of(lane, of) is not None


def _curves(plain: float, residual: np.ndarray) -> dict[str, object]:
    """A run of a pair of which the plain net's loss stays where it is, a step in half a second."""
    losses = np.stack([np.full(len(residual), plain), residual], axis=1)
    seconds = np.arange(1, len(residual) + 1) / 2
    return {"losses": losses, "seconds": seconds, "errors": [0.9, 0.3]}


def test_lanes_have_parted_when_each_at_its_best_rate_one_is_twice_the_other() -> None:
    falling = np.r_[np.full(40, 2.3), np.full(60, 0.5)]
    slow, best = _curves(2.2, np.full(100, 2.0)), _curves(2.3, falling)
    found = engine.parted([slow, best])
    # of 25 steps w have fallen: 2.2 >= 2 (2.3 - 1.8 w / 25) from w = 17 on, at step 40 + 16
    assert found["step"] == 56 and found["seconds"] == pytest.approx(57 / 2)
    assert found["rates"] == [0.03, 0.1] and found["losses"] == pytest.approx([2.2, 0.5])
    assert found["held_out_errors"] == [0.9, 0.3] and found["steps"] == 100


def test_lanes_that_do_not_part_or_hardly_began_are_a_goal_that_is_missed() -> None:
    for steps in (10, 60):
        together = engine.parted([_curves(2.2, np.full(steps, 2.0))])
        assert together["seconds"] == np.inf
    case = engine.Case("lecture-images", "max", 20, lambda found: (np.inf, {"unit": "s"}))
    made = engine.row(case, {}, "")
    assert made["met"] is False and made["unit"] == "s" and "MISSED" in engine.line(made)


def test_a_net_that_diverged_is_not_the_best_one() -> None:
    broken, fine = _curves(np.nan, np.full(50, np.nan)), _curves(2.0, np.full(50, 0.5))
    found = engine.parted([broken, fine])
    assert found["rates"] == [0.1, 0.1] and found["seconds"] == 12.5


def test_beside_a_ratio_stand_milliseconds_and_the_share_of_the_peak_of_the_same_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes = engine.dense("plain", depth=20)
    work = engine.flops(lanes, "mnist")
    assert work == 2 * 128 * (3 * (784 * 50 + 19 * 2500 + 500) - 784 * 50)
    monkeypatch.setattr(engine, "PEAK_WORK", [1e9])
    ways = (engine._ours("ours", lanes, "mnist", 3), engine.PEAK)
    case = engine.Case("x", "min", 1, engine.faster("tutorial", "ours"), way="ours")
    found = {name: Times(cpu, wall) for name, cpu, wall in
             (("tutorial", 0.02, 0.03), ("ours", 0.002, 0.004), ("peak", 0.01, 0.01))}  # fmt: skip
    made = engine.row(case, found, "", ways)
    assert made["ratio"] == 10 and made["ms"] == 2
    assert made["peak_share"] == pytest.approx(work / 0.002 / 1e11)
    assert "2.000 ms" in engine.line(made) and "of the peak" in engine.line(made)


def test_every_row_of_a_net_names_a_way_of_its_group_and_has_a_peak_in_its_run() -> None:
    named = [(group, case) for group in engine.groups() for case in group.cases if case.way]
    assert len(named) > 30
    for group, case in named:
        names = [way.name for way in group.ways]
        assert case.way in names and names.count("peak") == 1, case.name
