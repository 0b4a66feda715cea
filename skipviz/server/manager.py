"""Owns the workers and the queue: submit, stop, find. One for each server, made by its lifespan.

A run belongs to nobody's tab: it is found by its id, from any browser, and goes on until it ends,
is stopped, or its budget is used up.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from skipviz.core import packages
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError, show
from skipviz.core.placing import alike
from skipviz.core.protocol import Measure, Outcomes, TrainChoices
from skipviz.core.registry import probe
from skipviz.datafiles.availability import missing
from skipviz.server import capacity, orders
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.process import Job
from skipviz.server.run import Run
from skipviz.store import answers, data_origin
from skipviz.store.frame_log import FrameLog
from skipviz.store.run_index import Known
from skipviz.store.store import Store

QUEUE = 20
WAIT_S = 120.0
"""So long a measurement may take."""

KEPT = 64
"""So many runs stay in memory; an older one is read from its folder again when somebody asks."""
KEPT_BYTES = 8 * 2**20
"""The frames of finished runs take no more: those of runs asked for longest ago rest on disk."""


class Manager:
    """What pages ask for: runs submitted, shared, controlled, found, measured.

    dispatcher   has them trained and measured
    """

    def __init__(self, store: Store | None = None, running: int | None = None) -> None:
        self.store = store or Store()
        self.dispatcher = Dispatcher(running)
        self._lock = threading.RLock()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._known_runs = Known(self.store)
        self._shared: dict[str, str] = {}
        self._jobs_so_far = 0

    def start(self) -> None:
        """Starts the workers; returns at once, they warm up by themselves."""
        self.dispatcher.start()

    def close(self) -> None:
        """Lets every worker save its run and go."""
        self.dispatcher.close()

    def submit(self, experiment: Experiment) -> str:
        """Queues a stored run and returns its id. SpecError where it cannot run here."""
        self._fits(experiment)
        experiment = self._placed(experiment)
        with self._lock:
            self._has_room()
            run_id = self.store.new_id()
            folder = self.store.create(run_id, experiment)
            run = Run(run_id, experiment, folder)
            run.save_status(state="queued")
            self._keep(run)
            self.dispatcher.train(run)
        return run_id

    def shared(self, experiment: Experiment) -> str:
        """The id of a run that is kept in memory and shared by all who ask for the same
        experiment."""
        key = experiment.to_json()
        with self._lock:
            shared_run = self._runs.get(self._shared.get(key, ""))
            broken = ("failed", "interrupted")
            if shared_run is not None and shared_run.status()["state"] not in broken:
                self._runs.move_to_end(shared_run.id)
                return shared_run.id
            self._fits(experiment)
            run = Run(self.store.new_id(), experiment, None)
            self._shared[key] = run.id
            self._keep(run)
            self.dispatcher.train(run)
        return run.id

    def join(self, experiment: Experiment) -> str:
        """The id of a stored run of this experiment that waits or trains now; submits one where
        there is none, so that a class that asks for the same waits for one run. SpecError."""
        with self._lock:
            run = self.under_way(experiment)
            return run.id if run is not None else self.submit(experiment)

    def under_way(self, experiment: Experiment) -> Run | None:
        """A stored run of exactly this experiment that waits or trains and is not paused."""
        with self._lock:
            for run in self._runs.values():
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
        with self._lock:
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
        run = self._known(run_id)
        order = orders.order(run, action, values)
        with self._lock:
            sent = self.dispatcher.steer(run, order)
            if action == "lr":  # from here on it is another experiment than its key says
                self._shared = {key: each for key, each in self._shared.items() if each != run_id}
            number = run.orders
        if sent:
            orders.wait(run, number)

    def resume(self, run_id: str) -> None:
        """Queues a run again that was stopped or interrupted before its last step: it goes on from
        its newest checkpoint, in the same folder. SpecError where it cannot."""
        run = self._known(run_id)
        self._fits(run.experiment)
        with self._lock:
            orders.check_goes_on(run)
            self._has_room()
            run.begin_again()
            run.save_status(state="queued", message="")
            self._runs[run_id] = run
            self.dispatcher.train(run)

    def find(self, run_id: str) -> Run | None:
        """The run with this id, from memory or from its folder; None where there is none."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None:
                self._runs.move_to_end(run_id)
                self._lighten()
                if run.ended and run.folder is not None:
                    self._look_at_data(run)
                return run
        try:
            experiment = self.store.experiment(run_id)
        except SpecError:
            return None
        return self._load(run_id, experiment)

    def forget(self, run_id: str) -> None:
        """Lets go of a stored run whose folder is to be deleted. SpecError while it is trained."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is not None and not run.ended:
                raise SpecError(f"run {show(run_id)}: is under way; stop it before you delete it")
            self._runs.pop(run_id, None)

    def measure(
        self, run_id: str, key: str, options: dict[str, Any], seed_index: int = 0
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
        run, folder = self._stored(run_id)
        if self.store.is_recorded(run_id):
            raise SpecError(f"probe {show(key)}: a recording has no weights; train its scene")
        absent = missing(run.experiment.data)
        if absent:
            raise SpecError(absent)
        packages.check(f"probe {show(key)}")
        with self._lock:
            self._jobs_so_far += 1
            job = Job(Measure(self._jobs_so_far, str(folder), key, options, seed_index))
        self.dispatcher.measure(job)
        if not job.done.wait(WAIT_S):
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
            self._fits(experiment)
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
        return answers.stored_answer(self._stored(run_id)[1], key, checked_options, seed_index)

    def recent(self, most: int) -> list[dict[str, Any]]:
        """The newest stored runs: id, experiment, state, step. What cannot be read is left out."""
        runs = []
        for run_id in self.store.runs()[:most]:
            try:
                experiment = self.store.experiment(run_id)
            except SpecError:
                continue
            run = self._runs.get(run_id)
            status = run.status() if run else self.store.status(run_id)
            remark = data_origin.remark(self.store.data(run_id))
            runs.append({"run": run_id, "experiment": experiment, "data": remark, **status})
        return runs

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
        bytes_in_memory = sum(run.nbytes for run in self._runs.values())
        for run in list(self._runs.values())[:-1]:
            if bytes_in_memory <= KEPT_BYTES:
                return
            before = run.nbytes
            run.rest()
            bytes_in_memory -= before - run.nbytes

    def _known(self, run_id: str) -> Run:
        run = self.find(run_id)
        if run is None:
            raise SpecError(f"run {show(run_id)}: there is no such run on this machine")
        return run

    def _stored(self, run_id: str) -> tuple[Run, Path]:
        run = self.find(run_id)
        if run is None or run.folder is None:
            raise SpecError(f"run {show(run_id)}: there is no such stored run")
        return run, run.folder

    def _has_room(self) -> None:
        if self.dispatcher.waiting >= QUEUE:
            raise SpecError(f"queue: {QUEUE} runs are waiting already; try again in a minute")

    def _placed(self, experiment: Experiment) -> Experiment:
        """The experiment with the device that `auto` means here; while no worker is warm as it is:
        the worker that trains it decides."""
        dispatcher = self.dispatcher
        return dispatcher.placing().with_device(experiment) if dispatcher.ready else experiment

    def _fits(self, experiment: Experiment) -> None:
        packages.check()
        absent = missing(experiment.data)
        if absent:
            raise SpecError(absent)
        devices = {device["key"]: device for device in self.dispatcher.devices()}
        wanted = self._placed(experiment).device
        if devices and wanted not in devices and wanted != "auto":
            raise SpecError(
                f"device '{wanted}': not found here; there is {', '.join(['auto', *devices])}"
            )
        card = devices.get(wanted) if wanted == "cuda" else None
        capacity.check(experiment, card["free"] if card else None)

    def _look_at_data(self, run: Run) -> None:
        """The set of a run that is over may have been removed or replaced since it was read."""
        with suppress(SpecError):
            run.experiment = self.store.experiment(run.id)

    def _load(self, run_id: str, experiment: Experiment) -> Run:
        folder = self.store.folder(run_id)
        frames = folder / "frames.arrow"
        status = self.store.status(run_id)
        there = frames.is_file() and frames.stat().st_size > 0
        if there and status["state"] == "finished":
            run = Run(run_id, experiment, folder, rests=True)
        else:
            run = Run(run_id, experiment, folder, FrameLog.open(frames) if there else None)
        run.update(**status)
        with self._lock:
            run_in_memory = self._runs.get(run_id)
            if run_in_memory is None:
                self._keep(run)
            return run_in_memory or run


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
