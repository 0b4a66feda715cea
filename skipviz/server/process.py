"""A worker process as the web process holds it: started warm, given orders, listened to by a
thread."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from skipviz.core import child_processes
from skipviz.core.protocol import Answer, Hello, Measure, Order, Outcomes, Report, TrainChoices
from skipviz.server import pipe
from skipviz.server.run import Run

ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what CUDA asks for to give the same sums again
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the core to the web server
    "PYTHONUNBUFFERED": "1",
}


_SIGKILL = 9
"""Its number on every system that has it; Windows names no signal."""


class Job:
    """One measurement, or the training of choices, under way: what the worker is asked, for whom
    ("" for the lecturer), and a bell that rings with its answer. `hear` is given what comes
    before."""

    def __init__(
        self,
        order: Measure | TrainChoices,
        hear: Callable[[Outcomes], None] | None = None,
        *,
        guest: str = "",
    ) -> None:
        self.order = order
        self.hear = hear
        self.guest = guest
        self.done = threading.Event()
        self.answer = Answer(order.job)

    def end(self, answer: Answer) -> None:
        self.answer = answer
        self.done.set()


class AnyWorker(Protocol):
    """Who trains for a server, wherever: a process of this machine (`Worker`), or a place on a
    cluster (`ray_worker`). Made by a `NewWorker`, whose `on_report(worker, report)` and
    `on_end(worker)` are called from the worker's own thread.

    thread     ends when the worker has
    hello      what it said when it was warm; None before
    run, job   what it is at
    """

    thread: threading.Thread
    hello: Hello | None
    run: Run | None
    job: Job | None

    @property
    def ready(self) -> bool:
        """Is it warm?"""
        return self.hello is not None

    @property
    def idle(self) -> bool:
        """Is it warm and has nothing to do?"""
        return self.ready and self.run is None and self.job is None

    @property
    def was_killed(self) -> bool:
        """Did something kill it, as a system does whose memory runs out?"""

    def send(self, order: Order) -> bool:
        """Sends an order; False where the worker is gone. Waits for no answer."""

    def kill(self) -> None:
        """Ends it at once."""

    def close(self) -> None:
        """Ends its input: it saves what it has and goes."""


OnReport = Callable[[AnyWorker, Report], None]
OnEnd = Callable[[AnyWorker], None]
NewWorker = Callable[[OnReport, OnEnd], AnyWorker]


class Worker(AnyWorker):
    """One `python -m skipviz.worker`.

    `on_report(worker, report)` and `on_end(worker)` are called from the worker's own thread.

    hello      what it said when it was warm; None before
    run, job   what it is at
    """

    def __init__(self, on_report: OnReport, on_end: OnEnd) -> None:
        self.hello: Hello | None = None
        self.run: Run | None = None
        self.job: Job | None = None
        self._on_report, self._on_end = on_report, on_end
        self.process = subprocess.Popen(
            child_processes.command("-m", "skipviz.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_processes.environment(**ENVIRONMENT),
        )
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for report in pipe.reports(self.process.stdout):
            if isinstance(report, Hello):
                self.hello = report
            self._on_report(self, report)
        self.process.stdout.close()
        self.process.wait()
        self.close()
        self._on_end(self)

    @property
    def was_killed(self) -> bool:
        """Did something kill its process, as a system does whose memory runs out?"""
        return self.process.returncode == -_SIGKILL

    def send(self, order: Order) -> bool:
        """Sends an order; False where the process is gone."""
        assert self.process.stdin is not None
        try:
            pipe.send(self.process.stdin, order)
        except (OSError, ValueError):
            return False
        return True

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        """Ends its input: it saves what it has and goes. `wait()` or `kill()` after that."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
