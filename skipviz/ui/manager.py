"""The server's manager as pages have it: whoever acts through it is asked whether he may.

Pages have no other (`tests/access/test_guarded.py`), so that none can forget to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from skipviz.access.roles import Action
from skipviz.core.experiment import Experiment
from skipviz.core.picks import Pick
from skipviz.core.placing import Placing
from skipviz.core.protocol import Device
from skipviz.exchange.run_import import import_run
from skipviz.exchange.site_archive import site_archive
from skipviz.server import class_run, manager, sweep
from skipviz.server.class_run import ClassRun
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.server.sweep import Sweep
from skipviz.store import deleted_runs, run_marks
from skipviz.store.history import History
from skipviz.store.store import Store
from skipviz.ui import access


class Guarded:
    """What pages may ask of the manager. What acts raises SpecError where this page's visitor may
    not do it."""

    def __init__(self, owner: Manager) -> None:
        self._owner = owner
        self.sweeps = GuardedSweeps(sweep.of(owner))
        self.class_runs = GuardedClassRuns(class_run.of(owner))

    # --- what only looks

    @property
    def store(self) -> Store:
        return self._owner.store

    @property
    def trouble(self) -> str:
        """Why no worker trains; empty where one does."""
        return self._owner.dispatcher.trouble

    def devices(self) -> list[Device]:
        """Which devices there are, with their memory in bytes."""
        return self._owner.dispatcher.devices()

    def placing(self) -> Placing:
        """Where device `auto` trains which nets."""
        return self._owner.dispatcher.placing()

    def find(self, run_id: str) -> Run | None:
        """The run of this id; this page watches it."""
        run = self._owner.find(run_id)
        if run is not None:
            run.seen()
        return run

    def finished(self, experiment: Experiment) -> Run | None:
        return self._owner.finished(experiment)

    def under_way(self, experiment: Experiment) -> Run | None:
        return self._owner.under_way(experiment)

    def recent(self, most: int) -> list[dict[str, Any]]:
        return self._owner.recent(most)

    @property
    def history(self) -> History:
        """All stored runs, for lists."""
        return History(self._owner.store)

    def watch(self, runs: Iterable[Run]) -> None:
        """This page waits for all of these runs, whichever it shows: nobody ends them for want of
        a viewer."""
        for run in runs:
            run.seen()

    # --- what acts

    def mark(self, run_id: str, **changes: Any) -> None:
        """Names, annotates or pins a run (`run_marks.Marks`)."""
        access.require(Action.KEEP_RUNS)
        run_marks.mark(self._owner.store, run_id, **changes)

    def delete(self, run_id: str) -> None:
        """Deletes a run; for a day it can be had back."""
        access.require(Action.DELETE_RUNS)
        self._owner.deletion.delete(run_id)

    def undelete(self, run_id: str) -> None:
        """Brings a deleted run back."""
        access.require(Action.DELETE_RUNS)
        deleted_runs.undelete(self._owner.store, run_id)

    def import_run(self, path: Path) -> str:
        """Takes in a run that was exported as a zip; the id that it has here."""
        access.require(Action.IMPORT_RUNS)
        run_id = import_run(path, self._owner.store)
        self._owner.deletion.make_room_meanwhile()
        return run_id

    def course_site(self, scenes: Sequence[str], runs: Sequence[str]) -> bytes:
        """The course as a zipped web site (`site_archive`)."""
        access.require(Action.MAKE_SITE)
        return site_archive(self._owner.store.root, scenes, runs)

    def submit(self, experiment: Experiment) -> str:
        access.require(Action.TRAIN)
        return self._owner.submit(experiment, access.guest())

    def join(self, experiment: Experiment) -> str:
        access.require(Action.TRAIN)
        return self._owner.join(experiment, access.guest())

    def shared(self, experiment: Experiment) -> str:
        access.require(Action.PREVIEW)
        return self._owner.shared(experiment, access.guest())

    def stop(self, run_id: str) -> None:
        access.require_control(self._owner.find(run_id))
        self._owner.stop(run_id)

    def control(self, run_id: str, action: str, **values: Any) -> None:
        access.require_control(self._owner.find(run_id))
        self._owner.control(run_id, action, **values)

    def resume(self, run_id: str, more_steps: int = 0) -> None:
        access.require_control(self._owner.find(run_id))
        self._owner.resume(run_id, access.guest(), more_steps=more_steps)

    def measure(
        self, run_id: str, key: str, options: dict[str, Any], seed_index: int = 0
    ) -> dict[str, Any]:
        """What was measured before, anybody may see who may look."""
        if access.may(Action.MEASURE):
            guest = access.guest()
            return self._owner.measure(run_id, key, options, seed_index, guest=guest)
        answer = self._owner.kept_answer(run_id, key, options, seed_index)
        if answer is None:
            access.require(Action.MEASURE)
        assert answer is not None
        return answer


class GuardedSweeps:
    """The sweeps of the server as pages have them."""

    def __init__(self, owner: sweep.Sweeps) -> None:
        self._owner = owner

    def find(self, sweep_id: str) -> Sweep | None:
        return self._owner.find(sweep_id)

    def all(self) -> list[Sweep]:
        """Every sweep, the newest first."""
        return self._owner.all()

    def run(self, shown: Sweep, name: str) -> Run | None:
        return self._owner.run(shown, name)

    def ended(self, shown: Sweep) -> bool:
        return self._owner.ended(shown)

    def start(
        self, kind: str, options: Mapping[str, Any], experiments: Mapping[str, Experiment]
    ) -> Sweep:
        access.require(Action.SWEEP)
        return self._owner.start(kind, options, experiments)

    def stop(self, shown: Sweep) -> None:
        access.require(Action.SWEEP)
        self._owner.stop(shown)


class GuardedClassRuns:
    """The class runs of the server as pages have them."""

    def __init__(self, owner: class_run.ClassRuns) -> None:
        self._owner = owner

    def find(self, key: str) -> ClassRun | None:
        return self._owner.find(key)

    def expected_s(self, pick: Pick, count: int) -> float | None:
        """About how many seconds so many numbers take; measuring it trains some steps."""
        access.require(Action.LECTURE)
        return self._owner.expected_s(pick, count)

    def start(
        self, key: str, pick: Pick, numbers: Sequence[float], heard: Callable[[ClassRun], None]
    ) -> ClassRun:
        access.require(Action.LECTURE)
        return self._owner.start(key, pick, numbers, heard)

    def forget(self, key: str) -> None:
        access.require(Action.LECTURE)
        self._owner.forget(key)


def current() -> Guarded:
    """The server's manager, guarded."""
    return Guarded(manager.current())
