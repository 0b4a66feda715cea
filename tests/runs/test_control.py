"""Runs under control: real workers are paused, stepped, slowed down, changed and taken up again."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pytest
import torch

from skipviz import engine
from skipviz.cli.main import main
from skipviz.core.budgets import Change
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.server.manager import Manager
from skipviz.server.orders import BLOCKED, goes_on
from skipviz.server.run import Run
from skipviz.store.frame_log import FrameLog
from tests.runs.test_manager import experiment, started, until, worker_of
from tests.test_strict_json import strict

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def left_as_found(manager: Manager) -> Iterator[None]:
    """A test that fails leaves no run behind that the next would wait for."""
    yield
    for run in [run for run in manager._runs if not run.ended]:
        manager.stop(run.id)
        until(lambda run=run: run.ended)


@pytest.fixture
def run(manager: Manager) -> Iterator[Run]:
    """A long run that is paused."""
    made = started(manager)
    manager.control(made.id, "pause")
    until(lambda: made.status()["paused"])
    yield made
    manager.stop(made.id)
    until(lambda: made.ended)


def stored(manager: Manager, run: Run) -> FrameLog:
    return FrameLog.open(manager.store.folder(run.id) / "frames.arrow")


def losses(log: FrameLog, steps: int) -> list[Any]:
    return [log.frame(step).lanes[0].loss for step in range(steps)]


def in_pandas_eyes(manager: Manager, run: Run) -> list[int]:
    """The steps that a reader of Arrow finds in the file, as it is."""
    data = (manager.store.folder(run.id) / "frames.arrow").read_bytes()
    steps: list[int] = pa.ipc.open_stream(io.BytesIO(data)).read_all()["step"].to_pylist()
    return steps


def test_a_paused_run_stands_still_and_says_so_to_everyone_who_looks(
    manager: Manager, run: Run
) -> None:
    until(lambda: (manager.store.folder(run.id) / "checkpoint.pt").is_file())
    n, status = run.log.n, run.status()
    worker = psutil.Process(worker_of(manager, run))
    busy = sum(worker.cpu_times()[:2])
    time.sleep(0.5)  # in which nothing happens, on any machine
    assert run.log.n == n == status["step"] == stored(manager, run).n
    assert sum(worker.cpu_times()[:2]) - busy < 0.1
    assert manager.store.status(run.id)["paused"]
    manager.control(run.id, "resume")
    until(lambda: run.log.n > n and not run.status()["paused"])


def test_a_single_step_gives_exactly_one_frame(manager: Manager, run: Run) -> None:
    n, heard = run.log.n, run.status()["heard"]
    for count in range(1, 4):
        manager.control(run.id, "step")
        until(lambda count=count: run.status()["step"] == n + count)
        assert run.log.n == n + count and run.status()["paused"]
    manager.control(run.id, "pace", value=0)  # when it answers, all steps until there are told
    until(lambda: run.status()["heard"] == heard + 4)
    assert run.log.n == n + 3 == run.status()["step"] and run.status()["paused"]


def test_a_run_that_records_seldom_makes_one_step_all_the_same(manager: Manager) -> None:
    run = started(manager, record_every=1000)
    manager.control(run.id, "pause")
    until(lambda: run.status()["paused"])
    step = run.status()["step"]
    manager.control(run.id, "step")
    until(lambda: run.status()["step"] > step)
    assert run.status()["step"] == step + 1 and run.status()["paused"]
    manager.stop(run.id)
    until(lambda: run.ended)
    assert run.status()["state"] == "stopped"


def test_a_stepped_run_of_several_seeds_equals_one_that_was_left_alone(manager: Manager) -> None:
    run_id = manager.submit(experiment(steps=100_000, seeds=2))
    run = manager.find(run_id)
    assert run is not None
    until(lambda: run.log.n > 0)
    manager.control(run_id, "pause")
    for _ in range(5):
        manager.control(run_id, "step")
    manager.control(run_id, "resume")
    until(lambda: run.log.n > 60)
    manager.stop(run_id)
    until(lambda: run.ended)
    left_alone = list(engine.train(experiment(steps=60, seeds=2)))
    for frame, other in zip(left_alone, (run.log.frame(step) for step in range(60)), strict=True):
        np.testing.assert_array_equal(frame.lanes[0].loss, other.lanes[0].loss)


def test_slow_motion_makes_at_most_so_many_steps_a_second(manager: Manager) -> None:
    run = started(manager)
    manager.control(run.id, "pace", value=20)
    until(lambda: run.status()["pace"] == 20)
    n = run.log.n  # the first frame that is made at this pace, or one soon after it
    until(lambda: run.log.n >= n + 21)
    between = np.diff(run.log.column("time_s")[n : n + 21])
    assert np.median(between) > 0.03, "a step is made every 0.05 s, and one alone takes 0.003 s"
    until(lambda: run.status()["steps_per_s"] < 25)
    manager.control(run.id, "pace", value=0)
    n = run.log.n
    until(lambda: run.log.n > n + 100)


def test_a_changed_learning_rate_is_recorded_and_gives_the_same_run_again(
    manager: Manager, run: Run
) -> None:
    step = run.status()["step"]
    for value in (0.5, 0.003):
        manager.control(run.id, "lr", value=value)
    until(lambda: run.status()["lr"] == 0.003)
    assert run.status()["changes"] == [{"step": step, "lr": 0.003}]
    assert manager.store.experiment(run.id) == run.experiment
    manager.control(run.id, "step")
    until(lambda: run.status()["step"] == step + 1)
    manager.control(run.id, "lr", value="0.01")
    manager.control(run.id, "resume")
    until(lambda: run.log.n > step + 30)
    manager.stop(run.id)
    until(lambda: run.ended)
    found = manager.store.experiment(run.id)
    assert found.changes == (Change(step=step, lr=0.003), Change(step=step + 1, lr=0.01))
    assert Experiment.from_query(found.to_query()) == found == run.experiment
    log = stored(manager, run)
    assert Experiment.from_json(log.experiment_json) == found
    assert in_pandas_eyes(manager, run) == list(range(log.n))
    again = engine.train(found)
    assert [next(again).lanes[0].loss for _ in range(log.n)] == losses(log, log.n)


def test_a_paused_run_can_be_stopped(manager: Manager, run: Run) -> None:
    manager.stop(run.id)
    until(lambda: run.ended)
    status = manager.store.status(run.id)
    assert status["state"] == "stopped" and not status["paused"]


def test_a_shared_run_in_memory_is_controlled_too_and_no_longer_given_to_others_once_changed(
    manager: Manager,
) -> None:
    until(lambda: sum(worker.ready for worker in manager.dispatcher.workers) == 2)
    asked = experiment(steps=100_000, seed=5)
    run = manager.find(manager.shared(asked))
    assert run is not None
    until(lambda: run.log.n > 0)
    manager.control(run.id, "pause")
    until(lambda: run.status()["paused"])
    assert manager.shared(asked) == run.id
    manager.control(run.id, "lr", value=0.002)
    until(lambda: [change.lr for change in run.experiment.changes] == [0.002])
    fresh = manager.shared(asked)
    assert fresh != run.id
    for run_id in (run.id, fresh):
        manager.stop(run_id)
    until(lambda: run.ended)


def test_a_run_that_waits_behind_a_paused_one_says_so(manager: Manager, run: Run) -> None:
    waits = manager.find(manager.submit(experiment()))
    assert waits is not None
    assert BLOCKED in waits.status()["message"]
    manager.control(run.id, "resume")
    until(lambda: BLOCKED not in waits.status()["message"])
    manager.control(run.id, "pause")
    until(lambda: BLOCKED in waits.status()["message"])
    manager.stop(run.id)
    until(lambda: waits.ended)
    assert waits.status()["state"] == "finished"


def test_nonsense_is_answered_with_one_sentence(manager: Manager, run: Run) -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("hurry", {}, "control 'hurry': must be one of pause, resume"),
        ("pause", {"value": 1}, "control 'pause': takes no value"),
        ("pace", {}, "control 'pace': takes its value"),
        ("pace", {"value": -1}, "pace -1: must be a number from 0"),
        ("lr", {"value": "fast"}, "lr 'fast': must be a number"),
    ]
    for action, values, sentence in cases:
        with pytest.raises(SpecError, match=sentence):
            manager.control(run.id, action, **values)


def test_a_run_in_the_queue_begins_with_what_it_was_told_there(manager: Manager, run: Run) -> None:
    waits = manager.find(manager.submit(experiment()))
    assert waits is not None
    manager.control(waits.id, "lr", value=0.004)
    manager.control(waits.id, "pause")
    assert waits.status()["paused"] and waits.status()["state"] == "queued"
    manager.stop(run.id)
    until(lambda: waits.status()["state"] == "running" and waits.status()["heard"] == 2)
    assert waits.log.n == 0 and waits.experiment.changes == (Change(step=0, lr=0.004),)
    manager.control(waits.id, "step")
    until(lambda: waits.log.n == 1)
    manager.control(waits.id, "resume")
    until(lambda: waits.ended)
    assert waits.status()["state"] == "finished"


def test_a_run_that_has_ended_or_is_not_there_is_not_controlled(manager: Manager) -> None:
    run = manager.find(manager.submit(experiment()))
    assert run is not None
    until(lambda: run.ended)
    with pytest.raises(SpecError, match="it has finished; there is nothing to pause"):
        manager.control(run.id, "pause")
    with pytest.raises(SpecError, match="its budget is used up; train it for more steps"):
        manager.resume(run.id)
    with pytest.raises(SpecError, match="there is no such run"):
        manager.control("a" * 22, "pause")
    assert not goes_on(run)


def ended_early(manager: Manager, run: Run, signalled: bool) -> None:
    if signalled:
        psutil.Process(worker_of(manager, run)).kill()
    else:
        manager.stop(run.id)
    until(lambda: run.ended)
    assert goes_on(run)


def paused_at(manager: Manager, asked: Experiment, steps: int) -> Run:
    """A run that stands still after so many steps, and could not have gone further."""
    before = started(manager)
    run = manager.find(manager.submit(asked))
    assert run is not None
    manager.control(run.id, "pause")  # while it is in the queue
    manager.stop(before.id)
    until(lambda: run.status()["state"] == "running")
    for _ in range(steps):
        manager.control(run.id, "step")
    until(lambda: run.log.n == steps == run.status()["step"])
    return run


def with_older_checkpoint(manager: Manager, run: Run, steps: int) -> None:
    """Lets a run that is paused make more steps than its checkpoint knows of."""
    path = manager.store.folder(run.id) / "checkpoint.pt"
    until(lambda: torch.load(path, weights_only=True)["step"] == run.log.n)
    older, goal = path.read_bytes(), run.log.n + steps
    for _ in range(steps):
        manager.control(run.id, "step")
    until(lambda: torch.load(path, weights_only=True)["step"] == goal == run.log.n)
    path.write_bytes(older)


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
@pytest.mark.parametrize("same_server", [True, False], ids=["same server", "after a restart"])
def test_a_run_that_was_broken_off_goes_on_and_ends_like_one_that_was_not(
    manager: Manager, killed: bool, same_server: bool
) -> None:
    asked = experiment(steps=60, optimiser="adam", lr=0.001)
    run = paused_at(manager, asked, 8)
    if killed:
        with_older_checkpoint(manager, run, 5)
    ended_early(manager, run, killed)
    torn = manager.store.folder(run.id) / "frames.arrow"
    if not same_server:
        with torn.open("ab") as file:
            file.write(torn.read_bytes()[-400:-100])
        manager._runs.forget(run.id)
    manager.resume(run.id)
    again = manager.find(run.id)
    assert again is not None and (again is run) == same_server
    until(lambda: again.ended)
    assert again.status()["state"] == "finished"
    assert in_pandas_eyes(manager, again) == list(range(60))
    straight = [frame.lanes[0].loss for frame in engine.train(asked)]
    assert losses(again.log, 60) == losses(stored(manager, again), 60) == straight
    times = stored(manager, again).column("time_s")
    assert (np.diff(times) >= 0).all()


def frames_of(log: FrameLog) -> list[np.ndarray]:
    """Every number of every frame but the time, for each column."""
    columns = [name for name in log.schema.names if name != "time_s" and "_map" not in name]  # type: ignore[union-attr]
    return [log.column(name) for name in columns if "held_out" not in name]


@pytest.mark.parametrize("same_server", [True, False], ids=["same server", "after a restart"])
@pytest.mark.parametrize("ended", ["finished", "stopped", "killed"])
def test_a_run_that_is_trained_for_longer_has_the_frames_of_its_spec_run_in_one_piece(
    manager: Manager, ended: str, same_server: bool
) -> None:
    asked = experiment(steps=12, schedule="cosine", optimiser="adam", lr=0.001, record_every=5)
    run = paused_at(manager, asked.with_(record_every=1), 8)
    if ended == "finished":
        manager.control(run.id, "resume")
        until(lambda: run.ended)
    else:
        if ended == "killed":
            with_older_checkpoint(manager, run, 2)
        ended_early(manager, run, ended == "killed")
    made = int(run.status()["step"])
    if not same_server:
        manager._runs.forget(run.id)
    manager.resume(run.id, more_steps=7)
    again = manager.find(run.id)
    assert again is not None and again.status()["steps"] == made + 7
    until(lambda: again.ended)
    spec = manager.store.experiment(run.id)
    assert (spec.steps, [each.end for each in spec.budgets]) == (made + 7, [made])
    whole = manager.find(manager.submit(spec))
    assert whole is not None
    until(lambda: whole.ended)
    assert again.status()["state"] == whole.status()["state"] == "finished"
    for log in (again.log, stored(manager, again)):
        assert log.n == whole.log.n == made + 7
        for mine, theirs in zip(frames_of(log), frames_of(whole.log), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert Experiment.from_json(log.experiment_json) == spec
    assert len({run_id for run_id in manager._known_runs.of(spec)} & {run.id, whole.id}) == 2


def test_a_run_is_trained_for_longer_where_it_can_be_and_nothing_is_changed_where_it_cannot(
    manager: Manager,
) -> None:
    run = manager.find(manager.submit(experiment(steps=5)))
    assert run is not None
    until(lambda: run.ended)
    before = run.experiment
    for more, sentence in ((10**6, "steps 1000005"), (-1, "more steps -1: must be")):
        with pytest.raises(SpecError, match=sentence):
            manager.resume(run.id, more_steps=more)
    with pytest.raises(SpecError, match="a recording has no weights; train its scene"):
        manager.resume("recorded.lesion.main", more_steps=5)
    assert manager.store.experiment(run.id) == run.experiment == before
    assert run.status()["state"] == "finished"
    busy = started(manager)
    with pytest.raises(SpecError, match="it is under way already"):
        manager.resume(busy.id, more_steps=5)
    manager.stop(busy.id)
    until(lambda: busy.ended)


def test_what_another_program_trained_further_is_read_again(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = manager.find(manager.submit(experiment(steps=6)))
    assert run is not None
    until(lambda: run.ended)
    monkeypatch.setenv("SKIPVIZ_RUNS", str(manager.store.root))
    assert main(["resume", run.id]) == 2
    assert "train it for more steps" in capsys.readouterr().err
    assert main(["resume", run.id, "--more", "4", "--json"]) == 0
    assert strict(capsys.readouterr().out)["step"] == 10
    again = manager.find(run.id)
    assert again is not None and again is not run
    assert (again.log.n, again.status()["step"], again.experiment.steps) == (10, 10, 10)
    straight = [frame.lanes[0].loss for frame in engine.train(experiment(steps=10))]
    assert losses(again.log, 10) == straight


def test_a_run_without_a_checkpoint_begins_again(manager: Manager) -> None:
    run = started(manager)
    ended_early(manager, run, signalled=True)
    (manager.store.folder(run.id) / "checkpoint.pt").write_bytes(b"half of one")
    manager.resume(run.id)
    until(lambda: run.status()["state"] == "running" and stored(manager, run).n > 20)
    manager.stop(run.id)
    until(lambda: run.ended)
    steps = in_pandas_eyes(manager, run)
    assert steps == list(range(len(steps)))
