"""The learning rate of every step, as a pure function of the experiment."""

from __future__ import annotations

from skipviz.spec import Change, Experiment


def base(experiment: Experiment, step: int) -> float:
    """The base learning rate at a step: that of the newest change by hand, else the experiment's
    own."""
    so_far = [change.lr for change in experiment.changes if change.step <= step]
    return so_far[-1] if so_far else experiment.lr


def rate(experiment: Experiment, step: int) -> float:
    """The learning rate of the update at a step."""
    return base(experiment, step)


def changed(experiment: Experiment, step: int, lr: float) -> Experiment:
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
