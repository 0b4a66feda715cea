"""Runs from the outside: real worker processes are started, stopped, killed and outlived."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.protocol import Train
from skipviz.server import dispatcher
from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from skipviz.ui.run import training
from skipviz.worker.control import Control
from skipviz.worker.session import Session

pytestmark = pytest.mark.slow

LANE = Lane(family="resnet", knobs={"backbone": "dense", "depth": 10})


def experiment(**fields: Any) -> Experiment:
    return Experiment(lanes=[LANE], **({"steps": 30, "lr": 0.03, "device": "cpu"} | fields))


def until(condition: Callable[[], Any], timeout_s: float = 600.0) -> None:
    """Waits for a condition; fails where it does not come true in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def started(manager: Manager, **fields: Any) -> Run:
    """A long run that has drawn its first frames."""
    run = manager.find(manager.submit(experiment(steps=100_000, **fields)))
    assert run is not None
    until(lambda: run.log.n > 0)
    return run


def worker_of(manager: Manager, run: Run) -> int:
    return next(worker.process.pid for worker in manager.dispatcher.workers if worker.run is run)


def gone(process: psutil.Process) -> bool:
    """Has it ended, whether or not anybody has taken note?"""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_run_ends_with_the_frames_that_the_engine_gives(manager: Manager) -> None:
    run_id = manager.submit(experiment())
    run = manager.find(run_id)
    assert run is not None
    until(lambda: run.ended)
    assert run.status()["state"] == "finished"
    direct = [frame.lanes[0].loss for frame in engine.train(experiment())]
    stored = FrameLog.open(manager.store.folder(run_id) / "frames.arrow")
    assert run.log.n == stored.n == 30
    for log in (run.log, stored):
        assert [log.frame(step).lanes[0].loss for step in range(30)] == direct
    names = {path.name for path in manager.store.folder(run_id).iterdir()}
    assert {
        "experiment.json",
        "frames.arrow",
        "status.json",
        "machine.json",
        "checkpoint.pt",
    } <= names
    assert Store(manager.store.root).status(run_id)["state"] == "finished"


