"""The learning rate of every step, as a pure function of the experiment.

Its base (the experiment's own, or what was set by hand), times a warm-up, times a schedule over the
T steps of the budget. Steps that are added to a run later are a budget of their own: a schedule
begins anew over them (a warm restart: Loshchilov and Hutter 2017), the warm-up does not.
"""

from __future__ import annotations

import math

from skipviz.core.budgets import Budget, Change
from skipviz.core.experiment import Experiment


def base(experiment: Experiment, step: int) -> float:
    """The base learning rate at a step: that of the newest change by hand, else the experiment's
    own."""
    so_far = [change.lr for change in experiment.changes if change.step <= step]
    return so_far[-1] if so_far else experiment.lr


def rate(experiment: Experiment, step: int) -> float:
    """The learning rate of the update at step k: base · warm-up · schedule.

    warmup    (k + 1)/w on the first w steps: linear (Goyal et al. 2017, section 2.2)
    step      1, from k = T/2 on 1/10, from k = 3T/4 on 1/100: divided by 10 at 32k and 48k of 64k
              iterations (He et al. 2015, section 4.2)
    cosine    (1 + cos(π·k/T))/2: to 0 at the end (Loshchilov and Hutter 2017, equation 5)

    Both count k and T from the first step of the budget that the step belongs to.
    """
    warm = min(1.0, (step + 1) / max(1, experiment.warmup))
    return base(experiment, step) * warm * _over_budget(experiment, step)


def _over_budget(experiment: Experiment, step: int) -> float:
    begin, end = budget(experiment, step)
    made, whole = step - begin, end - begin
    if experiment.schedule == "step":
        return 0.1 ** ((2 * made >= whole) + (4 * made >= 3 * whole))
    if experiment.schedule == "cosine":
        return (1 + math.cos(math.pi * min(1.0, made / whole))) / 2
    return 1.0


def budget(experiment: Experiment, step: int) -> tuple[int, int]:
    """The budget that a step belongs to: its first step, and the step before which it is, or was to
    be, used up."""
    begin = 0
    for earlier in experiment.budgets:
        if step < earlier.end:
            return begin, earlier.steps
        begin = earlier.end
    return begin, experiment.steps


def uses_up(experiment: Experiment, step: int) -> bool:
    """Is this the last step of the run's budget, or of one that it had before and used up? It is
    recorded, evaluated and drawn whatever else is."""
    ends = [earlier.end for earlier in experiment.budgets if earlier.end == earlier.steps]
    return step + 1 in (experiment.steps, *ends)


def longer(experiment: Experiment, made: int, more: int) -> Experiment:
    """The experiment of a run that made so many steps and is to make so many more. SpecError where
    they are too many."""
    earlier = [each for each in experiment.budgets if each.end < made]
    if made:
        earlier.append(Budget(end=made, steps=budget(experiment, made - 1)[1]))
    return experiment.with_(steps=made + more, seconds=0.0, budgets=earlier)


def with_lr_change(experiment: Experiment, step: int, lr: float) -> Experiment:
    """The experiment with a change of the base learning rate at a step; what was changed at the
    same step is replaced. SpecError where `lr` is no learning rate."""
    return _with(experiment, [*experiment.changes, Change(step=step, lr=lr)])


def merged(experiment: Experiment, other: Experiment) -> Experiment:
    """The experiment with the changes of both; where both have one, its own counts."""
    return _with(experiment, [*other.changes, *experiment.changes])


def _with(experiment: Experiment, changes: list[Change]) -> Experiment:
    """The experiment with these changes, in order; of two at one step the later named counts."""
    by_step = {change.step: change for change in changes}
    return experiment.with_(changes=[by_step[step] for step in sorted(by_step)])
