"""Owns the workers and the queue: submit, stop, find. One for each server, made by its lifespan.

A run belongs to nobody's tab: it is found by its id, from any browser, and goes on until it ends,
is stopped, or its budget is used up.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from typing import Any

import psutil

from skipviz.datafiles.find import missing
from skipviz.declarations import probe
from skipviz.knob import show
from skipviz.runs import capacity, measure
from skipviz.runs.frames import FrameLog
from skipviz.runs.live import Run
from skipviz.runs.process import Worker
from skipviz.runs.store import ENDED, Store, write_json
from skipviz.spec import Experiment, SpecError

STOP_S = 0.7
"""A worker that has not stopped by itself after this long (one step may take seconds) is killed."""

KEPT = 64
"""So many runs stay in memory; an older one is read from its folder again when somebody asks."""

QUEUE = 20


class Manager:
    """Runs experiments in warm worker processes, one more process than may train at a time.

    The spare one answers what must not wait: gradients at init, the picture on Home.
    """

    def __init__(self, store: Store | None = None, running: int | None = None) -> None:
        self.store = store or Store()
        cores = psutil.cpu_count(logical=False) or 1
        self.running = running or int(os.environ.get("SKIPVIZ_RUNNING", 0)) or max(1, cores - 1)
        self.trouble = ""
        self._lock = threading.RLock()
        self._workers: list[Worker] = []
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._shared: dict[str, str] = {}
        self._queue: list[Run] = []
        self._jobs: list[measure.Job] = []
        self._jobs_so_far = 0
        self._closing = False

    # --- life of the server

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves."""
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

    # --- what pages ask for

    def submit(self, experiment: Experiment) -> str:
        """Queues a stored run and returns its id. SpecError where it cannot run here."""
        self._fits(experiment)
        with self._lock:
            if len(self._queue) >= QUEUE:
                raise SpecError(f"queue: {QUEUE} runs are waiting already; try again in a minute")
            run_id = self.store.new_id()
            folder = self.store.create(run_id, experiment)
            run = Run(run_id, experiment, folder)
            self._status(run, state="queued")
            self._keep(run)
            self._queue.append(run)
        self._dispatch()
        return run_id

    def shared(self, experiment: Experiment) -> str:
        """The id of a run that is kept in memory and shared by all who ask for the same
        experiment."""
        key = experiment.to_json()
        with self._lock:
            known = self._runs.get(self._shared.get(key, ""))
            if known is not None and known.status()["state"] not in ("failed", "interrupted"):
                self._runs.move_to_end(known.id)
                return known.id
            self._fits(experiment)
            run = Run(self.store.new_id(), experiment, None)
            self._shared[key] = run.id
            self._keep(run)
            self._queue.append(run)
        self._dispatch()
        return run.id

    def stop(self, run_id: str) -> None:
        """Ends a run within a second; a run that has ended stays as it is."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None or run.ended:
                return
            if run in self._queue:
                self._queue.remove(run)
                self._status(run, state="stopped", message="stopped while it was waiting")
                return
            workers = [worker for worker in self._workers if worker.run_id == run_id]
        for worker in workers:
            worker.order(do="stop", run=run_id)
            timer = threading.Timer(STOP_S, self._insist, (worker, run))
            timer.daemon = True
            timer.start()

    def find(self, run_id: str) -> Run | None:
        """The run with this id, from memory or from its folder; None where there is none."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None:
                self._runs.move_to_end(run_id)
                return run
        try:
            experiment = self.store.experiment(run_id)
        except SpecError:
            return None
        return self._load(run_id, experiment)

    def measure(
        self, run_id: str, key: str, options: dict[str, Any], turn: int = 0
    ) -> dict[str, Any]:
        """What a probe says of a stored run's newest weights, of its seed number `turn`. Waits;
        SpecError where it cannot be.

        Answered by an idle worker (there is one more than may train) and kept with the run.
        """
        declared = probe(key)
        options = declared.options(options)
        run = self.find(run_id)
        if run is None or run.folder is None:
            raise SpecError(f"run {show(run_id)}: there is no such stored run")
        known = measure.kept(run.folder, key, options, turn)
        if known is not None:
            return known
        with self._lock:
            self._jobs_so_far += 1
            job = measure.Job(self._jobs_so_far, run.folder, key, options, turn)
            self._jobs.append(job)
        self._dispatch()
        if not job.done.wait(measure.WAIT_S):
            raise SpecError(f"probe {show(key)}: no worker answered within {measure.WAIT_S:g} s")
        if "error" in job.answer:
            raise SpecError(job.answer["error"])
        value: dict[str, Any] = job.answer["value"]
        measure.keep(run.folder, key, declared, options, turn, value)
        return value

    def recent(self, most: int) -> list[dict[str, Any]]:
        """The newest stored runs: id, experiment, state, step. What cannot be read is left out."""
        found = []
        for run_id in self.store.runs()[:most]:
            try:
                experiment = self.store.experiment(run_id)
            except SpecError:
                continue
            run = self._runs.get(run_id)
            status = run.status() if run else self.store.status(run_id)
            found.append({"run": run_id, "experiment": experiment, **status})
        return found

    # --- inside

    def _fits(self, experiment: Experiment) -> None:
        absent = missing(experiment.data)
        if absent:
            raise SpecError(absent)
        devices = {device["key"]: device for device in self.devices()}
        wanted = next(iter(devices), "cpu") if experiment.device == "auto" else experiment.device
        if devices and wanted not in devices:
            raise SpecError(
                f"device '{wanted}': not found here; there is {', '.join(['auto', *devices])}"
            )
        card = devices.get(wanted) if wanted == "cuda" else None
        capacity.check(experiment, card["free"] if card else None)

    def _keep(self, run: Run) -> None:
        """Remembers a run and forgets the oldest that has ended."""
        self._runs[run.id] = run
        ended = [other.id for other in self._runs.values() if other.ended]
        for run_id in ended[: max(0, len(self._runs) - KEPT)]:
            del self._runs[run_id]

    def _load(self, run_id: str, experiment: Experiment) -> Run:
        folder = self.store.folder(run_id)
        frames = folder / "frames.arrow"
        log = FrameLog.open(frames) if frames.is_file() and frames.stat().st_size else FrameLog()
        run = Run(run_id, experiment, folder, log)
        run.tell(**self.store.status(run_id))
        with self._lock:
            known = self._runs.get(run_id)
            if known is None:
                self._keep(run)
            return known or run

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
                folder = str(run.folder) if run.folder else None
                idle.order(
                    do="train", run=run.id, experiment=run.experiment.to_json(), folder=folder
                )
            waiting = [run for run in self._queue if run.folder is not None]
            for place, run in enumerate(waiting, 1):
                where = f"place {place} in the queue" if self.ready else "a worker is warming up"
                run.tell(message=where)

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
            job.end(json.loads(payload))
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
        run.tell(**({"message": ""} | status))
        if run.ended:
            self._dispatch()

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
            self._status(run, state=state, message=f"{word} after {step} steps")
        if not worker.ready and not self._closing:
            self.trouble = "a worker could not start; `python -m skipviz doctor` says what is wrong"
            return
        self.start()
        self._dispatch()

    def _insist(self, worker: Worker, run: Run) -> None:
        """Kills a worker that is still at a run it was told to stop."""
        with self._lock:
            if worker.run_id != run.id:
                return
            run.stopping = True
        worker.kill()


_current: Manager | None = None
_current_lock = threading.Lock()


def current() -> Manager:
    """The server's manager; made and started on first use where no lifespan has (tests of single
    pages)."""
    global _current
    with _current_lock:
        if _current is None:
            _current = Manager()
            _current.start()
        return _current


def close() -> None:
    """Ends the server's manager and its workers."""
    global _current
    with _current_lock:
        manager, _current = _current, None
    if manager is not None:
        manager.close()
