"""Guests' runs with real workers: they give way and go on to the same numbers, and end when nobody
watches, when their time is over, or when memory runs out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import psutil
import pytest

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.limits import Limits
from skipviz.server import places
from skipviz.server.manager import Manager
from skipviz.server.orders import goes_on
from skipviz.server.run import Run
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from tests.runs.test_manager import experiment, until, worker_of

PATIENT = Limits(lease_minutes=600, guest_minutes=600, guest_steps=1_000_000)


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A manager with one worker that may train, and limits that no slow machine reaches."""
    made = Manager(Store(tmp_path_factory.mktemp("runs")), running=1, limits=PATIENT)
    made.start()
    until(lambda: sum(worker.ready for worker in made.dispatcher.workers) == 2)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_left(manager: Manager) -> Iterator[None]:
    yield
    for run in [run for run in manager._runs if not run.ended]:
        manager.stop(run.id)
        until(lambda run=run: run.ended)


def begun(manager: Manager, guest: str = "browser anna", **fields: Any) -> Run:
    """A long run that is queued."""
    run = manager.find(manager.submit(experiment(**({"steps": 100_000} | fields)), guest))
    assert run is not None
    return run


def in_slow_motion(manager: Manager, guest: str = "browser anna") -> Run:
    """A guest's run that trains, slowly enough that few frames are compared."""
    run = begun(manager, guest)
    manager.control(run.id, "pace", value=50)
    until(lambda: run.log.n > 3)
    return run


def losses(log: FrameLog, count: int) -> list[Any]:
    return [log.frame(step).lanes[0].loss for step in range(count)]


def test_a_guest_s_run_gives_way_to_the_lecturer_and_goes_on_to_the_same_numbers(
    manager: Manager,
) -> None:
    guests = in_slow_motion(manager)
    for _ in range(2):
        lecturers = begun(manager, "")
        until(lambda run=lecturers: run.log.n > 0)
        until(lambda: guests.status()["state"] == "queued")
        stood = guests.status()["step"]
        until(lambda: places.LECTURERS_TURN in guests.status()["message"])
        assert guests.log.n == stood and guests.status()["pace"] == 50
        manager.stop(lecturers.id)
        until(lambda stood=stood: guests.log.n > stood + 3)
    manager.stop(guests.id)
    until(lambda: guests.ended)
    count = guests.log.n
    straight = islice(engine.train(guests.experiment), count)
    assert losses(guests.log, count) == [frame.lanes[0].loss for frame in straight]
    stored = FrameLog.open(manager.store.folder(guests.id) / "frames.arrow")
    assert losses(stored, count) == losses(guests.log, count) and stored.n == count
    assert guests.breaks == 2 and guests.status()["pace"] == 50


def test_what_a_guest_orders_of_a_run_that_gave_way_holds_when_it_goes_on(manager: Manager) -> None:
    guests = in_slow_motion(manager)
    lecturers = begun(manager, "")
    until(lambda: guests.status()["state"] == "queued")
    stood = guests.status()["step"]
    manager.control(guests.id, "lr", value=0.004)
    manager.control(guests.id, "pause")
    assert guests.status()["message"] == "paused; Resume queues it again"
    manager.stop(lecturers.id)
    until(lambda: lecturers.ended)
    assert guests.status()["state"] == "queued" and guests.log.n == stood
    manager.control(guests.id, "step")
    until(lambda: guests.status()["step"] == stood + 1 == guests.log.n)
    assert [change.lr for change in guests.experiment.changes] == [0.004]
    assert guests.experiment.changes[0].step == stood
    manager.control(guests.id, "resume")
    until(lambda: guests.log.n > stood + 3)


def test_a_guest_who_pauses_his_run_keeps_nobody_from_his_turn(manager: Manager) -> None:
    annas = in_slow_motion(manager)
    bens = begun(manager, "browser ben", steps=5)
    manager.control(annas.id, "pause")
    until(lambda: bens.ended)
    assert bens.status()["state"] == "finished"
    assert (annas.status()["state"], annas.status()["paused"]) == ("queued", True)
    stood = annas.log.n
    manager.control(annas.id, "resume")
    until(lambda: annas.log.n > stood)


def test_a_run_that_gave_way_can_be_cancelled_and_taken_up_again(manager: Manager) -> None:
    guests = in_slow_motion(manager)
    lecturers = begun(manager, "")
    until(lambda: guests.status()["state"] == "queued")
    manager.stop(guests.id)
    assert guests.status()["state"] == "stopped" and goes_on(guests)
    manager.stop(lecturers.id)
    until(lambda: lecturers.ended)
    before = guests.log.n
    manager.resume(guests.id, guests.guest)
    until(lambda: guests.log.n > before)


