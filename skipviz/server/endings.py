"""What is said of a run whose end its worker could not tell."""

from __future__ import annotations

from skipviz.core.protocol import Status
from skipviz.server.needs import reduce
from skipviz.server.process import AnyWorker
from skipviz.server.run import Run


def loss(worker: AnyWorker, run: Run) -> str:
    """What is said of a run whose worker was lost, or killed because it did not heed a stop."""
    steps = steps_of(run.status())
    if run.stopping:
        return run.why_ended or f"stopped after {steps}"
    if worker.was_killed:
        return (
            f"its worker was killed after {steps}, as a machine does that runs out of memory:"
            f" {reduce(run.experiment)}"
        )
    return f"its worker was lost after {steps}"


def unbegun(run: Run) -> str:
    """What is said of a run that waits when the server ends."""
    if run.status().get("step", 0):
        return f"the server ended after {steps_of(run.status())}"
    return "the server ended before it began"


def steps_of(status: Status) -> str:
    return f"{status.get('step', 0)} steps"
