"""The warm worker processes: started, replaced, ended."""

from __future__ import annotations

import threading
import time
from functools import partial

from skipviz.core import packages
from skipviz.core.placing import Placing
from skipviz.core.protocol import Device, Hello
from skipviz.server.process import AnyWorker, NewWorker, OnEnd, OnReport


class Pool:
    """So many workers, as long as it is not closed.

    size      how many there are
    workers   those that there are now; a new list whenever one comes or goes
    """

    def __init__(
        self,
        size: int,
        on_report: OnReport,
        on_end: OnEnd,
        new_worker: NewWorker,
    ) -> None:
        self.size = size
        self.workers: list[AnyWorker] = []
        self.closing = False
        self._new_worker = partial(new_worker, on_report, on_end)
        self._lock = threading.Lock()

    def fill(self) -> None:
        """Starts the workers that are missing; returns at once, they warm up by themselves. None
        without torch: none could train."""
        if packages.untrainable():
            return
        with self._lock:
            while len(self.workers) < self.size and not self.closing:
                self.workers = [*self.workers, self._new_worker()]

    def lost(self, worker: AnyWorker) -> None:
        """This one is gone."""
        with self._lock:
            self.workers = [each for each in self.workers if each is not worker]

    def close(self, patience_s: float) -> None:
        """Lets every worker save and go; kills what has not gone in time."""
        with self._lock:
            self.closing = True
            workers = list(self.workers)
        for worker in workers:
            worker.close()
        until = time.monotonic() + patience_s
        for worker in workers:
            worker.thread.join(max(0.1, until - time.monotonic()))
            if worker.thread.is_alive():
                worker.kill()
                worker.thread.join(1)

    @property
    def idle(self) -> AnyWorker | None:
        """A warm worker that has nothing to do."""
        return next((worker for worker in self.workers if worker.idle), None)

    @property
    def hello(self) -> Hello | None:
        """What a warm worker said first; None while none is warm."""
        return next((worker.hello for worker in self.workers if worker.hello is not None), None)

    def devices(self) -> list[Device]:
        """The devices that a warm worker found; empty while the first is warming up."""
        hello = self.hello
        return [] if hello is None else hello.devices

    def placing(self) -> Placing:
        """Where `auto` trains here, as a warm worker says; before, what holds of a CPU alone."""
        hello = self.hello
        return Placing() if hello is None else Placing.from_json(hello.placing)
