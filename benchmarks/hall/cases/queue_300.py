"""300 runs of 60 guests wait while workers are killed at random, 30 times: how many runs are lost,
there twice, or broken off for good; and the longest wait of all, over a fair share.

The queue and its workers are the server's own; guests have names in place of browsers. Ten guests
come first and ask for all their runs at once. A guest's fair share: his second run begins no later
than it takes this server to begin two runs of everybody. A run that was interrupted is taken up
again by its guest after all others; its frames must be whole.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from pathlib import Path

import psutil

from benchmarks.hall.row import Row
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.limits import Limits
from skipviz.server.manager import Manager
from skipviz.server.orders import goes_on
from skipviz.server.run import Run
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store

GUESTS, RUNS_OF_EACH, KILLS, CANCELLED, GREEDY = 60, 5, 30, 10, 10
STEPS = 60
PATIENCE_S = 1800.0


class Hall:
    """The runs of all guests, and when each began."""

    def __init__(self, manager: Manager, guests: int) -> None:
        self.manager, self.guests = manager, guests
        self.chance = random.Random(0)
        self.runs: dict[str, list[Run]] = {}
        self.asked_at: dict[str, float] = {}
        self.began_at: dict[str, float] = {}
        self.kills = 0

    def ask(self) -> None:
        """The greedy ones for all at once; then the others, one run after the other."""
        guests = [f"browser {number}" for number in range(self.guests)]
        greedy, others = guests[: self.guests * GREEDY // GUESTS], guests
        for guest in greedy:
            for _ in range(RUNS_OF_EACH):
                self._ask(guest)
        for _ in range(RUNS_OF_EACH):
            for guest in others:
                if len(self.runs.get(guest, [])) < RUNS_OF_EACH:
                    self._ask(guest)

    def _ask(self, guest: str) -> None:
        lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 6})
        seed = sum(map(len, self.runs.values()))
        experiment = Experiment(lanes=[lane], data="digits", steps=STEPS, seed=seed, device="cpu")
        run = self.manager.find(self.manager.submit(experiment, guest))
        assert run is not None
        self.asked_at[run.id] = time.monotonic()
        self.runs.setdefault(guest, []).append(run)

    def all(self) -> list[Run]:
        return [run for runs in self.runs.values() for run in runs]

    def watch(self) -> None:
        """Notes when each run begins, until all have ended."""
        until = time.monotonic() + PATIENCE_S
        while any(not run.ended for run in self.all()) and time.monotonic() < until:
            self._note()
            time.sleep(0.005)
        self._note()

    def _note(self) -> None:
        for run in self.all():
            if run.id not in self.began_at and (run.began_at or run.trained_s):
                self.began_at[run.id] = run.began_at or time.monotonic()

    def kill_some(self, kills: int, over: threading.Event) -> None:
        """Kills a worker now and then: one that trains, where there is one."""
        while self.kills < kills and not over.wait(self.chance.uniform(0.2, 1.0)):
            workers = [each for each in self.manager.dispatcher.workers if each.ready]
            training = [each for each in workers if each.run is not None] or workers
            if training:
                psutil.Process(self.chance.choice(training).process.pid).kill()
                self.kills += 1

    def take_up(self) -> None:
        """Every guest resumes his runs that were interrupted. Of so many the server holds some in
        memory no more: what it has of them then is another object."""
        for runs in self.runs.values():
            for number, run in enumerate(runs):
                if run.status()["state"] == "interrupted":
                    self.manager.resume(run.id, run.guest)
                    again = self.manager.find(run.id)
                    assert again is not None
                    runs[number] = again

    def worst_share(self) -> float:
        """The longest wait of a guest's k-th run, over the time in which k runs of all began."""
        begins = sorted(self.began_at.values())
        first = min(self.asked_at.values())
        worst = 0.0
        for runs in self.runs.values():
            began = [run for run in runs if run.id in self.began_at]
            for k, run in enumerate(began, 1):
                fair_s = begins[min(k * len(self.runs), len(begins)) - 1] - first
                wait_s = self.began_at[run.id] - self.asked_at[run.id]
                worst = max(worst, wait_s / max(fair_s, 0.001))
        return worst


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, with a queue of its own whose runs lie in `folder`."""
    share = 10 if quick else 1
    limits = Limits(guest_runs=RUNS_OF_EACH, waiting=GUESTS * RUNS_OF_EACH, lease_minutes=600)
    manager = Manager(Store(folder), running=1, limits=limits)
    manager.start()
    try:
        hall = Hall(manager, GUESTS // share)
        hall.ask()
        over = threading.Event()
        killing = threading.Thread(target=hall.kill_some, args=(KILLS // share, over))
        killing.start()
        for run in hall.chance.sample(hall.all(), CANCELLED // share):
            manager.stop(run.id)
        hall.watch()
        over.set()
        killing.join()
        share_of_worst = hall.worst_share()
        lost = _lost(hall, folder)
    finally:
        manager.close()
    return [Row("queue-300-lost", 0.0, lost), Row("queue-300-wait", 2.0, share_of_worst)]


def _lost(hall: Hall, folder: Path) -> int:
    """Runs that are lost, there twice, broken off for good, or not whole when they have gone on."""
    hall.take_up()
    hall.watch()
    ids = [run.id for run in hall.all()]
    wrong = len(ids) - len(set(ids)) + len(set(Store(folder).runs()) ^ set(ids))
    for run in hall.all():
        why = _wrong_with(run, folder)
        if why:
            print(f"run {run.id}: {why}", file=sys.stderr)
        wrong += bool(why)
    return wrong


def _wrong_with(run: Run, folder: Path) -> str:
    """Why a run is not as it should be at the end; empty where it is."""
    status = run.status()
    state, step = status["state"], status.get("step", 0)
    if state == "stopped":
        return "" if step < STEPS and goes_on(run) else f"stopped after {step} steps for good"
    if state != "finished":
        return f"{state} after {step} steps: {status.get('message')}"
    log = FrameLog.open(Store(folder).folder(run.id) / "frames.arrow")
    return "" if log.column("step").tolist() == list(range(STEPS)) else f"{log.n} frames"
