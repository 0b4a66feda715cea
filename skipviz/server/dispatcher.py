"""The workers and what waits for them: gives orders, hears reports, replaces what is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace

import psutil

from skipviz.core import events
from skipviz.core.events import Event
from skipviz.core.knob import SpecError, show
from skipviz.core.limits import Limits
from skipviz.core.placing import Placing
from skipviz.core.protocol import (
    ENDED,
    Answer,
    Device,
    Frames,
    GiveWay,
    Hello,
    Outcomes,
    Progress,
    Report,
    SetValue,
    Status,
    Steer,
    Stop,
    TrainChoices,
)
from skipviz.server import endings, orders, places
from skipviz.server.places import Expected
from skipviz.server.pool import Pool
from skipviz.server.process import AnyWorker, Job, NewWorker, Worker
from skipviz.server.run import Run
from skipviz.server.turns import Turns

STOP_S = 0.7
"""A worker that has not stopped by itself after this long (one step may take seconds) is killed."""


class Dispatcher:
    """Warm worker processes, one more than may train at a time, and the runs and measurements that
    wait for one.

    The spare one answers what must not wait: gradients at init, the picture on Home, the lecturer's
    run while a guest's makes its last step.

    running    how many stored runs may train at a time
    expected   how long runs take
    trouble    one sentence where no worker can start
    """

    def __init__(
        self,
        running: int | None = None,
        limits: Limits | None = None,
        new_worker: NewWorker = Worker,
    ) -> None:
        cores = psutil.cpu_count(logical=False) or 1
        self.running = running or int(os.environ.get("SKIPVIZ_RUNNING", 0)) or max(1, cores - 1)
        self.limits = limits or Limits()
        self.expected = Expected(60 * self.limits.guest_minutes)
        self.trouble = ""
        self._lock = threading.RLock()
        self._turns = Turns(self.running, self._has_memory)
        self._pool = Pool(self.running + 1, self._heard, self._lost, new_worker)

    # --- life of the server

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves."""
        self._pool.fill()

    def close(self, patience_s: float = 5.0) -> None:
        """Lets every worker save and go; kills what has not gone in time. What waits is broken off,
        and goes on when somebody resumes it."""
        with self._lock:
            self._pool.closing = True
            waiting = self._turns.clear()
        for run in waiting:
            if run.folder is not None:
                run.save_status(state="interrupted", message=endings.unbegun(run), paused=False)
        self._pool.close(patience_s)

    @property
    def closing(self) -> bool:
        """Is it over: will no order be given any more?"""
        return self._pool.closing

    @property
    def ready(self) -> bool:
        """Is at least one worker warm?"""
        return self._pool.hello is not None

    @property
    def workers(self) -> list[AnyWorker]:
        """The workers that there are."""
        return self._pool.workers

    def devices(self) -> list[Device]:
        """The devices that a warm worker found; empty while the first is warming up."""
        return self._pool.devices()

    def placing(self) -> Placing:
        """Where `auto` trains here, as a warm worker says; before, what holds of a CPU alone."""
        return self._pool.placing()

    # --- what is to be done

    @property
    def waiting(self) -> int:
        """How many runs are in the queue."""
        return len(self._turns.stored) + len(self._turns.shared)

    def waiting_of(self, guest: str) -> int:
        """How many stored runs of the lecturer's ("") or of one guest are in the queue."""
        return self._turns.stored.count(guest)

    def asked_by(self, guest: str) -> int:
        """How many measurements, at init and of stored runs, of one guest wait for a worker."""
        return self._turns.shared.count(guest) + self._turns.jobs.count(guest)

    @property
    def waiting_of_guests(self) -> int:
        """How many stored runs of all guests are in the queue."""
        return self._turns.stored.of_guests()

    def train(self, run: Run) -> None:
        """Puts a run into the queue."""
        with self._lock:
            self._turns.add(run)
        self.dispatch()

    def measure(self, job: Job) -> None:
        """Has a stored run measured by a worker that is idle, when its turn comes."""
        with self._lock:
            self._turns.add_job(job)
        self.dispatch()

    def end_job(self, job: Job) -> None:
        """Ends the training of choices after the step in hand; what waits is dropped."""
        with self._lock:
            waits = str(job.order.job) in self._turns.jobs
            self._turns.jobs.leave(str(job.order.job))
            workers = [worker for worker in self.workers if worker.job is job]
        if waits:
            job.end(Answer(job.order.job, {"stopped": True}))
        for worker in workers:
            if isinstance(job.order, TrainChoices):
                worker.send(Stop(job.order.run))

    def becomes_lecturers(self, run: Run) -> None:
        """The lecturer asks for a guest's run: it is his now, and has his turn."""
        with self._lock:
            waits = self._turns.cancel(run)
            run.guest = ""
            if waits:
                self._turns.add(run)
        self.dispatch()

    def stop(self, run: Run, why: str = "") -> None:
        """Ends a run within a second; a run that has ended stays as it is. `why` is a sentence, "":
        somebody wants it."""
        with self._lock:
            if run.ended:
                return
            if self._turns.cancel(run):
                message = why or "stopped while it was waiting"
                run.save_status(state="stopped", message=message, paused=False)
                workers = []
            else:
                run.ending, run.why_ended = True, why
                workers = [worker for worker in self.workers if worker.run is run]
        if not workers:
            self.dispatch()
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
            if worker is None and not self._turns.waits(run):
                raise SpecError(f"run {show(run.id)}: no worker of this server trains it now")
            run.orders += 1
            order = replace(order, number=run.orders)
            run.note(order)
            if worker is not None:
                worker.send(order)
                return True
            run.early_orders.append(order)
            run.update(**orders.expected(order))
            self._turns.steered(run)
        self.dispatch()
        return False

    def under_way(self) -> list[Run]:
        """The guests' stored runs that wait, rest or train."""
        with self._lock:
            training = [worker.run for worker in self.workers if worker.run is not None]
            waiting = [*self._turns.stored, *self._turns.resting.values()]
        return [run for run in (*training, *waiting) if run.guest and run.folder is not None]

    def dispatch(self) -> None:
        """Gives idle warm workers what comes next, asks guests' runs to give way, and tells those
        that wait which place they have."""
        with self._lock:
            while not self.closing and (idle := self._pool.idle) is not None:
                chosen = self._turns.next(self.workers)
                if chosen is None:
                    break
                if isinstance(chosen, Job):
                    idle.job = chosen
                    idle.send(chosen.order)
                else:
                    self._begin(idle, chosen)
            for run in self._turns.to_give_way(self.workers, self._pool.idle is not None):
                run.gives_way = True
                for worker in self.workers:
                    if worker.run is run:
                        worker.send(GiveWay(run.id))
            told = places.sentences(self._turns, self.workers, self.expected, warm=self.ready)
            for run, sentence in told:
                if run.status().get("message") != sentence:
                    run.update(message=sentence)

    # --- inside

    def _begin(self, worker: AnyWorker, run: Run) -> None:
        worker.run = run
        run.got_worker()
        worker.send(orders.training(run))
        while run.early_orders:
            worker.send(run.early_orders.pop(0))

    def _has_memory(self, run: Run, training: Sequence[Run]) -> bool:
        """Is there memory for a guest's run beside those that train?"""
        if self.limits.memory_mb:
            all_bytes = sum(each.needs.memory_bytes for each in (run, *training))
            return all_bytes <= self.limits.memory_mb * 2**20
        return run.needs.memory_bytes <= psutil.virtual_memory().available

    def _heard(self, worker: AnyWorker, report: Report) -> None:
        """A worker's report, in its thread."""
        run = worker.run
        match report:
            case Hello():
                self.trouble = ""
                events.tell(Event.WORKER, outcome="warm")
                self.expected.measured(report.speeds)
                self.dispatch()
            case Answer() if worker.job is not None:
                job, worker.job = worker.job, None
                job.end(report)
                self.dispatch()
            case Outcomes() if worker.job is not None and worker.job.hear is not None:
                worker.job.hear(report)
            case Frames(data) if run is not None:
                run.add(data)
            case Progress() if run is not None and report.run == run.id:
                self._progress(worker, run, report)

    def _progress(self, worker: AnyWorker, run: Run, report: Progress) -> None:
        status = report.status
        if status["state"] in ENDED:
            with self._lock:
                worker.run = None
                run.lost_worker()
                left = run.gives_way and status["state"] == "interrupted" and not self.closing
                if left and not run.ending:
                    self._give_way(run, status)
                    self.dispatch()
                    return
            self.expected.learn(run)
            if left:  # it gave way just before it heard that it is to stop
                status = {
                    **status,
                    "state": "stopped",
                    "message": f"stopped after {endings.steps_of(status)}",
                }
        turned = status.get("paused", False) != run.status().get("paused", False)
        run.update_from_worker({"message": "", **status})
        if run.status()["state"] == "stopped" and run.ending:
            run.save_status(message=run.why_ended or run.status()["message"])
        if run.ended or turned:
            self.dispatch()

    def _give_way(self, run: Run, status: Status) -> None:
        """A run has left its worker: it is as it was, and waits for its turn."""
        before = run.status()
        kept: Status = {"paused": before.get("paused", False), "pace": before.get("pace", 0.0)}
        run.update_from_worker({**status, **kept, "state": "queued", "message": ""})
        run.give_way()
        run.save_status()
        self._turns.take_back(run)

    def _lost(self, worker: AnyWorker) -> None:
        """A worker's process is gone: its run is interrupted (or stopped, if that is why), and
        another takes its place."""
        events.tell(Event.WORKER, outcome="ended" if self.closing else "lost")
        self._pool.lost(worker)
        with self._lock:
            run, job = worker.run, worker.job
            worker.run = worker.job = None
        if job is not None:
            job.end(Answer(job.order.job, error="the worker was lost; try again"))
        if run is not None:
            run.lost_worker()
            run.hear_last_words()
        if run is not None and not run.ended:
            run.save_status(
                state="stopped" if run.stopping else "interrupted",
                message=endings.loss(worker, run),
                paused=False,
            )
        if not worker.ready and not self.closing:
            self.trouble = "a worker could not start; `python -m skipviz doctor` says what is wrong"
            return
        self.start()
        self.dispatch()

    def _insist(self, worker: AnyWorker, run: Run, breaks: int) -> None:
        """Kills a worker that is still at a run it was told to stop, unless it went on since."""
        with self._lock:
            if worker.run is not run or run.breaks != breaks:
                return
            run.stopping = True
        worker.kill()
