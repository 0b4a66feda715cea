"""The class as the experiment: every different number that a room picked, trained once.

What comes of a number is told as it comes, and kept by whoever asked: a class run belongs to
nobody's tab. How long it takes is measured beforehand, once for each pick.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from skipviz.core.knob import SpecError
from skipviz.core.picks import Pick, PickOutcome
from skipviz.core.protocol import Outcomes
from skipviz.server.manager import Manager
from skipviz.server.process import Job

TIMED = 16
"""So many numbers, evenly over a pick's scale, are timed."""

_log = logging.getLogger(__name__)

State = Literal["waiting", "running", "finished", "stopped", "failed"]


@dataclass(eq=False)
class ClassRun:
    """The training of some numbers.

    share     of the work that is done
    message   why it failed, in a sentence
    """

    numbers: Sequence[float]
    state: State = "waiting"
    share: float = 0.0
    message: str = ""
    outcomes: list[PickOutcome] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "running")


class ClassRuns:
    """The class runs of one server, by a key of whoever asks."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self._runs: dict[str, ClassRun] = {}
        self._jobs: dict[str, Job] = {}
        self._timings: dict[Pick, Job] = {}
        self._lock = threading.Lock()

    def start(
        self, key: str, pick: Pick, numbers: Sequence[float], heard: Callable[[ClassRun], None]
    ) -> ClassRun:
        """Begins; an older run of the same key is stopped. `heard` is called after every change, by
        whichever thread made it. SpecError where there is no number, or nothing can train."""
        if not numbers:
            raise SpecError("picks: nobody has picked yet; wait for the first number")
        self.stop(key)
        run = ClassRun(tuple(numbers))

        def hear(report: Outcomes) -> None:
            run.state, run.share = "running", report.share
            run.outcomes += [
                PickOutcome(run.numbers[each["choice"]], each["losses"], each["diverged_at"])
                for each in report.outcomes
            ]
            _tell(heard, run)

        with self._lock:
            self._runs[key] = run
        try:
            job = self.manager.train_choices([*map(pick.experiment_with, run.numbers)], hear)
        except SpecError:
            self.forget(key)
            raise
        with self._lock:
            self._jobs[key] = job
        threading.Thread(target=_finish, args=(run, job, heard), daemon=True).start()
        return run

    def find(self, key: str) -> ClassRun | None:
        """The newest class run of a key; None where this server began none."""
        with self._lock:
            return self._runs.get(key)

    def stop(self, key: str) -> None:
        """Ends a class run after the step in hand; what has come of it stays."""
        with self._lock:
            run, job = self._runs.get(key), self._jobs.get(key)
        if run is not None and job is not None and not run.ended:
            self.manager.dispatcher.end_job(job)

    def forget(self, key: str) -> None:
        """Ends a class run and knows it no more."""
        self.stop(key)
        with self._lock:
            self._runs.pop(key, None)
            self._jobs.pop(key, None)

    def expected_s(self, pick: Pick, count: int) -> float | None:
        """About how many seconds so many different numbers take on this machine; None while that is
        being measured, and where nothing can train."""
        with self._lock:
            job = self._timings.get(pick)
            if job is None:
                grid = _grid(pick)
                try:
                    job = self.manager.train_choices(
                        [*map(pick.experiment_with, grid)], only_time=True
                    )
                except SpecError:
                    return None
                self._timings[pick] = job
        if not job.done.is_set():
            return None
        if job.answer.value is None:
            with self._lock:
                self._timings.pop(pick, None)
            return None
        seconds: float = job.answer.value["seconds"]
        return seconds * count / len(_grid(pick))


def _grid(pick: Pick) -> list[float]:
    """Some numbers, evenly over the scale."""
    spaced = np.geomspace if pick.log else np.linspace
    return sorted({pick.number(float(v)) for v in spaced(pick.low, pick.high, TIMED)})


def _finish(run: ClassRun, job: Job, heard: Callable[[ClassRun], None]) -> None:
    job.done.wait()
    answer = job.answer
    if answer.value is None:
        run.state, run.message = "failed", answer.error
    else:
        run.state = "stopped" if answer.value["stopped"] else "finished"
    _tell(heard, run)


def _tell(heard: Callable[[ClassRun], None], run: ClassRun) -> None:
    """Whoever cannot write down what came must not hold up the thread that hears the worker."""
    try:
        heard(run)
    except (OSError, SpecError):
        _log.exception("What came of a room's picks could not be kept")


_class_runs: WeakKeyDictionary[Manager, ClassRuns] = WeakKeyDictionary()


def of(manager: Manager) -> ClassRuns:
    """The class runs of a manager; made on first use."""
    if manager not in _class_runs:
        _class_runs[manager] = ClassRuns(manager)
    return _class_runs[manager]
