"""Sweeps: named experiments that run one after the other, cheapest first, as ordinary stored runs.

A sweep belongs to nobody's tab either: a thread of the server hands its runs to the queue, a few
at a time, so that others get their turn. It is found again by its id: <runs>/sweeps/<id>.json.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from skipviz.core import final, places
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.server.admission import QueueFull
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.store.store import write_json

WAITING = 1
"""So many runs of a sweep wait in the queue at a time."""

LOOK_S = 0.1

_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def cost(experiment: Experiment) -> int:
    """Multiply-adds of the whole training, roughly: what decides which run comes first."""
    of = experiment.dataset
    nets = (lane.wiring(of) for lane in experiment.lanes)
    a_sample = sum(unit.body.multiply_adds for net in nets for unit in net.units)
    return a_sample * experiment.steps * experiment.batch_size * experiment.seeds


@dataclass
class Sweep:
    """Experiments by name in the order in which they run, and the runs of those that were begun.

    kind, options   what it was made from: a page makes the same sweep again from them
    """

    id: str
    kind: str
    options: Mapping[str, Any]
    experiments: dict[str, Experiment]
    runs: dict[str, str] = field(default_factory=dict)
    stopped: bool = False
    trouble: str = ""

    @property
    def waiting(self) -> list[str]:
        """The names of the experiments that have no run yet."""
        return [name for name in self.experiments if name not in self.runs]


class Sweeps:
    """The sweeps of one server."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self._known: dict[str, Sweep] = {}
        self._read_before: dict[str, tuple[int, Sweep]] = {}
        self._lock = threading.Lock()

    def start(
        self, kind: str, options: Mapping[str, Any], experiments: Mapping[str, Experiment]
    ) -> Sweep:
        """Begins a sweep, cheapest first. SpecError where one of its experiments cannot run."""
        ordered = dict(sorted(experiments.items(), key=lambda pair: cost(pair[1])))
        sweep = Sweep(self.manager.store.new_id(), kind, dict(options), ordered)
        with self._lock:
            self._known[sweep.id] = sweep
        self._next(sweep)
        if sweep.trouble:
            raise SpecError(sweep.trouble)
        threading.Thread(target=self._feed, args=(sweep,), daemon=True).start()
        return sweep

    def find(self, sweep_id: str) -> Sweep | None:
        """The sweep with this id, from memory or from its file; None where there is none."""
        with self._lock:
            sweep = self._known.get(sweep_id)
        return sweep or self._read(sweep_id)

    def all(self) -> list[Sweep]:
        """Every sweep that can be read, the newest first."""
        folder = self.manager.store.root / "sweeps"
        files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        sweeps = [self.find(path.stem) for path in files]
        return [each for each in sweeps if each is not None]

    def stop(self, sweep: Sweep) -> None:
        """Begins no more of its runs and ends those that are under way. SpecError where that
        cannot be written down."""
        with self._lock:
            sweep.stopped = True
        for run_id in list(sweep.runs.values()):
            self.manager.stop(run_id)
        self._write(sweep)

    def run(self, sweep: Sweep, name: str) -> Run | None:
        """The run of one of the experiments; None while it has none, or where it is gone."""
        run_id = sweep.runs.get(name)
        return self.manager.find(run_id) if run_id else None

    def ended(self, sweep: Sweep) -> bool:
        """Is nothing of it under way or still to come?"""
        if sweep.waiting and not sweep.stopped:
            return False
        runs = (self.run(sweep, name) for name in sweep.runs)
        return all(run is None or run.ended for run in runs)

    # --- inside

    def _feed(self, sweep: Sweep) -> None:
        while sweep.waiting and not sweep.stopped and not self.manager.dispatcher.closing:
            newest = [self.run(sweep, name) for name in list(sweep.runs)[-WAITING:]]
            if not any(run is not None and run.status()["state"] == "queued" for run in newest):
                self._next(sweep)
            time.sleep(LOOK_S)

    def _next(self, sweep: Sweep) -> None:
        """Submits the next experiment; where the queue is full, later. Nothing once the sweep was
        stopped."""
        try:
            with self._lock:
                if sweep.stopped:
                    return
                name = sweep.waiting[0]
                sweep.runs[name] = self.manager.submit(sweep.experiments[name])
            self._write(sweep)
        except QueueFull:
            return
        except SpecError as error:
            sweep.stopped, sweep.trouble = True, str(error)

    def _path(self, sweep_id: str) -> Path:
        return self.manager.store.root / "sweeps" / f"{sweep_id}.json"

    def _write(self, sweep: Sweep) -> None:
        path = self._path(sweep.id)
        value = {
            "kind": sweep.kind,
            "options": dict(sweep.options),
            "experiments": {name: e.to_json() for name, e in sweep.experiments.items()},
            "runs": sweep.runs,
        }
        with places.disk_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, value)

    def _read(self, sweep_id: str) -> Sweep | None:
        """A sweep that another program began: an earlier server's, whose missing runs are not begun
        again, or a command's, which may still be adding some."""
        if not _ID.fullmatch(sweep_id):
            return None
        path = self._path(sweep_id)
        try:
            changed = path.stat().st_mtime_ns
            before, known = self._read_before.get(sweep_id, (0, None))
            if known is not None and before == changed:
                return known
            value = json.loads(path.read_text(encoding="utf-8"))
            experiments = {
                name: Experiment.from_json(text) for name, text in value["experiments"].items()
            }
            sweep = Sweep(
                sweep_id, value["kind"], value["options"], experiments, value["runs"], stopped=True
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        self._read_before[sweep_id] = changed, sweep
        return sweep


def final_losses(run: Run, lane: int = 0) -> list[float]:
    """The final training loss of each seed (`core.final`); infinity of a seed that diverged; empty
    before there is a frame."""
    if not run.log.n:
        return []
    return final.mean(run.log.column("step"), run.log.lane(lane, "loss")[:, :, 0])


def best(losses: Mapping[str, Sequence[float]]) -> str:
    """The name with the smallest median."""
    return min(losses, key=lambda name: float(np.median(losses[name])))


_sweeps: WeakKeyDictionary[Manager, Sweeps] = WeakKeyDictionary()


def of(manager: Manager) -> Sweeps:
    """The sweeps of a manager; made on first use."""
    if manager not in _sweeps:
        _sweeps[manager] = Sweeps(manager)
    return _sweeps[manager]
