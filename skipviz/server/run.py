"""A run as the web process sees it: its frames so far, its status, and a bell that rings on every
change."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Unpack, cast

from skipviz.core import events
from skipviz.core.budgets import Change
from skipviz.core.events import Event
from skipviz.core.experiment import Experiment
from skipviz.core.protocol import ENDED, OrderKind, SetValue, Status, Steer
from skipviz.server.needs import Needs, needs
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import (
    machine_name,
    read_json,
    this_process,
    write_experiment,
    write_json,
)

STATUS = "status.json"


class Run:
    """One run, stored (`folder`) or only in memory (a measurement at init, the picture on Home).

    Written by the thread that reads the worker's pipe; read by pages and by the event loop.

    rests    whether its frames are read from its folder only when somebody wants them
    breaks   how often it was broken off and went on
    orders   how many it was given since; its status says how many its worker has `heard`
    early_orders   that it was given in the queue
    guest      who began it; "" for the lecturer
    gives_way  whether its worker was told to leave it for others, until it is taken up again
    wants_pause   whether it is to stand still, as it was ordered last
    ending     whether its worker was told to stop it
    why_ended  the sentence with which it ends then; "" for its worker's own
    trained_s  seconds that it had a worker, those before `began_at` (None: it has none now)
    """

    def __init__(
        self,
        run_id: str,
        experiment: Experiment,
        folder: Path | None,
        rests: bool = False,
    ) -> None:
        self.id = run_id
        self.experiment = experiment
        self.folder = folder
        frames = None if folder is None else folder / "frames.arrow"
        self._log = None if rests else FrameLog(frames)
        self._opening = threading.Lock()
        self.version = 0
        self.stopping = False
        self.breaks = self.orders = 0
        self.early_orders: list[Steer | SetValue] = []
        self.guest = ""
        self.gives_way = self.wants_pause = self.ending = False
        self.why_ended = ""
        self.trained_s = 0.0
        self.began_at: float | None = None
        self._sent: list[Steer | SetValue] = []
        self._needs: Needs | None = None
        self._machine = ""
        self._viewers, self._seen_at = 0, time.monotonic()
        self._status: Status = {"state": "queued", "steps": experiment.steps, "step": 0}
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def status(self) -> Status:
        """How it is now, for everybody who looks: without its worker's process."""
        with self._lock:
            status = self._status.copy()
        status.pop("worker", None)
        if self.folder is not None and not self._machine and "device" in status:
            self._machine = machine_name(self.folder, status["device"])
        return {**status, "machine": self._machine} if self._machine else status

    @property
    def ended(self) -> bool:
        return self.status()["state"] in ENDED

    @property
    def needs(self) -> Needs:
        """What it takes to train it; worked out once."""
        if self._needs is None:
            self._needs = needs(self.experiment)
        return self._needs

    def viewer_came(self) -> None:
        """Somebody watches it, until `viewer_left`."""
        with self._lock:
            self._viewers += 1

    def viewer_left(self) -> None:
        with self._lock:
            self._viewers -= 1
            self._seen_at = time.monotonic()

    def seen(self) -> None:
        """A page showed it just now."""
        self._seen_at = time.monotonic()

    @property
    def unwatched_s(self) -> float:
        """For how many seconds nobody has watched it."""
        return 0.0 if self._viewers else time.monotonic() - self._seen_at

    @property
    def with_worker_s(self) -> float:
        """For how many seconds it has had a worker."""
        now = 0.0 if self.began_at is None else time.monotonic() - self.began_at
        return self.trained_s + now

    def got_worker(self) -> None:
        """A worker trains it from now on."""
        self.began_at = time.monotonic()

    def lost_worker(self) -> None:
        """No worker trains it any more."""
        self.trained_s, self.began_at = self.with_worker_s, None

    @property
    def log(self) -> FrameLog:
        """The frames so far; those of a run that rests are read from its folder again."""
        with self._opening:
            if self._log is None:
                assert self.folder is not None
                frames = self.folder / "frames.arrow"
                there = frames.is_file() and frames.stat().st_size > 0
                self._log = FrameLog.open(frames) if there else FrameLog(frames)
            return self._log

    @property
    def nbytes(self) -> int:
        """The memory that its frames take just now."""
        log = self._log
        return log.nbytes if log is not None else 0

    def rest(self) -> None:
        """Lets go of the frames of a stored run that is over: they lie in its folder. Not while
        somebody watches it, who would need them again at once."""
        if self.folder is not None and self.ended and not self._viewers:
            with self._opening:
                self._log = None

    def update(self, **status: Unpack[Status]) -> None:
        """Changes the status and rings."""
        with self._lock:
            self._status |= status
        self.ring()

    def save_status(self, **status: Unpack[Status]) -> None:
        """Changes the status, in the run's folder too where it is stored."""
        before = self.status()["state"]
        self.update(**status)
        self._tell(before if status.get("state") != "queued" else "")
        if self.folder is not None:
            write_json(self.folder / STATUS, {**self.status(), "worker": this_process()})

    def update_from_worker(self, status: Status) -> None:
        """Takes what the worker says; a learning rate that was changed is the experiment's."""
        if "changes" in status:
            changes = tuple(Change(**change) for change in status["changes"])
            if changes != self.experiment.changes:
                self.experiment = self.experiment.with_(changes=changes)
        before = self.status()["state"]
        self.update(**status)
        self._tell(before)

    def hear_last_words(self) -> None:
        """A worker that was left by its server writes how its run ended into the run's folder
        alone."""
        written = cast(Status, {} if self.folder is None else read_json(self.folder / STATUS))
        written.pop("worker", None)
        if written.get("state") in ENDED:
            self.update_from_worker(written)

    def _tell(self, before: str) -> None:
        """A stored run that is in another state than `before` is told of."""
        now = self.status()
        if self.folder is not None and now["state"] != before:
            events.tell(Event.RUN, outcome=now["state"], run=self.id, step=now.get("step", 0))

    def train_longer(self, experiment: Experiment) -> None:
        """Its experiment has more steps from now on, in its folder too."""
        assert self.folder is not None
        write_experiment(self.folder, experiment)
        self.experiment = experiment
        self.update(steps=experiment.steps)

    def begin_again(self) -> None:
        """The run goes on in another worker, which repeats what came after its checkpoint."""
        self.log.drop_half()
        self.stopping, self.orders, self.early_orders, self._sent = False, 0, [], []
        self.gives_way, self.ending, self.why_ended = False, False, ""
        self.breaks += 1
        with self._lock:
            self._status |= {"paused": False, "pace": 0.0, "heard": 0}

    def note(self, order: Steer | SetValue) -> None:
        """Remembers an order that was given: what it asks for holds after a change of workers."""
        if isinstance(order, Steer):
            self.wants_pause = order.do is not OrderKind.RESUME
        self._sent.append(order)

    def give_way(self) -> None:
        """Its worker has left it for others' sake: it will go on where it was, at the pace that was
        asked for, paused where that was asked for, with what its worker had not heard."""
        status = self.status()
        unheard = [order for order in self._sent if order.number > status.get("heard", 0)]
        pace, paused = status.get("pace", 0.0), self.wants_pause
        self.begin_again()
        self.wants_pause = paused
        early: list[Steer | SetValue] = []
        if pace:
            early.append(SetValue(OrderKind.PACE, self.id, pace))
        if paused and not any(isinstance(order, Steer) for order in unheard):
            early.append(Steer(OrderKind.PAUSE, self.id))
        for order in [*early, *unheard]:
            self.orders += 1
            self.early_orders.append(replace(order, number=self.orders))
        with self._lock:
            self._status |= {"paused": paused, "pace": pace}

    def add(self, data: bytes) -> None:
        """Appends Arrow bytes from the worker and rings."""
        self.log.append_bytes(data)
        self.ring()

    def ring(self) -> None:
        with self._lock:
            self.version += 1
            waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:  # the loop of a viewer that is gone
                continue

    async def changed(self, version: int) -> int:
        """Waits until there is something newer than `version`; the version that is there then."""
        while True:
            loop = asyncio.get_running_loop()
            with self._lock:
                if self.version > version:
                    return self.version
                future: asyncio.Future[None] = loop.create_future()
                self._waiters.append((loop, future))
            await future


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