def test_a_run_that_a_guest_began_and_the_lecturer_joins_is_the_lecturer_s(
    manager: Manager,
) -> None:
    first, waits = in_slow_motion(manager), begun(manager, "browser ben", steps=7)
    assert manager.join(waits.experiment, "browser cem") == waits.id
    assert waits.guest == "browser ben"
    assert manager.join(waits.experiment) == waits.id
    assert waits.guest == ""
    until(lambda: waits.ended)
    assert waits.status()["state"] == "finished" and not first.ended


def long_ago(run: Run) -> None:
    """Lets an hour pass since somebody watched a run."""
    run._seen_at -= 3600


def test_a_run_that_nobody_watches_ends_and_one_that_somebody_watches_does_not(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager.leases, "limits", replace(PATIENT, lease_minutes=2))
    watched, seen, unwatched, lecturers = (
        begun(manager, guest) for guest in ("browser a", "browser b", "browser c", "")
    )
    watched.viewer_came()
    for run in (watched, seen, unwatched, lecturers):
        long_ago(run)
    seen.seen()
    until(lambda: unwatched.ended)
    manager.leases.look()
    assert not any(run.ended for run in (watched, seen, lecturers))
    assert unwatched.status()["message"] == "nobody watched it for 2 minutes; it can go on"
    watched.viewer_left()
    manager.leases.look()
    assert not watched.ended, "it ends so long after the last one who watched"
    long_ago(watched)
    until(lambda: watched.ended)


def test_a_look_that_fails_is_logged_and_not_the_last(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(manager.leases, "look", lambda: 1 / 0)
        until(lambda: "guests' runs could not be looked at" in caplog.text)
    run = begun(manager)
    monkeypatch.setattr(manager.leases, "limits", replace(PATIENT, lease_minutes=2))
    long_ago(run)
    until(lambda: run.ended)


def test_a_run_under_way_that_nobody_watches_ends_with_the_same_sentence_and_can_go_on(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_slow_motion(manager)
    monkeypatch.setattr(manager.leases, "limits", replace(PATIENT, lease_minutes=2))
    long_ago(run)
    until(lambda: run.ended)
    sentence = "nobody watched it for 2 minutes; it can go on"
    until(lambda: manager.store.status(run.id)["message"] == sentence)
    assert run.status()["message"] == sentence and goes_on(run)


def test_a_guest_s_run_ends_when_its_minutes_are_over_and_does_not_go_on(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = in_slow_motion(manager)
    limits = replace(PATIENT, guest_minutes=10)
    monkeypatch.setattr(manager.leases, "limits", limits)
    monkeypatch.setattr(manager, "limits", limits)
    run.trained_s += 3600
    until(lambda: run.ended)
    assert run.status()["message"].startswith("it has trained for 10 minutes")
    with pytest.raises(SpecError, match="as long as a guest's may on this server"):
        manager.resume(run.id, run.guest)
    manager.resume(run.id)
    assert run.guest == "", "the lecturer may take it up"


def test_a_killed_worker_ends_the_run_with_what_to_reduce_and_the_next_one_trains(
    manager: Manager,
) -> None:
    run = in_slow_motion(manager)
    psutil.Process(worker_of(manager, run)).kill()
    until(lambda: run.ended)
    if sys.platform != "win32":
        assert "memory" in run.status()["message"] and "take " in run.status()["message"]
    assert goes_on(run)
    after = begun(manager, steps=5)
    until(lambda: after.ended)
    assert after.status()["state"] == "finished"


@pytest.mark.skipif(sys.platform != "linux", reason="a running process is given a limit by Linux")
def test_a_run_whose_memory_runs_out_says_what_to_reduce_and_its_worker_trains_the_next(
    manager: Manager,
) -> None:
    run = in_slow_motion(manager)
    worker = psutil.Process(worker_of(manager, run))
    wide = Lane(family="plain", knobs={"backbone": "dense", "depth": 40, "width": 2048})
    waits = manager.find(manager.submit(Experiment(lanes=[wide], steps=3, device="cpu")))
    manager.control(run.id, "pause")
    assert waits is not None
    everything = worker.rlimit(psutil.RLIMIT_AS)
    worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms + 200 * 2**20, everything[1]))
    until(lambda: waits.ended)
    worker.rlimit(psutil.RLIMIT_AS, everything)
    assert waits.status()["state"] == "failed"
    assert waits.status()["message"] == "memory ran out: take less width or depth"
    after = begun(manager, "", steps=5)
    until(lambda: after.ended)
    assert after.status()["state"] == "finished"
    assert worker.pid in [each.process.pid for each in manager.dispatcher.workers]
