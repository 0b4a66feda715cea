"""The workers and what waits for them: gives orders, hears answers, replaces what is lost."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from typing import Any

import psutil

from skipviz.core import packages
from skipviz.core.placing import Placing
from skipviz.core.strict_json import numbers
from skipviz.server import orders
from skipviz.server.process import Worker
from skipviz.server.run import Run
from skipviz.store import answers
from skipviz.store.store import ENDED, write_json

KEPT = 64
"""So many runs stay in memory; an older one is read from its folder again when somebody asks."""
KEPT_BYTES = 8 * 2**20
"""The frames of finished runs take no more: those of runs asked for longest ago rest on disk."""


class Dispatcher:
    """Warm worker processes, one more than may train at a time, and the runs and measurements that
    wait for one.

    The spare one answers what must not wait: gradients at init, the picture on Home.
    """

    def __init__(self, running: int | None = None) -> None:
        cores = psutil.cpu_count(logical=False) or 1
        self.running = running or int(os.environ.get("SKIPVIZ_RUNNING", 0)) or max(1, cores - 1)
        self.trouble = ""
        self._lock = threading.RLock()
        self._workers: list[Worker] = []
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._queue: list[Run] = []
        self._jobs: list[answers.Job] = []
        self._closing = False

    # --- life of the server

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves. None without torch:
        none could train."""
        if packages.untrainable():
            return
        with self._lock:
            while len(self._workers) < self.running + 1 and not self._closing:
                self._workers.append(Worker(self._heard, self._lost))

    def close(self, patience_s: float = 5.0) -> None:
        """Lets every worker save and go; kills what has not gone in time."""
        with self._lock:
            self._closing = True
            workers = list(self._workers)
        for worker in workers:
            worker.close()
        until = time.monotonic() + patience_s
        for worker in workers:
            worker.thread.join(max(0.1, until - time.monotonic()))
            if worker.thread.is_alive():
                worker.kill()
                worker.thread.join(1)

    @property
    def closing(self) -> bool:
        """Is it over: will no order be given any more?"""
        return self._closing

    @property
    def ready(self) -> bool:
        """Is at least one worker warm?"""
        return any(worker.ready for worker in self._workers)

    def devices(self) -> list[dict[str, Any]]:
        """The devices that a warm worker found; empty while the first is warming up."""
        for worker in self._workers:
            if worker.ready:
                devices: list[dict[str, Any]] = worker.hello["devices"]
                return devices
        return []

    def placing(self) -> Placing:
        """Where `auto` trains here, as a warm worker says; before, what holds of a CPU alone."""
        ready = next((worker for worker in self._workers if worker.ready), None)
        return Placing() if ready is None else Placing.from_json(ready.hello["placing"])

    # --- inside

    def _keep(self, run: Run) -> None:
        """Remembers a run and forgets the oldest that has ended."""
        self._runs[run.id] = run
        ended = [other.id for other in self._runs.values() if other.ended]
        for run_id in ended[: max(0, len(self._runs) - KEPT)]:
            del self._runs[run_id]
        self._lighten()

    def _lighten(self) -> None:
        """Lets the runs that were asked for longest ago rest, while all take too much memory."""
        taken = sum(run.nbytes for run in self._runs.values())
        for run in list(self._runs.values())[:-1]:
            if taken <= KEPT_BYTES:
                return
            had = run.nbytes
            run.rest()
            taken -= had - run.nbytes

    def _status(self, run: Run, **status: Any) -> None:
        """Changes a run's status, on disk too where it is stored."""
        run.tell(**status)
        if run.folder is not None:
            me = psutil.Process()
            worker = {"pid": me.pid, "started": me.create_time()}
            write_json(run.folder / "status.json", run.status() | {"worker": worker})

    def _dispatch(self) -> None:
        """Gives waiting runs to idle warm workers: stored runs as many as may train, shared ones
        to any."""
        with self._lock:
            while self._jobs and (idle := self._idle()) is not None:
                idle.job = self._jobs.pop(0)
                idle.order(**idle.job.ask)
            busy = sum(1 for w in self._workers if w.run_id and self._stored(w.run_id))
            for run in list(self._queue):
                idle = self._idle()
                if idle is None:
                    break
                if run.folder is not None and busy >= self.running:
                    continue
                self._queue.remove(run)
                busy += run.folder is not None
                idle.run_id = run.id
                idle.order(**orders.training(run))
                while run.told:
                    idle.order(**run.told.pop(0))
            self._tell_waiting()

    def _tell_waiting(self) -> None:
        """Says to the runs that wait which place they have, and whether the way is blocked."""
        training = [self._runs.get(worker.run_id or "") for worker in self._workers]
        paused = any(run is not None and run.status().get("paused") for run in training)
        waiting = [run for run in self._queue if run.folder is not None]
        for place, run in enumerate(waiting, 1):
            where = f"place {place} in the queue" if self.ready else "a worker is warming up"
            run.tell(message=f"{where}; {orders.BLOCKED}" if paused else where)

    def _idle(self) -> Worker | None:
        """A warm worker with nothing to do."""
        return next((w for w in self._workers if w.ready and not w.run_id and not w.job), None)

    def _stored(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.folder is not None

    def _heard(self, worker: Worker, kind: bytes, payload: bytes) -> None:
        """A worker's message, in its thread."""
        if kind == b"H":
            self.trouble = ""
            self._dispatch()
            return
        if kind == b"P" and worker.job is not None:
            job, worker.job = worker.job, None
            job.end(numbers(json.loads(payload)))
            self._dispatch()
            return
        run = self._runs.get(worker.run_id or "")
        if run is None:
            return
        if kind == b"A":
            run.add(payload)
            return
        status = json.loads(payload)
        if status.pop("run") != run.id:
            return
        if status["state"] in ENDED:
            with self._lock:
                worker.run_id = None
        turned = status.get("paused", False) != run.status().get("paused", False)
        run.hear({"message": ""} | status)
        if run.ended:
            self._dispatch()
        elif turned:
            with self._lock:
                self._tell_waiting()

    def _lost(self, worker: Worker) -> None:
        """A worker's process is gone: its run is interrupted (or stopped, if that is why), and
        another takes its place."""
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
            run = self._runs.get(worker.run_id or "")
            job, worker.run_id, worker.job = worker.job, None, None
        if job is not None:
            job.end({"error": "probe: the worker was lost; try again"})
        if run is not None and not run.ended:
            state = "stopped" if run.stopping else "interrupted"
            step = run.status().get("step", 0)
            word = "stopped" if state == "stopped" else "its worker was lost"
            self._status(run, state=state, message=f"{word} after {step} steps", paused=False)
        if not worker.ready and not self._closing:
            self.trouble = "a worker could not start; `python -m skipviz doctor` says what is wrong"
            return
        self.start()
        self._dispatch()

    def _insist(self, worker: Worker, run: Run, breaks: int) -> None:
        """Kills a worker that is still at a run it was told to stop, unless it went on since."""
        with self._lock:
            if self._runs.get(worker.run_id or "") is not run or run.breaks != breaks:
                return
            run.stopping = True
        worker.kill()
