"""A class as the experiment: many choices of one number, each trained once, in stacks of one shape.

A choice is an ordinary experiment; they differ in the learning rate or in knobs of their lanes. All
see the same batches, each net keeps a learning rate of its own, and what comes of a choice are the
numbers that its experiment gives alone: to the last bit with the fused kernel, else to rounding.

Nets are trained a few at a time, the smallest first: their weights stay in the processor's cache,
and results come in one after the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import nn

from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.protocol import ChoiceOutcome
from skipviz.core.schedule import rate
from skipviz.core.wiring import Wiring
from skipviz.engine import device as devices
from skipviz.engine.batches import Batches
from skipviz.engine.device_choice import with_device
from skipviz.engine.fused.stack import FusedStack, learn_together
from skipviz.engine.grouping import grouped, stack_of, stackable
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, StackShape

NETS = 16
"""About so many nets are trained at a time."""

TIMED_STEPS = 8


@dataclass(eq=False)
class _Net:
    """One net: of which choice, lane and seed, and what is read of its loss."""

    choice: int
    lane: int
    seed: int
    module: nn.Module
    wiring: Wiring
    shape: StackShape
    losses: list[float] = field(default_factory=list)
    diverged_at: int | None = None


class Choices:
    """The training of all choices. SpecError where one of them cannot stand in a stack, or differs
    from the others in more than a learning rate and its lanes."""

    def __init__(self, experiments: Sequence[Experiment]) -> None:
        self.experiments = [with_device(experiment) for experiment in experiments]
        self.first = first = self.experiments[0]
        for experiment in self.experiments:
            _check(experiment, first)
        self.device = devices.pick(first.device)
        self.batches = Batches(first, self.device)
        self._modules: dict[tuple[Lane, int], nn.Module] = {}
        self._shapes = [
            [self._shape(lane, experiment) for lane in experiment.lanes]
            for experiment in self.experiments
        ]

    def train(
        self, leave: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[float, list[ChoiceOutcome]]]:
        """Trains them, or ends where `leave` says so. After every step: which share of the work is
        done, and what came of the choices that have just ended."""
        whole, done = sum(map(self._work, range(len(self.experiments)))), 0.0
        for group in self._groups():
            nets = [net for choice in group for net in self._nets(choice)]
            work = sum(map(self._work, group)) / whole
            for step in self._steps(nets):
                if leave():
                    return
                over = step == self.first.steps
                outcomes = [self._outcome(choice, nets) for choice in group] if over else []
                yield done + work * step / self.first.steps, outcomes
            done += work

    def seconds(self) -> float:
        """About how long all of it takes here: some steps of the largest nets are timed."""
        group = self._groups()[-1]
        steps = self._steps([net for choice in group for net in self._nets(choice)])
        times = [time.perf_counter() for _ in islice(steps, TIMED_STEPS + 1)]
        steps.close()
        a_step = (times[-1] - times[0]) / max(1, len(times) - 1)
        share = sum(map(self._work, group)) / sum(map(self._work, range(len(self.experiments))))
        return a_step * self.first.steps / share

    def _shape(self, lane: Lane, experiment: Experiment) -> StackShape:
        shape = stackable(lane, experiment, self.device)
        if shape is None or shape.sides:  # convolutional: in the kernel's stacks alone
            raise SpecError(
                f"choices: {lane.name(experiment.dataset)} cannot stand in a stack on the"
                f" {self.device.type}; take dense nets"
            )
        return shape

    def _work(self, choice: int) -> int:
        """About how much a step of a choice is, in multiply-adds of a sample."""
        return self.first.seeds * sum(shape.products for shape in self._shapes[choice])

    def _groups(self) -> list[list[int]]:
        """The choices by number, a few at a time, the smallest nets first."""
        order = sorted(range(len(self.experiments)), key=self._work)
        at_once = max(1, NETS // (len(self.first.lanes) * self.first.seeds))
        return [order[i : i + at_once] for i in range(0, len(order), at_once)]

    def _nets(self, choice: int) -> list[_Net]:
        """The nets of a choice; nets that begin with the same weights share their module, which is
        only read."""
        experiment, nets = self.experiments[choice], []
        for number, lane in enumerate(experiment.lanes):
            for seed in range(experiment.seed, experiment.seed + experiment.seeds):
                if (lane, seed) not in self._modules:
                    net = make_net(lane, experiment.dataset, seed)
                    self._modules[lane, seed] = net.to(self.device)
                module = self._modules[lane, seed]
                wiring = lane.wiring(experiment.dataset)
                shape = self._shapes[choice][number]
                nets.append(_Net(choice, number, seed, module, wiring, shape))
        return nets

    def _stacks(self, nets: Sequence[_Net]) -> list[tuple[Stack | FusedStack, list[_Net]]]:
        stacks = []
        for numbers in grouped([net.shape for net in nets]):
            members = [nets[number] for number in numbers]
            stack = stack_of(
                self.first, [net.module for net in members], [net.wiring for net in members],
                [net.shape for net in members], [net.seed for net in members], self.device,
            )  # fmt: skip
            stacks.append((stack, members))
        return stacks

    def _steps(self, nets: Sequence[_Net]) -> Generator[int]:
        """Trains nets to the end of their steps; yields how many are done."""
        threads = torch.get_num_threads()
        torch.set_num_threads(devices.threads(self.first))
        try:
            yield from self._learn(nets)
        finally:
            torch.set_num_threads(threads)

    def _learn(self, nets: Sequence[_Net]) -> Iterator[int]:
        first, stacks, seeds = self.first, self._stacks(nets), {net.seed for net in nets}
        fused = [stack for stack, _ in stacks if isinstance(stack, FusedStack)]
        self.batches.kernel = fused[0].kernel if fused else None
        for step in range(first.steps):
            read = step % first.record_every == 0 or step == first.steps - 1
            batches = {seed: self.batches.batch(step, seed) for seed in seeds}
            tasks = []
            for stack, members in stacks:
                stack.set_rates([rate(self.experiments[net.choice], step) for net in members])
                x = [batches[net.seed][0].flatten(1) for net in members]
                y = [batches[net.seed][1] for net in members]
                tasks.append((stack, x, y))
            learnt = learn_together(tasks, read, step)
            for (_, members), (finite, readings) in zip(stacks, learnt, strict=True):
                for k, net in enumerate(members):
                    if read:
                        net.losses.append(float(readings[k][0]))
                    if not finite[k] and net.diverged_at is None:
                        net.diverged_at = step
            yield step + 1

    def _outcome(self, choice: int, nets: Sequence[_Net]) -> ChoiceOutcome:
        experiment = self.experiments[choice]
        steps = [*range(0, experiment.steps - 1, experiment.record_every), experiment.steps - 1]
        losses: list[float | None] = []
        ends: list[int | None] = []
        for lane in range(len(experiment.lanes)):
            seeds = [net for net in nets if (net.choice, net.lane) == (choice, lane)]
            finals = final.mean(steps, np.array([net.losses for net in seeds]).T)
            loss = float(final.median(finals))
            losses.append(loss if np.isfinite(loss) else None)
            dead = [net.diverged_at for net in seeds if net.diverged_at is not None]
            ends.append(min(dead) if dead else None)
        return {"choice": choice, "losses": losses, "diverged_at": ends}


def _check(experiment: Experiment, first: Experiment) -> None:
    """SpecError where an experiment differs from the first in more than learning rate and lanes."""
    if experiment.with_(lr=first.lr, lanes=first.lanes) != first:
        raise SpecError("choices: they may differ in the learning rate and in their lanes alone")
    if len(experiment.lanes) != len(first.lanes):
        raise SpecError("choices: each must have as many lanes as the others")
    if experiment.seconds or experiment != experiment.as_planned():
        raise SpecError("choices: take one budget in steps, without changes by hand")
    if experiment.lr != first.lr and experiment.optimiser not in ("sgd", "nesterov"):
        raise SpecError("choices: learning rates of their own need optimiser 'sgd' or 'nesterov'")
