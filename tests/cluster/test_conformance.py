"""What the dispatcher may rely on, whoever trains: one suite for every back end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from skipviz import engine
from skipviz.core.knob import SpecError
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.store.frame_log import FrameLog
from tests.runs.test_manager import experiment, started, until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def left_idle(manager: Manager) -> Iterator[None]:
    """No test leaves a run behind."""
    yield
    for run in [worker.run for worker in manager.dispatcher.workers if worker.run is not None]:
        manager.stop(run.id)
        until(lambda run=run: run.ended)


def losses(run: Run) -> list[float]:
    return [float(run.log.frame(row).lanes[0].loss) for row in range(run.log.n)]


def ended(manager: Manager, run_id: str) -> Run:
    run = manager.find(run_id)
    assert run is not None
    until(lambda: run.ended)
    return run


def test_a_run_has_the_engines_frames_in_memory_and_in_its_folder(manager: Manager) -> None:
    run = ended(manager, manager.submit(experiment()))
    assert run.status()["state"] == "finished"
    assert losses(run) == [frame.lanes[0].loss for frame in engine.train(experiment())]
    assert run.folder is not None
    stored = FrameLog.open(run.folder / "frames.arrow")
    assert np.array_equal(stored.lane(0, "loss"), run.log.lane(0, "loss"))
    assert (run.folder / "checkpoint.pt").is_file()


def test_a_stop_ends_a_run_in_its_workers_words(manager: Manager) -> None:
    run = started(manager)
    manager.stop(run.id)
    until(lambda: run.ended)
    step = run.status()["step"]
    assert (run.status()["state"], run.status()["message"]) == (
        "stopped",
        f"stopped after {step} steps",
    )
    assert run.log.n == step


def test_pause_step_and_rate_come_in_their_order(manager: Manager) -> None:
    run = started(manager)
    manager.control(run.id, "pause")
    until(lambda: run.status().get("paused"))
    at = run.status()["step"]
    manager.control(run.id, "lr", value=0.01)
    manager.control(run.id, "step")
    until(lambda: run.status()["step"] == at + 1)
    assert run.status()["changes"] == [{"step": at, "lr": 0.01}]
    manager.control(run.id, "resume")
    until(lambda: run.log.n > at + 1)


def test_what_waits_trains_when_its_turn_comes(manager: Manager) -> None:
    first, second = started(manager), manager.find(manager.submit(experiment()))
    assert second is not None and second.status()["state"] == "queued"
    manager.stop(first.id)
    until(lambda: second.ended)
    assert second.status()["state"] == "finished"


def test_a_run_whose_worker_is_lost_goes_on_to_the_same_numbers(manager: Manager) -> None:
    whole = experiment(steps=40)
    run = manager.find(manager.submit(whole))
    assert run is not None
    manager.control(run.id, "pause")
    until(lambda: run.status().get("paused"))
    for step in range(1, 4):
        manager.control(run.id, "step")
        until(lambda step=step: run.status()["step"] == step)
    next(each for each in manager.dispatcher.workers if each.run is run).kill()
    until(lambda: run.ended)
    assert run.status()["state"] == "interrupted"
    manager.resume(run.id)
    until(lambda: run.status()["state"] == "finished")
    assert losses(run) == [frame.lanes[0].loss for frame in engine.train(whole)]


def test_a_measurement_gets_an_answer_or_a_sentence(manager: Manager) -> None:
    run = ended(manager, manager.submit(experiment()))
    answer = manager.measure(run.id, "predictions", {"pictures": 2})
    assert len(answer["images"]) == 2
    with pytest.raises(SpecError, match="seed number 7"):
        manager.measure(run.id, "predictions", {"pictures": 2}, seed_index=7)
