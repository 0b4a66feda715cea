"""Which stored runs are of exactly one experiment: an index that reads each run's folder once.

Known(store).of(experiment)   their ids, the newest first
"""

from __future__ import annotations

import os
import threading
import time

from skipviz.core.experiment import Experiment
from skipviz.store.store import Store

FRESH_S = 2.0
"""A change of the store so recent may be followed by another that leaves the same time stamp."""


class Known:
    """The experiments of all stored runs, as they lie on disk.

    The store's folder is listed again only when its time stamp has changed, and of a run only
    `experiment.json` is read, once for each time stamp of that file.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._stamp = 0
        self._read: dict[str, tuple[int, str]] = {}  # id: (time stamp of its file, the JSON)

    def of(self, *experiments: Experiment) -> list[str]:
        """The ids of the runs whose stored experiment is one of these to the letter, newest first.

        A run whose learning rate was changed by hand is of another experiment, and so is one that
        another version of the program wrote with other fields.
        """
        wanted = {experiment.to_json() for experiment in experiments}
        with self._lock:
            self._list()
            alike = [run_id for run_id, (_, text) in self._read.items() if text in wanted]
            alike = [run_id for run_id in alike if self._text(run_id) in wanted]
            return sorted(alike, key=lambda run_id: self._read[run_id][0], reverse=True)

    def _list(self) -> None:
        """Brings the index up to date where runs came or went."""
        try:
            stamp = self._store.root.stat().st_mtime_ns
        except OSError:
            self._read.clear()
            return
        if stamp == self._stamp:
            return
        there = [run_id for run_id in os.listdir(self._store.root) if self._store.is_id(run_id)]
        self._read = {run_id: self._read.get(run_id, (0, "")) for run_id in there}
        for run_id, (read, _) in list(self._read.items()):
            if not read:
                self._text(run_id)
        settled = time.time_ns() - stamp > FRESH_S * 1e9
        self._stamp = stamp if settled else 0

    def _text(self, run_id: str) -> str:
        """The run's experiment as it lies there now; empty where there is none."""
        path = self._store.folder(run_id) / "experiment.json"
        try:
            stamp = path.stat().st_mtime_ns
            if self._read[run_id][0] != stamp:
                self._read[run_id] = (stamp, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            self._read[run_id] = (0, "")
        return self._read[run_id][1]
