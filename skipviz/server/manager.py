"""Owns the workers and the queue: submit, stop, find. One for each server, made by its lifespan.

A run belongs to nobody's tab: it is found by its id, from any browser, and goes on until it ends,
is stopped, or its budget is used up. What a guest began has limits (`core.limits`), and gives way
to the lecturer's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from skipviz.access import settings
from skipviz.core import packages, places
from skipviz.core.experiment import Experiment
from skipviz.core.guest import LECTURER
from skipviz.core.knob import SpecError, show
from skipviz.core.limits import Limits
from skipviz.core.placing import alike
from skipviz.core.protocol import ENDED, Measure, Outcomes, TrainChoices
from skipviz.core.registry import probe
from skipviz.datafiles.availability import missing
from skipviz.server import admission, capacity, orders
from skipviz.server.admission import QueueFull
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.kept_runs import KeptRuns
from skipviz.server.leases import Leases
from skipviz.server.process import Job, NewWorker, OnEnd, OnReport, Worker
from skipviz.server.ray_cluster import Cluster
from skipviz.server.ray_worker import ClusterWorker
from skipviz.server.run import Run
from skipviz.server.run_deletion import RunDeletion
from skipviz.store import answers
from skipviz.store.run_index import Known
from skipviz.store.store import Store

_log = logging.getLogger(__name__)

QUEUE = 20
"""So many of the lecturer's runs wait at a time."""

WAIT_S = 120.0
"""So long a measurement may take."""


