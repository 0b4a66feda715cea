"""The runs that this server holds in memory; others are read from their folders when asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from skipviz.core.atomic_files import read_json
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import ENDED
from skipviz.server.run import Run
from skipviz.store import data_origin
from skipviz.store.store import Store

KEPT = 64
"""So many runs stay in memory; an older one is read from its folder again when somebody asks."""
KEPT_BYTES = 8 * 2**20
"""Frames of runs that are over take no more: those of runs asked for longest ago rest on disk."""


class KeptRuns:
    """Runs by id; those asked for longest ago first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.RLock()
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[Run]:
        with self._lock:
            return iter(list(self._runs.values()))

    def get(self, run_id: str) -> Run | None:
        """The run of this id if it is in memory."""
        with self._lock:
            return self._runs.get(run_id)

    def keep(self, run: Run) -> None:
        """Remembers a run and forgets the oldest that has ended."""
        with self._lock:
            self._runs[run.id] = run
            ended = [other.id for other in self._runs.values() if other.ended]
            for run_id in ended[: max(0, len(self._runs) - KEPT)]:
                del self._runs[run_id]
            self._lighten()

    def find(self, run_id: str) -> Run | None:
        """The run with this id, from memory or from its folder; None where there is none."""
        with self._lock:
            run = self._still_known(run_id)
            if run is not None:
                self._runs.move_to_end(run_id)
                self._lighten()
                if run.ended and run.folder is not None and not self.store.is_recorded(run_id):
                    self._look_at_data(run)
                return run
        try:
            experiment = self.store.experiment(run_id)
        except SpecError:
            return None
        return self._load(run_id, experiment)

    def forget(self, run_id: str) -> None:
        """Lets go of a run."""
        with self._lock:
            self._runs.pop(run_id, None)

    def known(self, run_id: str) -> Run:
        """The run with this id. SpecError where there is none."""
        run = self.find(run_id)
        if run is None:
            raise SpecError(f"run {show(run_id)}: there is no such run on this machine")
        return run

    def stored(self, run_id: str) -> tuple[Run, Path]:
        """A stored run and its folder. SpecError where there is none."""
        run = self.find(run_id)
        if run is None or run.folder is None:
            raise SpecError(f"run {show(run_id)}: there is no such stored run")
        return run, run.folder

    def recent(self, most: int) -> list[dict[str, Any]]:
        """The newest stored runs: id, experiment, state, step. What cannot be read is left out."""
        runs = []
        for run_id in self.store.runs()[:most]:
            try:
                experiment = self.store.experiment(run_id)
            except SpecError:
                continue
            run = self.get(run_id)
            status = run.status() if run else self.store.status(run_id)
            remark = data_origin.remark(self.store.data(run_id))
            runs.append({"run": run_id, "experiment": experiment, "data": remark, **status})
        return runs

    # --- inside

    def _lighten(self) -> None:
        """Lets the runs that were asked for longest ago rest, while all take too much memory."""
        bytes_in_memory = sum(run.nbytes for run in self._runs.values())
        for run in list(self._runs.values())[:-1]:
            if bytes_in_memory <= KEPT_BYTES:
                return
            before = run.nbytes
            run.rest()
            bytes_in_memory -= before - run.nbytes

    def _still_known(self, run_id: str) -> Run | None:
        """The run of this id in memory; not one that another program has trained further since."""
        run = self._runs.get(run_id)
        if run is None or run.folder is None or not run.ended or self.store.is_recorded(run_id):
            return run
        lies_there = read_json(run.folder / "status.json")
        is_over, step = lies_there.get("state") in ENDED, lies_there.get("step")
        if is_over and isinstance(step, int) and step > run.status().get("step", 0):
            del self._runs[run_id]
            return None
        return run

    def _look_at_data(self, run: Run) -> None:
        """The set of a run that is over may have been removed or replaced since it was read."""
        with suppress(SpecError):
            run.experiment = self.store.experiment(run.id)

    def _load(self, run_id: str, experiment: Experiment) -> Run:
        """A run from its folder; kept only if it is over."""
        run = Run(run_id, experiment, self.store.folder(run_id), rests=True)
        run.guest = self.store.guest(run_id)
        run.update(**self.store.status(run_id))
        with self._lock:
            run_in_memory = self._runs.get(run_id)
            if run_in_memory is None and run.ended:  # else another program trains it: read anew
                self.keep(run)
            return run_in_memory or run
