"""A place on a Ray cluster as the web process holds it: to the dispatcher the same as a process of
this machine (`server.process.Worker`).

One actor for each run or measurement, killed when it is over: a finished actor would keep its share
of a GPU. Ray tries nothing again: queue, attempts and resuming are ours.
"""

from __future__ import annotations

import logging
import queue
import threading

from skipviz.core.protocol import (
    ENDED,
    Answer,
    Hello,
    Measure,
    Order,
    Progress,
    Train,
    TrainChoices,
)
from skipviz.server.process import AnyWorker, Job, OnEnd, OnReport
from skipviz.server.ray_cluster import Cluster, Line, Lost
from skipviz.server.run import Run

_log = logging.getLogger(__name__)


class ClusterWorker(AnyWorker):
    """A place for one run at a time; it is warm when the cluster has answered."""

    def __init__(self, on_report: OnReport, on_end: OnEnd, cluster: Cluster) -> None:
        self.hello: Hello | None = None
        self.run: Run | None = None
        self.job: Job | None = None
        self._on_report, self._on_end, self._cluster = on_report, on_end, cluster
        self._lines: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        self._line: Line | None = None
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    @property
    def was_killed(self) -> bool:
        """Nobody knows it of a process elsewhere."""
        return False

    def send(self, order: Order) -> bool:
        """Sends an order; False where this place is lost."""
        if isinstance(order, Train | Measure | TrainChoices):
            self._line = Line(self._cluster)
            self._line.send(order)
            self._lines.put(self._line)
        elif self._line is not None:
            self._line.send(order)
        return self.thread.is_alive()

    def kill(self) -> None:
        """Ends what is done here at once."""
        if self._line is not None:
            self._line.end()

    def close(self) -> None:
        """Ends its input: what trains saves what it has and goes."""
        if self._line is not None:
            self._line.end_input()
        self._lines.put(None)

    # --- its thread

    def _live(self) -> None:
        try:
            self.hello = self._cluster.hello()
            self._on_report(self, self.hello)
            while (line := self._lines.get()) is not None and self._carry_out(line):
                pass
        except Lost as error:
            _log.error("The cluster trains nothing: %s.", error)
        self._on_end(self)

    def _carry_out(self, line: Line) -> bool:
        """One run or measurement with an actor of its own; False where that was lost."""
        try:
            line.begin()
            for report in line.reports():
                if isinstance(report, Hello):
                    continue
                self._on_report(self, report)
                if isinstance(report, Answer):
                    return True
                if isinstance(report, Progress) and report.status["state"] in ENDED:
                    return True
        finally:
            line.end()
        return False
