"""What a run takes on disk is said before it begins, and that is what it takes."""

from __future__ import annotations

import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import Train
from skipviz.server.disk_need import DiskNeed, disk_need, too_much
from skipviz.worker.control import Control
from skipviz.worker.session import Session

HIGHWAY = Lane(family="highway", knobs={"backbone": "dense", "depth": 12})
PLAIN = Lane(family="plain", knobs={"backbone": "dense", "depth": 12})
KNOBS = {"backbone": "dense", "depth": 50}
PAIR = [Lane(family=family, knobs=KNOBS) for family in ("plain", "resnet")]


@pytest.mark.parametrize(
    "fields",
    [
        {"lanes": [PLAIN], "steps": 80},
        {"lanes": [PLAIN, HIGHWAY], "steps": 60, "evaluate_every": 4, "seeds": 2},
        {"lanes": [PLAIN], "steps": 90, "record_every": 4, "optimiser": "adam"},
    ],
)
def test_a_run_takes_what_was_said(fields: dict[str, Any], tmp_path: Path) -> None:
    experiment = Experiment(**fields, device="cpu")
    need = disk_need(experiment)
    order = Train("r", experiment.to_json(), str(tmp_path), resume=False)
    session = Session(order, Control(), threading.Event(), BytesIO())
    session.run()
    assert session.status["state"] == "finished", session.status
    frames, weights = (
        (tmp_path / name).stat().st_size for name in ("frames.arrow", "checkpoint.pt")
    )
    # A busy machine makes fewer steps between two batches: each of these has a head.
    heads = need.frames * 1100 * len(experiment.lanes) + 10_000
    assert 0.7 * need.frame_bytes < frames < 1.1 * need.frame_bytes + heads
    assert 0.8 * need.weight_bytes < weights < need.weight_bytes + 500_000


def test_a_million_steps_of_two_nets_of_fifty_layers_take_some_gigabytes() -> None:
    need = disk_need(Experiment(lanes=PAIR, steps=1_000_000))
    assert need.frames == 1_000_000 and 2e9 < need.total < 3e9
    assert need.words().startswith("about 2.") and need.words().endswith(" GB on disk")
    tenth = disk_need(Experiment(lanes=PAIR, steps=1_000_000, record_every=10))
    assert tenth.frames == 100_001 and tenth.total < need.total / 7


def test_a_run_that_does_not_fit_is_warned_of(tmp_path: Path) -> None:
    there = tmp_path / "not" / "made" / "yet"
    assert too_much(DiskNeed(1, 10**6, 0), there) == ""
    sentence = too_much(DiskNeed(1, 10**18, 0), there)
    assert "it would end when the disk is full" in sentence and "Record every" in sentence