class Manager:
    """What pages ask for: runs submitted, shared, controlled, found, measured.

    dispatcher    has them trained and measured
    deletion      deletes them, and makes room on disk where they take more than `most_bytes` says
    closed_last   what is left when the last worker has gone, such as a cluster
    """

    def __init__(
        self,
        store: Store | None = None,
        running: int | None = None,
        limits: Limits | None = None,
        new_worker: NewWorker = Worker,
        most_bytes: Callable[[], int] = lambda: 0,
    ) -> None:
        self.store = store or Store()
        self.deletion = RunDeletion(self.store, self.forget, most_bytes)
        self.limits = limits or Limits()
        self.dispatcher = Dispatcher(running, self.limits, new_worker)
        self.leases = Leases(self.dispatcher, self.limits)
        self.closed_last = ExitStack()
        self._lock = threading.RLock()
        self._runs = KeptRuns(self.store)
        self._known_runs = Known(self.store)
        self._shared: dict[str, str] = {}
        self._jobs_so_far = 0

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves."""
        self.dispatcher.start()
        self.leases.start()

    def close(self) -> None:
        """Lets every worker save its run and go."""
        self.leases.close()
        self.dispatcher.close()
        self.closed_last.close()

    def submit(self, experiment: Experiment, guest: str = LECTURER) -> str:
        """Queues a stored run and returns its id. SpecError where it cannot run here, or not for
        this guest; QueueFull where only too many wait."""
        self._fits(experiment, guest)
        experiment = self._placed(experiment)
        with self._lock:
            self._has_room(guest)
            run_id = self.store.new_id()
            folder = self.store.create(run_id, experiment, guest)
            run = Run(run_id, experiment, folder)
            run.guest = guest
            with places.disk_errors(folder):
                run.save_status(state="queued")
            self._runs.keep(run)
            self.dispatcher.train(run)
        self.deletion.make_room_meanwhile()
        return run_id

    def shared(self, experiment: Experiment, guest: str = LECTURER) -> str:
        """The id of a run that is kept in memory and shared by all who ask for the same
        experiment."""
        key = experiment.to_json()
        with self._lock:
            shared_run = self._runs.get(self._shared.get(key, ""))
            broken = ("failed", "interrupted")
            if shared_run is not None and shared_run.status()["state"] not in broken:
                self._runs.find(shared_run.id)
                return shared_run.id
            self._fits(experiment, guest)
            self._may_ask(guest)
            run = Run(self.store.new_id(), experiment, None)
            run.guest = guest
            self._shared[key] = run.id
            self._runs.keep(run)
            self.dispatcher.train(run)
        return run.id

    def join(self, experiment: Experiment, guest: str = LECTURER) -> str:
        """The id of a stored run of this experiment that waits or trains now; submits one where
        there is none, so that a class that asks for the same waits for one run. A guest's run that
        the lecturer joins is the lecturer's. SpecError."""
        with self._lock:
            run = self.under_way(experiment)
            if run is None:
                return self.submit(experiment, guest)
        if run.guest and guest == LECTURER:
            self.dispatcher.becomes_lecturers(run)
        return run.id

    def under_way(self, experiment: Experiment) -> Run | None:
        """A stored run of exactly this experiment that waits or trains and is not paused."""
        with self._lock:
            for run in self._runs:
                busy = run.folder is not None and not run.ended and not run.status().get("paused")
                if busy and alike(run.experiment, experiment):
                    return run
        return None

    def finished(self, experiment: Experiment) -> Run | None:
        """The newest stored run of exactly this experiment that went to its end."""
        for run_id in self._known_runs.of(experiment, self._placed(experiment)):
            run = self._runs.get(run_id)
            status = run.status() if run is not None else self.store.status(run_id)
            if status["state"] == "finished":
                known_run = self.find(run_id)
                if known_run is not None and known_run.experiment.data == experiment.data:
                    return known_run
        return None

    def stop(self, run_id: str) -> None:
        """Ends a run within a second; a run that has ended stays as it is."""
        run = self._runs.get(run_id)
        if run is not None:
            self.dispatcher.stop(run)

    def control(self, run_id: str, action: str, **values: Any) -> None:
        """Pauses, resumes or single-steps a run under way, sets its pace or its learning rate.

        action, values   "pause", "resume", "step" (exactly one more, then paused); "pace" or "lr"
                         with `value`: steps per second (0: full speed), the base learning rate
        Waits a moment for the worker's word; a run in the queue begins with what it was told there.
        SpecError for nonsense and for a run that has ended.
        """
        run = self._runs.known(run_id)
        order = orders.order(run, action, values)
        with self._lock:
            sent = self.dispatcher.steer(run, order)
            if action == "lr":  # from here on it is another experiment than its key says
                self._shared = {key: each for key, each in self._shared.items() if each != run_id}
            number = run.orders
        if sent:
            orders.wait(run, number)

    def resume(self, run_id: str, guest: str = LECTURER, *, more_steps: int = 0) -> None:
        """Queues a run again: it goes on from its newest checkpoint, in the same folder; what the
        lecturer takes up is his. SpecError where it cannot.

        more_steps   so many more than it has made, also where it had finished: a budget of its own
                     (`schedule.longer`); 0: what is left of its budget
        """
        run = self._runs.known(run_id)
        with self._lock:
            to_train = orders.further(run, more_steps)
            if self.store.status(run_id)["state"] not in ENDED:
                raise SpecError(f"run {show(run_id)}: another program trains it just now")
            self._fits(to_train, guest)
            self._has_room(guest)
            if guest != LECTURER:
                admission.has_time(self.limits, run.with_worker_s)
            run.guest = guest
            orders.take_up(run, to_train)
            run.seen()
            self._runs.keep(run)
            self.dispatcher.train(run)
        self.deletion.make_room_meanwhile()

    def find(self, run_id: str) -> Run | None:
        """The run with this id, from memory or from its folder; None where there is none."""
        return self._runs.find(run_id)

    def forget(self, run_id: str) -> None:
        """Lets go of a stored run whose folder is to be deleted. SpecError while it is trained."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None and not run.ended:
                raise SpecError(f"run {show(run_id)}: is under way; stop it before you delete it")
            self._runs.forget(run_id)

    def measure(
        self,
        run_id: str,
        key: str,
        options: dict[str, Any],
        seed_index: int = 0,
        *,
        guest: str = LECTURER,
    ) -> dict[str, Any]:
        """What a probe says of a stored run's newest weights, of its `seed_index`-th seed. Waits;
        SpecError where it cannot be.

        Answered by an idle worker (there is one more than may train) and kept with the run.
        """
        answer_kept = self.kept_answer(run_id, key, options, seed_index)
        if answer_kept is not None:
            return answer_kept
        declared = probe(key)
        options = declared.options(options)
        run, folder = self._runs.stored(run_id)
        if self.store.is_recorded(run_id):
            raise SpecError(f"probe {show(key)}: a recording has no weights; train its scene")
        absent = missing(run.experiment.data)
        if absent:
            raise SpecError(absent)
        packages.check(f"probe {show(key)}")
        self._may_ask(guest)
        with self._lock:
            self._jobs_so_far += 1
            job = Job(
                Measure(self._jobs_so_far, str(folder), key, options, seed_index), guest=guest
            )
        self.dispatcher.measure(job)
        if not job.done.wait(WAIT_S):
            self.dispatcher.end_job(job)
            raise SpecError(f"probe {show(key)}: no worker answered within {WAIT_S:g} s")
        value = job.answer.value
        if value is None:
            raise SpecError(job.answer.error)
        answers.keep(folder, key, declared, options, seed_index, value)
        return value

    def train_choices(
        self,
        experiments: Sequence[Experiment],
        hear: Callable[[Outcomes], None] | None = None,
        *,
        only_time: bool = False,
    ) -> Job:
        """Has many choices of one number trained by the next worker that is idle, or timed. Does
        not wait: the job's bell rings when it is over. SpecError where one cannot run here."""
        for experiment in experiments:
            self._fits(experiment, LECTURER)
        texts = [self._placed(experiment).to_json() for experiment in experiments]
        with self._lock:
            self._jobs_so_far += 1
            number = self._jobs_so_far
        job = Job(TrainChoices(number, f"choices-{number}", texts, only_time), hear)
        self.dispatcher.measure(job)
        return job

    def kept_answer(
        self, run_id: str, key: str, options: dict[str, Any], seed_index: int = 0
    ) -> dict[str, Any] | None:
        """What a probe said of a run before, with these weights; None where it was not asked.
        SpecError where it cannot be asked."""
        checked_options = probe(key).options(options)
        return answers.stored_answer(self._runs.stored(run_id)[1], key, checked_options, seed_index)

    def recent(self, most: int) -> list[dict[str, Any]]:
        """The newest stored runs: id, experiment, state, step. What cannot be read is left out."""
        return self._runs.recent(most)

    # --- inside

    def _has_room(self, guest: str) -> None:
        if guest == LECTURER:
            if self.dispatcher.waiting_of(LECTURER) >= QUEUE:
                raise QueueFull(f"queue: {QUEUE} runs are waiting already; try again in a minute")
            return
        own = sum(run.guest == guest for run in self.dispatcher.under_way())
        admission.has_room(self.limits, own=own, of_guests=self.dispatcher.waiting_of_guests)

    def _may_ask(self, guest: str) -> None:
        """QueueFull where as many measurements of a guest wait as may."""
        if guest != LECTURER:
            admission.may_ask(self.limits, self.dispatcher.asked_by(guest))

    def _placed(self, experiment: Experiment) -> Experiment:
        """The experiment with the device that `auto` means here; while no worker is warm as it is:
        the worker that trains it decides."""
        dispatcher = self.dispatcher
        return dispatcher.placing().with_device(experiment) if dispatcher.ready else experiment

    def _fits(self, experiment: Experiment, guest: str) -> None:
        packages.check()
        absent = missing(experiment.data)
        if absent:
            raise SpecError(absent)
        devices = {device["key"]: device for device in self.dispatcher.devices()}
        placed = self._placed(experiment)
        if devices and placed.device not in devices and placed.device != "auto":
            raise SpecError(
                f"device '{placed.device}': not found here;"
                f" there is {', '.join(['auto', *devices])}"
            )
        if guest != LECTURER:
            speed = self.dispatcher.expected.speed(placed.device)
            admission.check(experiment, self.limits, speed)
        card = devices.get(placed.device) if placed.device == "cuda" else None
        capacity.check(experiment, card["free"] if card else None)


