"""Worker, server, or both are killed at any moment, and a disk is full: no frame that was written
is lost, the index is right, and nothing else is damaged."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import ENDED, Train
from skipviz.server.manager import Manager
from skipviz.store.frame_log import FrameLog
from skipviz.store.history import Entry, History, Query
from skipviz.store.store import Store
from skipviz.worker.control import Control
from skipviz.worker.session import Session
from tests.runs.test_manager import experiment, gone, started, until, worker_of

pytestmark = pytest.mark.slow

SERVER = """
import sys, time
from pathlib import Path
from skipviz.core import child_processes
from skipviz.core.experiment import Experiment
from skipviz.server.manager import Manager
from skipviz.store import run_marks
from skipviz.store.history import History
from skipviz.store.store import Store

WORKER = (  # that saves its weights all the time, so that it is killed while it does
    "from skipviz.worker import session; session.CHECKPOINT_S = 0.05;"
    " from skipviz.worker.__main__ import main; main()"
)
command = child_processes.command
child_processes.command = lambda *words: (
    command("-c", WORKER) if words == ("-m", "skipviz.worker") else command(*words)
)
root, json, run_id = sys.argv[1:4]
store = Store(Path(root))
manager = Manager(store, running=1)
manager.start()
while not manager.dispatcher.ready:
    time.sleep(0.01)
if run_id:
    manager.resume(run_id)
else:
    run_id = manager.submit(Experiment.from_json(json))
run = manager.find(run_id)
known = run.log.n
while run.log.n <= known or run.status()["state"] != "running":
    time.sleep(0.01)
(pid,) = [w.process.pid for w in manager.dispatcher.workers if w.run is run]
print(run_id, pid, flush=True)
turn = 0
while True:
    turn += 1
    run_marks.mark(store, run_id, note=f"looked at {turn} times")
    History(store).refresh()
"""
ENDLESS = Experiment(
    lanes=[Lane(family=family, knobs={"backbone": "dense", "depth": 4, "width": 8})
           for family in ("plain", "resnet")],
    steps=1_000_000, batch_size=8, device="cpu",
)  # fmt: skip


@dataclass
class Crashes:
    """A store whose servers and workers are killed, and what was seen in it.

    losses   of each run that was trained: of every step, by step
    """

    root: Path
    rng: random.Random
    losses: dict[str, dict[int, float]] = field(default_factory=dict)

    def kill(self, what: str) -> None:
        """One try: a run is begun, or taken up again, and `what` is killed in it."""
        store = Store(self.root)
        known = [*self.losses, *[""] * 3]
        others_of = {each: _files(store.folder(each)) for each in self.losses}
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.root), ENDLESS.to_json(),
             self.rng.choice(known)],
            stdout=subprocess.PIPE, encoding="utf-8", cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert server.stdout is not None
        run_id, pid = server.stdout.readline().split()
        worker, children = psutil.Process(int(pid)), psutil.Process(server.pid).children()
        time.sleep(self.rng.uniform(0, 1))
        frames = store.folder(run_id) / "frames.arrow"
        flushed = FrameLog.open(frames).n
        for process in {"worker": [worker], "server": [server], "both": [worker, server]}[what]:
            process.kill()
        if what == "worker":
            until(lambda: store.status(run_id)["state"] in ENDED)
            server.kill()
        server.wait()
        server.stdout.close()
        until(lambda: all(map(gone, children)))
        others_of.pop(run_id, None)
        self._check(store, run_id, flushed)
        assert others_of == {each: _files(store.folder(each)) for each in others_of}

    def _check(self, store: Store, run_id: str, flushed: int) -> None:
        folder = store.folder(run_id)
        log = FrameLog.open(folder / "frames.arrow")
        steps = log.column("step")
        assert log.n >= flushed, f"{flushed - log.n} frames are lost"
        assert steps.tolist() == list(range(log.n))
        losses = dict(zip(steps.tolist(), log.lane(1, "loss")[:, 0, 0].tolist(), strict=True))
        for step, loss in self.losses.setdefault(run_id, losses).items():
            assert losses.get(step, loss) == loss, f"step {step} came out otherwise"
        self.losses[run_id] |= losses
        assert store.experiment(run_id) == ENDLESS and store.status(run_id)["state"] in ENDED
        if (folder / "checkpoint.pt").is_file():
            state = torch.load(folder / "checkpoint.pt", weights_only=True)
            assert 0 < state["step"] <= log.n
        entries = _entries(History(store))
        assert run_id in [entry.id for entry in entries]
        anew = History(store)
        anew.path = store.root / "anew.sqlite"
        assert _entries(anew) == entries
        for path in store.root.glob("anew.sqlite*"):
            path.unlink()


def _files(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _entries(history: History) -> list[Entry]:
    history.refresh()
    return history.find(Query(), limit=1000).entries


@pytest.mark.parametrize("what", [pytest.param("worker", marks=pytest.mark.long), "server", "both"])
def test_no_flushed_frame_is_lost_to_a_kill(what: str, tmp_path: Path) -> None:
    crashes = Crashes(tmp_path, random.Random(what))
    crashes.kill(what)


@pytest.mark.long
def test_no_flushed_frame_is_lost_to_a_hundred_kills(tmp_path: Path) -> None:
    rng = random.Random(0)
    crashes = Crashes(tmp_path, rng)
    for _ in range(100):
        crashes.kill(rng.choice(["worker", "server", "both"]))
    assert 10 < len(crashes.losses) < 100, "some runs are new, some are taken up again"


# --- a full disk


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process's files")
def test_a_disk_that_is_full_ends_a_run_with_a_sentence_and_all_its_frames(
    manager: Manager,
) -> None:
    import resource

    run = started(manager)
    frames = manager.store.folder(run.id) / "frames.arrow"
    pid = worker_of(manager, run)
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    limit = frames.stat().st_size + 10_000
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    until(lambda: run.ended)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    status = run.status()
    assert status["state"] == "interrupted"
    assert status["message"].startswith("the disk is full: the frames of ")
    log = FrameLog.open(frames)
    assert log.n == run.log.n == status["step"] > 0
    assert log.whole_bytes == frames.stat().st_size <= limit, "no half batch is left"
    stored = Store(manager.store.root).status(run.id)
    assert (stored["state"], stored["message"]) == (status["state"], status["message"])
    assert not list(frames.parent.glob("*half*"))
    manager.resume(run.id)
    until(lambda: run.log.n > log.n + 20)
    manager.stop(run.id)
    until(lambda: run.ended)
    np.testing.assert_array_equal(run.log.column("step"), np.arange(run.log.n))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_disk_that_is_full_from_the_first_frame_on_is_said_in_the_same_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "frames.arrow").symlink_to("/dev/full")
    order = Train("r", experiment(steps=5).to_json(), str(tmp_path), resume=False)
    session = Session(order, Control(), threading.Event(), BytesIO())
    session.run()
    assert session.status["state"] == "interrupted"
    assert session.status["message"].startswith("the disk is full: the frames of 0 steps are kept")


@pytest.mark.skipif(sys.platform == "win32", reason="processes that nobody asks how they ended")
def test_a_worker_that_is_dead_and_was_not_asked_how_it_ended_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.create(run_id := store.new_id(), ENDLESS)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        mark = {"pid": worker.pid, "started": psutil.Process(worker.pid).create_time()}
        write_json(folder / "status.json", {"state": "running", "worker": mark})
        assert store.status(run_id)["state"] == "running"
        worker.kill()
        until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_ZOMBIE)
        assert store.status(run_id)["state"] == "interrupted"
