"""The class as the experiment: every different number is trained once and tells as it comes."""

from __future__ import annotations

from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.picks import Pick, distinct_numbers
from skipviz.engine.training import Training
from skipviz.server import class_run
from skipviz.server.class_run import ClassRun, ClassRuns
from skipviz.server.manager import Manager
from tests.runs.test_manager import until

SMALL = {"backbone": "dense", "depth": 4, "width": 8}


def pick(lane: Lane | None = None, steps: int = 12, **fields: Any) -> Pick:
    experiment = Experiment(
        lanes=[lane or Lane(family="resnet", knobs=SMALL)], steps=steps, record_every=4,
        device="cpu",
    )  # fmt: skip
    values: dict[str, Any] = {
        "asks": "Pick a learning rate.", "knob": "lr", "label": "learning rate", "low": 0.001,
        "high": 10.0, "log": True, "experiment": experiment, "says": "where it learns",
    }  # fmt: skip
    return Pick(**values | fields)


ENDLESS = pick(steps=1_000_000)
"""Lasts until a test ends it."""


def test_every_number_is_trained_once_and_ends_as_it_does_alone(manager: Manager) -> None:
    runs, heard = ClassRuns(manager), []
    numbers = distinct_numbers([0.1, 0.003, 0.1, 0.03, 0.003])
    assert numbers == [0.003, 0.03, 0.1]
    run = runs.start("room.scene", pick(), numbers, lambda now: heard.append(now.state))
    until(lambda: run.ended)
    assert (run.state, run.share) == ("finished", pytest.approx(1.0))
    until(lambda: heard[-1:] == ["finished"])
    assert heard[0] == "running" and runs.find("room.scene") is run
    assert sorted(outcome.number for outcome in run.outcomes) == numbers
    for outcome in run.outcomes:
        frames = list(Training(pick().experiment_with(outcome.number)).frames())
        losses = [float(frame.lanes[0].loss) for frame in frames[-5:]]
        assert outcome.losses == [pytest.approx(sum(losses) / len(losses), rel=1e-5)]
        assert outcome.diverged_at == [None]


def test_a_stopped_one_ends_and_another_may_begin(manager: Manager) -> None:
    runs = ClassRuns(manager)
    first = runs.start("key", ENDLESS, [0.01, 0.02], lambda run: None)
    until(lambda: first.state == "running")
    second = runs.start("key", pick(), [0.5], lambda run: None)
    until(lambda: first.ended and second.ended)
    assert (first.state, first.outcomes) == ("stopped", [])
    assert second.state == "finished" and runs.find("key") is second


def test_one_that_waits_for_a_worker_can_be_stopped(manager: Manager) -> None:
    runs = ClassRuns(manager)
    busy = [runs.start(str(i), ENDLESS, [0.01], lambda run: None) for i in range(3)]
    until(lambda: sum(run.state == "running" for run in busy) == 2)
    waiting = next(i for i, run in enumerate(busy) if run.state == "waiting")
    runs.stop(str(waiting))
    until(lambda: busy[waiting].ended)
    assert busy[waiting].state == "stopped"
    for i in range(3):
        runs.stop(str(i))
    until(lambda: all(run.ended for run in busy))


def test_a_lost_worker_is_said_and_what_cannot_be_kept_holds_nobody_up(manager: Manager) -> None:
    def full(run: ClassRun) -> None:
        raise OSError("no space left")

    runs = ClassRuns(manager)
    run = runs.start("lost", ENDLESS, [0.01], full)
    until(lambda: run.state == "running")
    worker = next(each for each in manager.dispatcher.workers if each.job is not None)
    worker.kill()
    until(lambda: run.ended)
    assert (run.state, run.message) == ("failed", "the worker was lost; try again")


def test_what_cannot_be_trained_gets_a_sentence(manager: Manager) -> None:
    runs = ClassRuns(manager)
    with pytest.raises(SpecError, match="nobody has picked yet"):
        runs.start("none", pick(), [], lambda run: None)
    wide = pick(Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8}))
    run = runs.start("wide", wide, [0.01], lambda run: None)
    until(lambda: run.ended)
    assert run.state == "failed" and "cannot stand in a stack" in run.message


def test_how_long_it_takes_is_measured_once_and_grows_with_the_numbers(manager: Manager) -> None:
    runs = ClassRuns(manager)
    until(lambda: runs.expected_s(pick(), 10) is not None)
    ten, hundred = (runs.expected_s(pick(), count) for count in (10, 100))
    assert ten is not None and hundred == pytest.approx(10 * ten) and ten > 0
    assert class_run.of(manager) is class_run.of(manager)


BIAS = pick(
    Lane(family="highway", knobs=SMALL), knob="gate_bias", label="gate bias",
    low=-10.0, high=4.0, log=False, step=0.5,
)  # fmt: skip


def test_a_number_is_rounded_to_the_scale_and_kept_in_its_bounds() -> None:
    rate = pick()
    assert [rate.number(v) for v in (0.0123, 0.001, 10, 2)] == [0.012, 0.001, 10.0, 2.0]
    assert [BIAS.number(v) for v in (-10, -1.3, -0.1, 3.9)] == [-10.0, -1.5, 0.0, 4.0]
    assert str(BIAS.number(-0.1)) == "0.0"
    for wrong in (0.0009, 11, -1, float("nan"), float("inf"), "0.1", True, None):
        with pytest.raises(SpecError, match="0.001 to 10"):
            rate.number(wrong)


def test_a_number_goes_to_the_learning_rate_or_to_the_lanes_that_know_it() -> None:
    assert pick().experiment_with(0.5).lr == 0.5
    pair = BIAS.experiment.with_(lanes=[*BIAS.experiment.lanes, Lane(family="plain", knobs=SMALL)])
    tried = pick(knob="gate_bias").experiment_with(0.0)
    assert tried == pick().experiment  # no lane has gates
    lanes = Pick(**{**vars(BIAS), "experiment": pair}).experiment_with(-3.0).lanes
    assert lanes[0].knobs["gate_bias"] == -3.0 and lanes[1] == pair.lanes[1]
    depth = (
        pick(knob="depth", low=2, high=20, log=False).experiment_with(7.0).lanes[0].knobs["depth"]
    )
    assert depth == 7 and isinstance(depth, int)
