"""Which run or measurement begins next, and which of the guests' runs gives way: decided from what
waits and from what the workers are at, without any process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from skipviz.core.guest import LECTURER
from skipviz.core.protocol import TrainChoices
from skipviz.server.process import Job
from skipviz.server.run import Run
from skipviz.server.waiting import Waiting

JOBS_OF_GUESTS = 1
"""So many workers measure for guests at a time: another is left for what must not wait."""


class Seat(Protocol):
    """A worker, as far as turns are concerned."""

    run: Run | None
    job: Job | None


class Turns:
    """Runs and measurements that wait.

    running   so many stored runs train at a time
    fits      whether there is memory for a guest's run beside those that train
    stored    runs with a folder; `shared` are kept in memory alone and take a moment
    resting   guests' runs that were paused and have given their worker up, by id
    """

    def __init__(self, running: int, fits: Callable[[Run, Sequence[Run]], bool]) -> None:
        self.running, self.fits = running, fits
        self.stored, self.shared = Waiting[Run](), Waiting[Run]()
        self.jobs = Waiting[Job]()
        self.resting: dict[str, Run] = {}

    def add(self, run: Run) -> None:
        """A run more that waits."""
        (self.stored if run.folder else self.shared).join(run.id, run, run.guest)

    def add_job(self, job: Job) -> None:
        """A measurement more that waits."""
        self.jobs.join(str(job.order.job), job, job.guest)

    def cancel(self, run: Run) -> bool:
        """A run less; False where it does not wait."""
        waits = self.waits(run)
        for line in (self.stored, self.shared):
            line.leave(run.id)
        self.resting.pop(run.id, None)
        return waits

    def clear(self) -> list[Run]:
        """Nothing waits any more; the runs that did."""
        runs = [*self.stored, *self.shared, *self.resting.values()]
        for run in runs:
            self.cancel(run)
        return runs

    def waits(self, run: Run) -> bool:
        """Does this run wait for a worker, or rest?"""
        return any(run.id in each for each in (self.stored, self.shared, self.resting))

    def take_back(self, run: Run) -> None:
        """A guest's run that gave way: the next of all guests'; one that is paused rests."""
        if run.wants_pause:
            self.resting[run.id] = run
        else:
            self.stored.give_back(run.id, run, run.guest)

    def steered(self, run: Run) -> None:
        """A guest's run that does not train was paused, resumed or asked for one step: paused, it
        is in nobody's way."""
        if not run.guest or run.folder is None:
            return
        steps = any(getattr(order, "do", "") == "step" for order in run.early_orders)
        if run.wants_pause and not steps and run.id in self.stored:
            self.stored.leave(run.id)
            self.resting[run.id] = run
        elif (not run.wants_pause or steps) and run.id in self.resting:
            del self.resting[run.id]
            self.stored.join(run.id, run, run.guest)

    def next(self, seats: Sequence[Seat]) -> Run | Job | None:
        """What an idle worker does now; it waits no longer. The lecturer's comes first."""
        for lecturers in (True, False):
            lines: list[tuple[Waiting[Any], bool]] = [
                (self.jobs, self._measures(seats, lecturers)),
                (self.shared, True),
                (self.stored, self._trains(seats, lecturers)),
            ]
            for line, may_begin in lines:
                if may_begin and (chosen := line.next(lecturers=lecturers)) is not None:
                    assert isinstance(chosen, Run | Job)
                    return chosen
        return None

    def to_give_way(self, seats: Sequence[Seat], idle: bool) -> list[Run]:
        """The guests' runs that leave their workers after the step in hand: all of them while the
        lecturer's run; one where the lecturer waits for something else and no worker is `idle`;
        those that are paused while others wait."""
        training = [run for run in _stored(seats) if run.guest]
        staying = [run for run in training if not run.gives_way]
        if self.lecturer_runs(seats):
            return staying
        lecturer_waits = self.jobs.has(LECTURER) or self.shared.has(LECTURER)
        if lecturer_waits and not idle and len(staying) == len(training):
            return staying[:1]
        if len(self.stored):
            return [run for run in staying if run.status().get("paused")]
        return []

    def lecturer_runs(self, seats: Sequence[Seat]) -> bool:
        """Does a run of the lecturer's train, or wait for its turn? What a class picked is trained
        for him."""
        if any(map(_is_lecturers_class_run, [*self.jobs, *(seat.job for seat in seats)])):
            return True
        training = (run for run in _stored(seats) if not run.guest)
        return self.stored.has(LECTURER) or any(not run.status().get("paused") for run in training)

    def _measures(self, seats: Sequence[Seat], lecturers: bool) -> bool:
        of_guests = sum(seat.job is not None and bool(seat.job.guest) for seat in seats)
        return lecturers or of_guests < JOBS_OF_GUESTS

    def _trains(self, seats: Sequence[Seat], lecturers: bool) -> bool:
        """May one more stored run begin?"""
        training = _stored(seats)
        if lecturers:
            return sum(not run.guest for run in training) < self.running
        if self.lecturer_runs(seats) or len(training) >= self.running:
            return False
        first = next(iter(self.stored), None)
        of_guests = [run for run in training if run.guest]
        return first is not None and (not of_guests or self.fits(first, of_guests))


def _is_lecturers_class_run(job: Job | None) -> bool:
    return job is not None and job.guest == LECTURER and isinstance(job.order, TrainChoices)


def _stored(seats: Sequence[Seat]) -> list[Run]:
    """The stored runs that train."""
    runs = (seat.run for seat in seats)
    return [run for run in runs if run is not None and run.folder is not None]
