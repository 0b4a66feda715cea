"""A run as the web process sees it: its frames so far, its status, and a bell that rings on every
change."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Unpack, cast

from skipviz.core import events
from skipviz.core.events import Event
from skipviz.core.experiment import Change, Experiment
from skipviz.core.protocol import ENDED, SetValue, Status, Steer
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import read_json, this_process, write_json

STATUS = "status.json"


class Run:
    """One run, stored (`folder`) or only in memory (a measurement at init, the picture on Home).

    Written by the thread that reads the worker's pipe; read by pages and by the event loop.

    rests    whether its frames are read from its folder only when somebody wants them
    breaks   how often it was broken off and went on
    orders   how many it was given since; its status says how many its worker has `heard`
    early_orders   that it was given in the queue
    """

    def __init__(
        self,
        run_id: str,
        experiment: Experiment,
        folder: Path | None,
        log: FrameLog | None = None,
        rests: bool = False,
    ) -> None:
        self.id = run_id
        self.experiment = experiment
        self.folder = folder
        self._log = None if rests else log or FrameLog()
        self._opening = threading.Lock()
        self.version = 0
        self.stopping = False
        self.breaks = self.orders = 0
        self.early_orders: list[Steer | SetValue] = []
        self._status: Status = {"state": "queued", "steps": experiment.steps, "step": 0}
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def status(self) -> Status:
        """How it is now, for everybody who looks: without its worker's process."""
        with self._lock:
            status = self._status.copy()
        status.pop("worker", None)
        return status

    @property
    def ended(self) -> bool:
        return self.status()["state"] in ENDED

    @property
    def log(self) -> FrameLog:
        """The frames so far; those of a run that rests are read from its folder again."""
        with self._opening:
            if self._log is None:
                assert self.folder is not None
                self._log = FrameLog.open(self.folder / "frames.arrow")
            return self._log

    @property
    def nbytes(self) -> int:
        """The memory that its frames take just now."""
        log = self._log
        return log.nbytes if log is not None else 0

    def rest(self) -> None:
        """Lets go of the frames of a stored run that has finished: they lie in its folder."""
        if self.folder is not None and self.status()["state"] == "finished":
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

    def begin_again(self) -> None:
        """The run goes on in another worker, which repeats what came after its checkpoint."""
        self.log.drop_half()
        self.stopping, self.orders, self.early_orders = False, 0, []
        self.breaks += 1
        with self._lock:
            self._status |= {"paused": False, "pace": 0.0, "heard": 0}

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
