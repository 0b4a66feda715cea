"""The benchmarks run on what the product offers now."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import dataset
from skipviz.core.user_datasets import ARRAYS
from skipviz.datafiles import cache
from skipviz.engine.stacked import shape_of


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


@pytest.mark.parametrize("name", engine.KNOBS)
def test_each_knob_that_is_timed_is_one_that_the_stacked_engine_trains(name: str) -> None:
    family, knobs, fields = engine.KNOBS[name]
    lane = Lane(family=family, knobs={"backbone": "dense", "depth": 5, **knobs})
    of = Experiment(lanes=[lane], device="cpu", **fields)
    assert shape_of(lane, of) is not None
