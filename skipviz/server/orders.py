"""What can be asked of a run under way, and of one that was broken off."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from skipviz.core.budgets import Change
from skipviz.core.experiment import Experiment
from skipviz.core.fields import FIELDS
from skipviz.core.knob import Knob, SpecError, show
from skipviz.core.protocol import (
    OrderKind,
    SetValue,
    Status,
    Steer,
    SteerKind,
    Train,
    ValueKind,
)
from skipviz.core.schedule import base, longer
from skipviz.server.run import Run
from skipviz.store.store import Store

ANSWER_S = 0.3
"""Whoever asks waits so long for the worker's word; a step that takes longer answers later."""

BLOCKED = "a run before it is paused: resume or stop that one"
"""What the runs in the queue are told while one stands still."""

_PACE = Knob(
    "pace",
    "float",
    "Slow motion",
    "Steps per second; 0: as fast as it goes.",
    0.0,
    low=0,
    high=1000,
)
_STEERING: dict[str, SteerKind] = {
    "pause": OrderKind.PAUSE,
    "resume": OrderKind.RESUME,
    "step": OrderKind.STEP,
}
_VALUES: dict[str, tuple[ValueKind, Knob]] = {
    "pace": (OrderKind.PACE, _PACE),
    "lr": (OrderKind.LEARNING_RATE, FIELDS["lr"]),
}


def order(run: Run, action: str, values: dict[str, Any]) -> Steer | SetValue:
    """The order of an action: pause, resume, step, or pace or lr with its `value`.

    SpecError for anything else, and for a run that is not under way.
    """
    actions = (*_STEERING, *_VALUES)
    if action not in actions:
        raise SpecError(f"control {show(action)}: must be one of {', '.join(actions)}")
    if set(values) != ({"value"} if action in _VALUES else set()):
        needs = "its value and nothing else" if action in _VALUES else "no value"
        raise SpecError(f"control {show(action)}: takes {needs}")
    state = run.status()["state"]
    if run.ended:
        raise SpecError(f"run {show(run.id)}: it has {_word(state)}; there is nothing to {action}")
    if action in _STEERING:
        return Steer(_STEERING[action], run.id)
    kind, knob = _VALUES[action]
    return SetValue(kind, run.id, knob.parse(values["value"]))


def _word(state: str) -> str:
    return {"stopped": "been stopped", "interrupted": "been interrupted"}.get(state, state)


def expected(order: Steer | SetValue) -> Status:
    """What the status of a run in the queue says of an order that it will begin with."""
    if isinstance(order, Steer):
        return {"paused": order.do is not OrderKind.RESUME}
    if order.do is OrderKind.PACE:
        return {"pace": order.value}
    return {"lr": order.value}


def wait(run: Run, number: int) -> None:
    """Waits a moment until the worker says that it has heard the order of this number."""
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until and not run.ended and run.status().get("heard", 0) < number:
        time.sleep(0.005)


def goes_on(run: Run) -> bool:
    """Was this run broken off before its budget was used up, so that it can go on? One that was
    interrupted after its last step has yet to be brought to its end."""
    status = run.status()
    is_short = status.get("step", 0) < run.experiment.steps
    broken_off = status["state"] == "interrupted" or (status["state"] == "stopped" and is_short)
    return broken_off and run.folder is not None


class Accident(NamedTuple):
    """A lane diverged at step `diverged_at`, with the learning rate that `change` had raised by
    hand from `before`."""

    lane: int
    diverged_at: int
    change: Change
    before: float


def accident(run: Run) -> Accident | None:
    """The first divergence under a learning rate that was raised by hand; None where there was
    none."""
    changes = run.experiment.changes
    if not changes or not run.log.n:
        return None
    ends = [run.log.diverged_at(lane, run.log.n - 1) for lane in range(len(run.log.tracks))]
    dead = sorted((end, lane) for lane, end in enumerate(ends) if end is not None)
    for end, lane in dead:
        so_far = [change for change in changes if change.step <= end]
        if so_far and so_far[-1].lr > (before := base(run.experiment, so_far[-1].step - 1)):
            return Accident(lane, end, so_far[-1], before)
    return None


def can_be_longer(run: Run) -> bool:
    """Can this run be trained for more steps than it was to have?"""
    state, is_whole = run.status()["state"], run.folder is not None and Store.is_id(run.id)
    return is_whole and state in ("finished", "stopped", "interrupted")


def made(run: Run) -> int:
    """How many steps a run that is over has made: its frames may know of more than its status."""
    return max(int(run.status().get("step", 0)), run.log.last_step + 1)


def further(run: Run, more_steps: int = 0) -> Experiment:
    """The experiment of a run that is taken up again: its own, or for so many steps more than it
    has made. SpecError where it cannot go on."""
    check_goes_on(run, more_steps)
    return longer(run.experiment, made(run), more_steps) if more_steps else run.experiment


def take_up(run: Run, experiment: Experiment) -> None:
    """A run that is over waits for a worker again, with this experiment (`further`)."""
    if experiment != run.experiment:
        run.train_longer(experiment)
    run.begin_again()
    run.save_status(state="queued", message="")


def check_goes_on(run: Run, more_steps: int = 0) -> None:
    """SpecError where a run cannot go on, or not for so many steps more than it has made (0: to
    the end of its budget)."""
    if more_steps < 0:
        raise SpecError(f"more steps {more_steps}: must be a whole number from 1")
    if can_be_longer(run) if more_steps else goes_on(run):
        return
    if Store.is_recorded(run.id):
        why = "a recording has no weights; train its scene"
    elif run.folder is None:
        why = "only stored runs can go on"
    elif not run.ended:
        why = "it is under way already"
    elif run.status()["state"] == "failed":
        why = "it failed; begin it anew"
    else:
        why = "its budget is used up; train it for more steps"
    raise SpecError(f"run {show(run.id)}: {why}")


def training(run: Run) -> Train:
    """The order to train a run, from its first step or from its checkpoint."""
    folder = str(run.folder) if run.folder else None
    return Train(
        run.id,
        run.experiment.to_json(),
        folder,
        resume=run.breaks > 0,
        begins_with=max((each.number for each in run.early_orders), default=0),
    )
