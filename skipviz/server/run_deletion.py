"""Deletes a server's runs: by hand, to be had back for a day, and for good where they take too much
of the disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from skipviz.core.knob import SpecError
from skipviz.core.protocol import ENDED
from skipviz.store import deleted_runs
from skipviz.store.history import Entry, History
from skipviz.store.store import Store

_log = logging.getLogger(__name__)


class RunDeletion:
    """What deletes a server's runs.

    forget       lets go of a run before it is deleted; SpecError while it is under way
    most_bytes   what all runs may take on disk just now; 0: any
    """

    def __init__(
        self, store: Store, forget: Callable[[str], None], most_bytes: Callable[[], int]
    ) -> None:
        self._store, self._forget, self._most_bytes = store, forget, most_bytes
        self._lock = threading.Lock()

    def delete(self, run_id: str) -> None:
        """Deletes a run; for a day `deleted_runs.undelete` brings it back. SpecError where it is
        under way, in this server or another, or there is none."""
        if self._store.status(run_id).get("state") not in ENDED:
            raise SpecError(f"run '{run_id}': is under way; stop it before you delete it")
        self._forget(run_id)
        deleted_runs.delete(self._store, run_id)

    def make_room(self) -> list[Entry]:
        """Deletes runs for good until all take no more than they may: the oldest that are over and
        not pinned; which they were."""
        most = self._most_bytes()
        if not most:
            return []
        with self._lock:
            history = History(self._store)
            history.refresh()
            going = history.next_to_go(most)
            for entry in going:
                self.delete(entry.id)
                deleted_runs.purge(self._store, at_once=[entry.id])
            history.refresh()
        return going

    def make_room_meanwhile(self) -> None:
        """The same in a thread: nobody waits for it. What it cannot do is in the log."""
        if self._most_bytes():
            threading.Thread(target=self._make_room_or_log).start()

    def _make_room_or_log(self) -> None:
        try:
            self.make_room()
        except (SpecError, OSError) as error:
            _log.warning("old runs could not be deleted: %s", error)