def test_a_run_stores_the_device_that_auto_chose_and_a_page_says_why(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen by the server, or by the worker where none is warm yet."""
    here = {device["key"] for device in manager.dispatcher.devices()}
    cold = Manager(Store(tmp_path), running=1)
    for owner in (manager, cold):
        run = owner.find(owner.submit(experiment(device="auto", steps=2)))
        assert run is not None
        at_once = owner.store.experiment(run.id).device
        assert at_once in (["auto"] if owner is cold else here)
        if owner is cold:
            cold.start()
        until(lambda run=run: run.ended)
        stored = owner.store.experiment(run.id)
        assert stored.device in here and stored.device == owner.store.status(run.id)["device"]
        assert stored == owner.dispatcher.placing().with_device(experiment(device="auto", steps=2))
    cold.close()
    monkeypatch.setattr(servers_manager, "_current", manager)
    page = AppTest.from_function(_device_line, default_timeout=120).run()
    placing = manager.dispatcher.placing()
    assert page.caption[0].value.startswith("Trains on: **")
    assert page.caption[0].value.endswith(f" free. {training.placing_sentence(placing)}")
    assert "Device auto trains on the " in page.caption[0].value


def _device_line() -> None:
    from skipviz.ui.run import training

    training.device_line()


def test_a_run_that_is_stopped_says_so_and_its_worker_stays(manager: Manager) -> None:
    run = started(manager)
    pid = worker_of(manager, run)
    manager.stop(run.id)
    until(lambda: run.ended)
    assert run.status()["state"] == "stopped"
    assert manager.store.status(run.id)["state"] == "stopped"
    assert pid in [worker.process.pid for worker in manager.dispatcher.workers]


def test_a_worker_that_does_not_heed_a_stop_is_killed_and_replaced(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still here as if its step had no end."""
    run = started(manager)
    pid = worker_of(manager, run)
    psutil.Process(pid).suspend()
    monkeypatch.setattr(dispatcher, "STOP_S", 0.1)
    manager.stop(run.id)
    until(lambda: run.ended)
    assert run.status()["state"] == "stopped"
    assert pid not in [worker.process.pid for worker in manager.dispatcher.workers]
    until(lambda: sum(worker.ready for worker in manager.dispatcher.workers) == 2)


def test_a_killed_worker_leaves_an_interrupted_run_with_every_frame_up_to_then(
    manager: Manager,
) -> None:
    run = started(manager)
    psutil.Process(worker_of(manager, run)).kill()
    until(lambda: run.ended)
    assert run.status()["state"] == "interrupted"
    assert Store(manager.store.root).status(run.id)["state"] == "interrupted"
    stored = FrameLog.open(manager.store.folder(run.id) / "frames.arrow")
    assert stored.n >= run.log.n > 0
    after = manager.find(manager.submit(experiment()))
    assert after is not None
    until(lambda: after.ended)
    assert after.status()["state"] == "finished"


def test_runs_beyond_the_machine_wait_for_their_turn_and_can_be_stopped_there(
    manager: Manager,
) -> None:
    first = started(manager)
    second, third = (manager.find(manager.submit(experiment())) for _ in range(2))
    assert second is not None and third is not None
    assert second.status()["state"] == third.status()["state"] == "queued"
    assert "place 2" in third.status()["message"]
    manager.stop(second.id)
    assert second.status()["state"] == "stopped"
    manager.stop(first.id)
    until(lambda: third.ended)
    assert third.status()["state"] == "finished"


def test_the_gradient_at_init_is_measured_while_a_run_is_training(manager: Manager) -> None:
    until(lambda: sum(worker.ready for worker in manager.dispatcher.workers) == 2)
    run = started(manager)
    preview = manager.find(manager.shared(experiment(steps=1, seed=77)))
    assert preview is not None
    until(lambda: preview.ended)
    assert preview.log.n == 1 and not run.ended
    assert manager.shared(experiment(steps=1, seed=77)) == preview.id
    manager.stop(run.id)
    until(lambda: run.ended)


def test_a_stored_run_is_found_again_by_a_new_server(manager: Manager) -> None:
    run_id = manager.submit(experiment())
    run = manager.find(run_id)
    assert run is not None
    until(lambda: run.ended)
    later = Manager(manager.store)
    again = later.find(run_id)
    assert again is not None
    assert again.log.n == 30 and again.status()["state"] == "finished"
    assert again.experiment == experiment()
    assert later.recent(5)[0]["run"] in manager.store.runs()


@pytest.mark.parametrize(
    "wrong", ["", "nonsense", "../../etc/passwd", "a" * 22, "x" * 5000, "\0" * 22]
)
def test_an_address_without_a_run_finds_nothing(manager: Manager, wrong: str) -> None:
    assert manager.find(wrong) is None


def test_an_experiment_too_large_for_the_machine_says_how_much_it_needs(manager: Manager) -> None:
    wide = Lane(family="plain", knobs={"backbone": "dense", "depth": 1202, "width": 4096})
    with pytest.raises(SpecError, match=r"needs about [\d.]+ GB of memory and [\d.]+ GB are free"):
        manager.submit(Experiment(lanes=[wide] * 4, steps=1))


def test_a_device_that_is_not_there_is_named(manager: Manager) -> None:
    missing = next(
        (
            key
            for key in ("mps", "cuda")
            if key not in {d["key"] for d in manager.dispatcher.devices()}
        ),
        None,
    )
    assert missing is not None
    with pytest.raises(SpecError, match=f"device '{missing}': not found here"):
        manager.submit(experiment(device=missing))


SERVER = """
import sys, time
from pathlib import Path
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from skipviz.core.experiment import Experiment
manager = Manager(Store(Path(sys.argv[1])), running=1)
manager.start()
run = manager.find(manager.submit(Experiment.from_json(sys.argv[2])))
while run.log.n < 20:
    time.sleep(0.01)
if sys.argv[3] == "paused":
    manager.control(run.id, "pause")
    while not run.status()["paused"]:
        time.sleep(0.01)
print(run.id, [w.process.pid for w in manager.dispatcher.workers if w.run][0], flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["training", "paused"])
def test_a_worker_whose_server_is_killed_saves_its_run_and_ends(tmp_path: Path, state: str) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path), experiment(steps=100_000).to_json(), state],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert server.stdout is not None
    run_id, pid = server.stdout.readline().split()
    worker = psutil.Process(int(pid))
    server.kill()
    server.wait()
    server.stdout.close()
    until(lambda: gone(worker))
    store = Store(tmp_path)
    status = store.status(run_id)
    assert status["state"] == "interrupted" and not status["paused"]
    assert FrameLog.open(store.folder(run_id) / "frames.arrow").n >= 20
    assert (store.folder(run_id) / "checkpoint.pt").is_file()


def test_a_run_is_saved_whose_worker_sees_the_broken_pipe_before_the_end_of_the_orders(
    tmp_path: Path,
) -> None:
    order = Train("r", experiment(steps=100_000).to_json(), str(tmp_path), resume=False)
    server_gone = threading.Event()
    reads, writes = os.pipe()
    os.close(reads)
    with open(writes, "wb", buffering=0) as out:
        session = Session(order, Control(), server_gone, out)
        session.run()
    assert session.status["state"] == "interrupted" and server_gone.is_set()
    assert (tmp_path / "checkpoint.pt").is_file()
    assert FrameLog.open(tmp_path / "frames.arrow").n == session.training.step


def test_a_finished_run_is_measured_by_a_worker_and_the_answer_is_kept(manager: Manager) -> None:
    run_id = manager.submit(experiment())
    run = manager.find(run_id)
    assert run is not None
    until(lambda: run.ended)
    value = manager.measure(run_id, "predictions", {"pictures": 5})
    assert len(value["labels"]) == 5 and value["step"] == 30
    kept = list((manager.store.folder(run_id) / "probes").iterdir())
    assert len(kept) == 1 and kept[0].name.startswith("predictions-")
    assert manager.measure(run_id, "predictions", {"pictures": 5}) == value


@pytest.mark.parametrize(
    ("key", "options", "sentence"),
    [
        ("nothing", {}, "probe 'nothing': must be one of"),
        ("predictions", {"cats": 1}, "option 'cats': this probe has no such option"),
        ("predictions", {"pictures": 0}, "pictures 0: must be a whole number from 1"),
    ],
)
def test_a_wrong_question_gets_one_sentence(
    key: str, options: dict[str, Any], sentence: str, manager: Manager
) -> None:
    with pytest.raises(SpecError, match=sentence):
        manager.measure("a" * 22, key, options)
