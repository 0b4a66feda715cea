"""The workers and what waits for them: gives orders, hears reports, replaces what is lost."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace

import psutil

from skipviz.core import events, packages
from skipviz.core.events import Event
from skipviz.core.knob import SpecError, show
from skipviz.core.placing import Placing
from skipviz.core.protocol import (
    ENDED,
    Answer,
    Device,
    Frames,
    Hello,
    Outcomes,
    Progress,
    Report,
    SetValue,
    Steer,
    Stop,
    TrainChoices,
)
from skipviz.server import orders
from skipviz.server.process import Job, Worker
from skipviz.server.run import Run

STOP_S = 0.7
"""A worker that has not stopped by itself after this long (one step may take seconds) is killed."""


class Dispatcher:
    """Warm worker processes, one more than may train at a time, and the runs and measurements that
    wait for one.

    The spare one answers what must not wait: gradients at init, the picture on Home.

    running   how many stored runs may train at a time
    trouble   one sentence where no worker can start
    """

    def __init__(self, running: int | None = None) -> None:
        cores = psutil.cpu_count(logical=False) or 1
        self.running = running or int(os.environ.get("SKIPVIZ_RUNNING", 0)) or max(1, cores - 1)
        self.trouble = ""
        self.workers: list[Worker] = []
        self._lock = threading.RLock()
        self._queue: list[Run] = []
        self._jobs: list[Job] = []
        self._closing = False

    # --- life of the server

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves. None without torch:
        none could train."""
        if packages.untrainable():
            return
        with self._lock:
            while len(self.workers) < self.running + 1 and not self._closing:
                self.workers.append(Worker(self._heard, self._lost))

    def close(self, patience_s: float = 5.0) -> None:
        """Lets every worker save and go; kills what has not gone in time. What waits is broken off,
        and goes on when somebody resumes it."""
        with self._lock:
            self._closing = True
            workers, waiting = list(self.workers), list(self._queue)
            self._queue.clear()
        for run in waiting:
            if run.folder is not None:
                run.save_status(state="interrupted", message="the server ended before it began")
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
        return self._hello() is not None

    def devices(self) -> list[Device]:
        """The devices that a warm worker found; empty while the first is warming up."""
        hello = self._hello()
        return [] if hello is None else hello.devices

    def placing(self) -> Placing:
        """Where `auto` trains here, as a warm worker says; before, what holds of a CPU alone."""
        hello = self._hello()
        return Placing() if hello is None else Placing.from_json(hello.placing)

    def _hello(self) -> Hello | None:
        return next((worker.hello for worker in self.workers if worker.hello is not None), None)

    # --- what is to be done

    @property
    def waiting(self) -> int:
        """How many runs are in the queue."""
        return len(self._queue)

    def train(self, run: Run) -> None:
        """Puts a run into the queue."""
        with self._lock:
            self._queue.append(run)
        self._dispatch()

    def measure(self, job: Job) -> None:
        """Has a stored run measured by the next worker that is idle."""
        with self._lock:
            self._jobs.append(job)
        self._dispatch()

    def end_job(self, job: Job) -> None:
        """Ends the training of choices after the step in hand; one that waits is dropped."""
        with self._lock:
            waits = job in self._jobs
            if waits:
                self._jobs.remove(job)
            workers = [worker for worker in self.workers if worker.job is job]
        if waits:
            job.end(Answer(job.order.job, {"stopped": True}))
        for worker in workers:
            if isinstance(job.order, TrainChoices):
                worker.send(Stop(job.order.run))

    def stop(self, run: Run) -> None:
        """Ends a run within a second; a run that has ended stays as it is."""
        with self._lock:
            if run.ended:
                return
            if run in self._queue:
                self._queue.remove(run)
                run.save_status(state="stopped", message="stopped while it was waiting")
                return
            workers = [worker for worker in self.workers if worker.run is run]
        for worker in workers:
            worker.send(Stop(run.id))
            timer = threading.Timer(STOP_S, self._insist, (worker, run, run.breaks))
            timer.daemon = True
            timer.start()

    def steer(self, run: Run, order: Steer | SetValue) -> bool:
        """Gives an order for a run under way its number and sends it to the worker; False where the
        run is in the queue and begins with it. SpecError where no worker trains it."""
        with self._lock:
            worker = next((each for each in self.workers if each.run is run), None)
            if worker is None and run not in self._queue:
                raise SpecError(f"run {show(run.id)}: no worker of this server trains it now")
            run.orders += 1
            order = replace(order, number=run.orders)
            if worker is None:
                run.early_orders.append(order)
                run.update(**orders.expected(order))
                return False
            worker.send(order)
            return True

    # --- inside

    def _dispatch(self) -> None:
        """Gives waiting runs to idle warm workers: stored runs as many as may train, shared ones
        to any."""
        with self._lock:
            while self._jobs and (idle := self._idle()) is not None:
                idle.job = self._jobs.pop(0)
                idle.send(idle.job.order)
            busy = sum(1 for w in self.workers if w.run is not None and w.run.folder is not None)
            for run in list(self._queue):
                idle = self._idle()
                if idle is None:
                    break
                if run.folder is not None and busy >= self.running:
                    continue
                self._queue.remove(run)
                busy += run.folder is not None
                idle.run = run
                idle.send(orders.training(run))
                while run.early_orders:
                    idle.send(run.early_orders.pop(0))
            self._show_places()

    def _idle(self) -> Worker | None:
        return next((worker for worker in self.workers if worker.idle), None)

    def _show_places(self) -> None:
        """Says to the runs that wait which place they have, and whether the way is blocked."""
        training = [worker.run for worker in self.workers]
        paused = any(run is not None and run.status().get("paused") for run in training)
        waiting = [run for run in self._queue if run.folder is not None]
        for place, run in enumerate(waiting, 1):
            where = f"place {place} in the queue" if self.ready else "a worker is warming up"
            run.update(message=f"{where}; {orders.BLOCKED}" if paused else where)

    def _heard(self, worker: Worker, report: Report) -> None:
        """A worker's report, in its thread."""
        run = worker.run
        match report:
            case Hello():
                self.trouble = ""
                events.tell(Event.WORKER, outcome="warm")
                self._dispatch()
            case Answer() if worker.job is not None:
                job, worker.job = worker.job, None
                job.end(report)
                self._dispatch()
            case Outcomes() if worker.job is not None and worker.job.hear is not None:
                worker.job.hear(report)
            case Frames(data) if run is not None:
                run.add(data)
            case Progress() if run is not None and report.run == run.id:
                self._progress(worker, run, report)

    def _progress(self, worker: Worker, run: Run, report: Progress) -> None:
        status = report.status
        if status["state"] in ENDED:
            with self._lock:
                worker.run = None
        turned = status.get("paused", False) != run.status().get("paused", False)
        run.update_from_worker({"message": "", **status})
        if run.ended:
            self._dispatch()
        elif turned:
            with self._lock:
                self._show_places()

    def _lost(self, worker: Worker) -> None:
        """A worker's process is gone: its run is interrupted (or stopped, if that is why), and
        another takes its place."""
        events.tell(Event.WORKER, outcome="ended" if self._closing else "lost")
        with self._lock:
            if worker in self.workers:
                self.workers.remove(worker)
            run, job = worker.run, worker.job
            worker.run = worker.job = None
        if job is not None:
            job.end(Answer(job.order.job, error="the worker was lost; try again"))
        if run is not None:
            run.hear_last_words()
        if run is not None and not run.ended:
            step = run.status().get("step", 0)
            why = "stopped" if run.stopping else "its worker was lost"
            run.save_status(
                state="stopped" if run.stopping else "interrupted",
                message=f"{why} after {step} steps",
                paused=False,
            )
        if not worker.ready and not self._closing:
            self.trouble = "a worker could not start; `python -m skipviz doctor` says what is wrong"
            return
        self.start()
        self._dispatch()

    def _insist(self, worker: Worker, run: Run, breaks: int) -> None:
        """Kills a worker that is still at a run it was told to stop, unless it went on since."""
        with self._lock:
            if worker.run is not run or run.breaks != breaks:
                return
            run.stopping = True
        worker.kill()
