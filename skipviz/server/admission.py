"""May this run begin here? Refused in one sentence that says what to reduce, before anything is
allocated."""

from __future__ import annotations

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.limits import Limits
from skipviz.server.needs import needs, reduce, reduce_time


class QueueFull(SpecError):
    """What is asked for fits here, but too much waits already: the same may be asked again."""


def check(experiment: Experiment, limits: Limits, multiply_adds_per_s: float) -> None:
    """SpecError where a guest's run would take more than `limits` let it, on a device that does so
    many multiply-adds a second."""
    if experiment.steps > limits.guest_steps:
        raise _refusal(
            f"{experiment.steps} steps",
            f"{limits.guest_steps}",
            f"take at most {limits.guest_steps}",
        )
    need = needs(experiment)
    if need.parameters > limits.guest_parameters:
        seeds = f"fewer seeds (now {experiment.seeds}), " if experiment.seeds > 1 else ""
        raise _refusal(
            f"{need.parameters:,} parameters",
            f"{limits.guest_parameters:,}",
            f"take {seeds}less width or depth",
        )
    megabytes = need.memory_bytes / 2**20
    if megabytes > limits.guest_memory_mb:
        raise _refusal(
            f"about {megabytes:.0f} MB of memory",
            f"{limits.guest_memory_mb:.0f} MB",
            reduce(experiment),
        )
    step_s = need.step_s(multiply_adds_per_s)
    if step_s > limits.guest_step_s:
        raise _refusal(
            f"about {step_s:.2g} s for each step",
            f"{limits.guest_step_s:.2g} s",
            reduce_time(experiment),
        )


def _refusal(takes: str, most: str, advice: str) -> SpecError:
    return SpecError(
        f"guest's run: it takes {takes}, and a guest's may take {most} on this server; {advice}"
    )


def has_room(limits: Limits, *, own: int, of_guests: int) -> None:
    """QueueFull where a guest has as many runs under way as he may (`own`), or where as many wait
    of all guests."""
    if own >= limits.guest_runs:
        what = "run is" if own == 1 else "runs are"
        raise QueueFull(f"queue: {own} of your {what} under way; stop one, or wait for it")
    if of_guests >= limits.waiting:
        raise QueueFull(f"queue: {of_guests} runs are waiting already; try again in a minute")


def may_ask(limits: Limits, waiting: int) -> None:
    """QueueFull where as many of a guest's measurements wait as may."""
    if waiting >= limits.guest_runs:
        raise QueueFull(f"queue: {waiting} of your measurements are waiting; try again in a moment")


def has_time(limits: Limits, with_worker_s: float) -> None:
    """SpecError where a guest's run has trained for as long as it may."""
    if with_worker_s >= 60 * limits.guest_minutes:
        raise SpecError(
            f"guest's run: it has trained for {limits.guest_minutes:g} minutes, as long as a"
            " guest's may on this server; begin another with fewer steps"
        )