_current: Manager | None = None
_current_lock = threading.Lock()


def current() -> Manager:
    """The server's manager; made and started on first use where no lifespan has (tests of single
    pages)."""
    global _current
    with _current_lock:
        if _current is None:
            _current = _with_cluster() if settings.current().cluster else _alone()
        return _current


def _most_bytes() -> int:
    """What stored runs may take on disk, as it is set just now."""
    return int(settings.current().runs_gb * 1e9)


def _alone() -> Manager:
    """A manager whose workers are processes of this machine."""
    manager = Manager(limits=settings.current().limits, most_bytes=_most_bytes)
    manager.start()
    return manager


def _with_cluster() -> Manager:
    """A manager whose workers are on the cluster that is set; one that trains nothing and says why
    where that cannot be used."""
    now, store = settings.current(), Store()
    try:
        cluster = Cluster(now.cluster, store.root, now.cluster_gpus)
    except SpecError as error:
        _log.error("%s", error)
        manager = Manager(store, limits=now.limits, most_bytes=_most_bytes)
        manager.dispatcher.trouble = str(error)
        return manager

    def place(on_report: OnReport, on_end: OnEnd) -> ClusterWorker:
        return ClusterWorker(on_report, on_end, cluster)

    manager = Manager(store, cluster.places, now.limits, place, _most_bytes)
    manager.closed_last.callback(cluster.close)
    manager.start()
    return manager


def close() -> None:
    """Ends the server's manager and its workers."""
    global _current
    with _current_lock:
        manager, _current = _current, None
    if manager is not None:
        manager.close()
