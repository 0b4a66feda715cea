"""Ends guests' runs that nobody watches, and those that have trained for as long as they may; keeps
the times that waiting runs are told up to date."""

from __future__ import annotations

import logging
import threading

from skipviz.core.limits import Limits
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.run import Run

_log = logging.getLogger(__name__)

LOOK_S = 1.0


class Leases:
    """A thread that looks at all guests' runs every second, while the server runs."""

    def __init__(self, dispatcher: Dispatcher, limits: Limits) -> None:
        self.dispatcher, self.limits = dispatcher, limits
        self._over = threading.Event()

    def start(self) -> None:
        """Begins to look."""
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Looks no more."""
        self._over.set()

    def look(self) -> None:
        """Ends what has had its time."""
        for run in self.dispatcher.under_way():
            why = self._over_for(run)
            if why and not run.ending:
                self.dispatcher.stop(run, why)
        self.dispatcher.dispatch()

    def _over_for(self, run: Run) -> str:
        """Why this run ends now; empty where it does not."""
        if run.unwatched_s > 60 * self.limits.lease_minutes:
            return f"nobody watched it for {_minutes(self.limits.lease_minutes)}; it can go on"
        if run.with_worker_s > 60 * self.limits.guest_minutes:
            return (
                f"it has trained for {_minutes(self.limits.guest_minutes)}, as long as a guest's"
                " run may here"
            )
        return ""

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            try:
                self.look()
            except Exception:  # whatever it was, it must not be the last look
                _log.exception("guests' runs could not be looked at")


def _minutes(count: float) -> str:
    return "a minute" if count == 1 else f"{count:g} minutes"
