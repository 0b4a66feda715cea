"""The learning rate of every step, as a pure function of the experiment.

Its base (the experiment's own, or what was set by hand), times a warm-up, times a schedule over the
T steps of the budget.
"""

from __future__ import annotations

import math

from skipviz.core.experiment import Change, Experiment


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
    """
    warm = min(1.0, (step + 1) / max(1, experiment.warmup))
    return base(experiment, step) * warm * _over_budget(experiment, step)


def _over_budget(experiment: Experiment, step: int) -> float:
    if experiment.schedule == "step":
        return 0.1 ** ((2 * step >= experiment.steps) + (4 * step >= 3 * experiment.steps))
    if experiment.schedule == "cosine":
        return (1 + math.cos(math.pi * min(1.0, step / experiment.steps))) / 2
    return 1.0


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
