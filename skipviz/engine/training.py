"""Trains all lanes in lock-step and measures every step.

Dense nets that the stacked engine claims are trained as batches of products, or, where the fused
kernel is there, each in one native call; all others as the reference modules that they are. All
hold the same numbers.

B batch size, S seeds. Step k is measured before its update: frame 0 is the net at init.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch

from skipviz.core.experiment import Experiment
from skipviz.core.frame import Frame
from skipviz.core.knob import SpecError
from skipviz.core.registry import refuse_idle
from skipviz.core.schedule import merged, rate, uses_up, with_lr_change
from skipviz.engine import cuda_graph
from skipviz.engine import device as devices
from skipviz.engine.batches import Batches
from skipviz.engine.device_choice import with_device
from skipviz.engine.evaluate import Evaluator
from skipviz.engine.fused.stack import FusedStack, learn_together
from skipviz.engine.grouping import grouped, stack_of, stackable
from skipviz.engine.maps import DenseForward, Maps
from skipviz.engine.net_trainer import NetTrainer, dropout_seed
from skipviz.engine.pending import PendingFrame
from skipviz.engine.stacked import Stack
from skipviz.engine.thread_pool import NetThreads, draws


class Training:
    """An experiment under way. `frames()` yields what is recorded; `state()` and `load()` carry it
    over a break.

    Where steps are recorded in a CUDA graph, frames come some steps late, many at once: `read()`
    gives those that are still to come.

    step      updates that were made
    spent_s   seconds that the steps took, without what whoever takes the frames does in between
    over      the budget, in steps or in seconds, is spent
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment = with_device(experiment)
        self.device = devices.pick(experiment.device)
        if experiment.precision == "bfloat16" and not devices.bfloat16(self.device):
            raise SpecError(
                f"precision 'bfloat16': the {self.device} here does not multiply it; take 'float32'"
            )
        self.step = 0
        self.spent_s = 0.0
        self.over = False
        self._seeds = range(experiment.seed, experiment.seed + experiment.seeds)
        self.batches = Batches(experiment, self.device)
        self.lanes = [
            [
                NetTrainer(experiment, lane, seed_index, self.device)
                for seed_index in range(experiment.seeds)
            ]
            for lane in experiment.lanes
        ]
        self.stacks = stacks(experiment, self.lanes, self.device)
        fused = [stack for stack, _ in self.stacks if isinstance(stack, FusedStack)]
        self.batches.kernel = fused[0].kernel if fused else None
        stacked = {trainer for _, members in self.stacks for trainer in members}
        self._module_trainers = [
            trainer for trainers in self.lanes for trainer in trainers if trainer not in stacked
        ]
        self._net_threads = NetThreads(
            [trainer.net for trainer in self._module_trainers], devices.threads(experiment)
        )
        recordable = self._module_trainers and cuda_graph.claims(self.device)
        self._graphed = (
            cuda_graph.GraphedSteps(self._module_trainers, self.batches) if recordable else None
        )
        self._draws = any(draws(trainer.net) for trainer in self._module_trainers)
        self._pending: list[PendingFrame] = []
        self._ready: list[Frame] = []
        self._maps = Maps(experiment, self.batches)
        self._evaluator = Evaluator(self.batches)

    @property
    def engines(self) -> list[str]:
        """What trains each lane: the "fused" kernel, the "stacked" engine, a "CUDA graph" of the
        modules that the app shows, or those "modules" themselves, and why if a graph failed."""
        alone = "modules" if self._graphed is None else "CUDA graph"
        if self._graphed and self._graphed.failure:
            alone = f"modules (no CUDA graph: {self._graphed.failure})"
        names = []
        for trainers in self.lanes:
            inside = [stack for stack, members in self.stacks if trainers[0] in members]
            kinds = ["fused" if isinstance(stack, FusedStack) else "stacked" for stack in inside]
            names.append(kinds[0] if kinds else alone)
        return names

    def change(self, lr: float) -> None:
        """From the present step on the base learning rate is `lr`; a change at the same step is
        replaced. `experiment` carries every change, so that a fresh run of it gives the same
        frames. SpecError where `lr` is no learning rate.
        """
        self.experiment = with_lr_change(self.experiment, self.step, lr)

    def _pace(self, lr: float) -> None:
        """Sets the learning rate of every net's next update."""
        for stack, _ in self.stacks:
            stack.optimiser.lr = lr
        for trainer in self._module_trainers:
            trainer.optimiser.lr = lr

    def frames(self) -> Iterator[Frame]:
        """Every recorded step from the present one on."""
        return (frame for frames in self.steps() for frame in frames)

    def steps(self) -> Iterator[list[Frame]]:
        """Every step from the present one on: the frames that are ready; of a step that is not
        recorded, or whose frame comes later, none. After the last one the nets are settled."""
        threads = torch.get_num_threads()
        torch.set_num_threads(devices.threads(self.experiment))
        try:
            with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
                while not self.over:
                    began = time.perf_counter()
                    frames = self._advance()
                    self.spent_s += time.perf_counter() - began
                    yield frames
                self.reestimate_batchnorm()
        finally:
            torch.set_num_threads(threads)

    def read(self) -> list[Frame]:
        """The frames of all recorded steps that have not come yet; waits for the device."""
        began = time.perf_counter()
        self._collect()
        self.spent_s += time.perf_counter() - began
        return self._taken()

    @property
    def _time_is_up(self) -> bool:
        """Is the budget in seconds spent? The step that follows is the last: it is measured."""
        return 0 < self.experiment.seconds <= self.spent_s

    def _advance(self) -> list[Frame]:
        """One step of every net; the frames that are ready."""
        step = self.step
        self._pace(rate(self.experiment, step))
        last = step == self.experiment.steps - 1 or self._time_is_up
        whole = last or uses_up(self.experiment, step)
        held = self._held_out(whole)
        regular = step % self.experiment.record_every == 0 or whole
        record = regular or bool(held)
        maps = regular and self._maps.due(step, whole, self.spent_s)
        maps_of_lanes = self._drawn() if maps else [{} for _ in self.lanes]
        reads = self._learn(record)
        self.step, self.over = step + 1, last
        if record:
            self._pending.append(PendingFrame(step, reads, maps_of_lanes, held))
        if self._graphed is None or self._graphed.full or last:
            self._collect()
        return self._taken()

    def _learn(self, record: bool) -> dict[NetTrainer, Any]:
        """An update of every net; where recorded, the readings that are there at once."""
        by_hand = self._graphed is None or self.stacks
        seed_batches = (
            [self.batches.batch(self.step, seed) for seed in self._seeds] if by_hand else []
        )
        reads = self._learn_stacked(seed_batches, record)
        if self._graphed:
            if self._draws:
                torch.manual_seed(dropout_seed(self.experiment.seed, self.step))
            self._graphed.learn(self.step, record)
            return reads
        jobs = [
            partial(trainer.learn, *seed_batches[trainer.seed_index], self.step, record)
            for trainer in self._module_trainers
        ]
        return reads | dict(
            zip(self._module_trainers, self._net_threads.results(jobs), strict=True)
        )

    def _collect(self) -> None:
        """Reads what was measured; makes the frames that waited for it."""
        if self._graphed:
            rows = self._graphed.readings()
            for pending, row in zip(self._pending, rows, strict=True):
                pending.reads.update(zip(self._module_trainers, row, strict=True))
        self._ready += [pending.frame(self.lanes) for pending in self._pending]
        self._pending = []

    def _taken(self) -> list[Frame]:
        ready, self._ready = self._ready, []
        return ready

    def _held_out(self, last: bool) -> list[dict[str, Any]]:
        """The held-out loss and error of every lane before the present step's update; nothing on
        steps that are not evaluated. The last one always is."""
        every = self.experiment.evaluate_every
        if not every or not (last or self.step % every == 0):
            return []
        for stack, _ in self.stacks:
            stack.write()
        scores = []
        for trainers in self.lanes:
            scores_of_seeds = np.array(
                [self._evaluator.evaluate(trainer.net) for trainer in trainers]
            )
            loss, error = (
                scores_of_seeds.T if self.experiment.seeds > 1 else scores_of_seeds[0].tolist()
            )
            scores.append({"held_out_loss": loss, "held_out_error": error})
        self._take_statistics()
        return scores

    def _take_statistics(self) -> None:
        for stack, _ in self.stacks:
            stack.read_statistics()

    def reestimate_batchnorm(self) -> None:
        """Re-estimates BatchNorm's statistics: a checkpoint has those of its weights."""
        for stack, _ in self.stacks:
            stack.write()
        for trainers in self.lanes:
            for trainer in trainers:
                self._evaluator.reestimate_batchnorm(trainer.net)
        self._take_statistics()

    def _learn_stacked(self, seed_batches: list[Any], record: bool) -> dict[NetTrainer, Any]:
        """One step of the nets of all stacks, each on the batch of its seed."""
        tasks: list[Any] = []
        for stack, trainers in self.stacks:
            x = [seed_batches[trainer.seed_index][0].flatten(1) for trainer in trainers]
            y = [seed_batches[trainer.seed_index][1] for trainer in trainers]
            tasks.append((stack, x, y))
        learnt: dict[NetTrainer, Any] = {}
        for (_, trainers), (finite, reads) in zip(
            self.stacks, learn_together(tasks, record, self.step), strict=True
        ):
            readings: list[Any] = list(reads) or [None] * len(trainers)
            learnt |= zip(trainers, readings, strict=True)
            for trainer, fine in zip(trainers, finite, strict=True):
                if not fine and trainer.diverged_at is None:
                    trainer.diverged_at = self.step
        return learnt

    def _drawn(self) -> list[dict[str, Any]]:
        """The maps of every lane's first net, before the present step's update."""
        maps: list[dict[str, Any]] = []
        for i, trainers in enumerate(self.lanes):
            chain = self._chains.get(i)
            if chain is not None:
                maps.append(self._maps.of_chain(i, chain))
            elif self._maps.pictures[i] is not None:
                maps.append(self._maps.of(i, self._written(trainers[0]).net))
            else:
                maps.append({})
        return maps

    @cached_property
    def _chains(self) -> dict[int, DenseForward]:
        """The first net of each lane with maps that stands in a stack, layer by layer."""
        forwards = {}
        for i, picture in enumerate(self._maps.pictures):
            first, units = self.lanes[i][0], len(picture.units) if picture else 0
            for stack, members in self.stacks:
                equal = not (stack.shape.fixed or stack.shape.program)
                chain = units == stack.shape.depth - 1 and equal
                if units and first in members and chain:
                    linears = stack.linears(members.index(first))
                    forwards[i] = DenseForward(
                        linears, units, stack.shape.gated, stack.shape.activation
                    )
        return forwards

    def _written(self, trainer: NetTrainer) -> NetTrainer:
        """A trainer whose module has its weights."""
        for stack, members in self.stacks:
            if trainer in members:
                stack.write()
        return trainer

    def state(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors, numbers and strings (loadable with torch's
        weights_only)."""
        self._collect()
        for stack, _ in self.stacks:
            stack.write()
        states = {trainer: trainer.state() for trainers in self.lanes for trainer in trainers}
        own = []
        for stack, members in self.stacks:
            if stack.as_modules:
                for i, trainer in enumerate(members):
                    states[trainer]["optimiser"] = stack.optimiser_of(i)
            else:
                own.append(stack.state())
        return {
            "step": self.step,
            "spent_s": self.spent_s,
            "over": self.over,
            "experiment": self.experiment.to_json(),
            "stacks": own,
            "lanes": [[states[trainer] for trainer in trainers] for trainers in self.lanes],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from `state()` of the same experiment, or of what it was before it was to train
        for longer; changes of the learning rate that either of the two knows are kept."""
        saved_experiment = Experiment.from_json(state["experiment"])
        self.step, self.spent_s = state["step"], state.get("spent_s", 0.0)
        self.over = self.step >= self.experiment.steps
        if _budget_of(saved_experiment) == _budget_of(self.experiment):
            self.over = state.get("over", self.over)
        self.experiment = merged(self.experiment, saved_experiment)
        optimisers: dict[NetTrainer, Any] = {}
        for trainers, states in zip(self.lanes, state["lanes"], strict=True):
            for trainer, saved in zip(trainers, states, strict=True):
                optimisers[trainer] = saved["optimiser"]
                trainer.load(saved, alone=trainer in self._module_trainers)
        own = iter(state["stacks"])
        for stack, members in self.stacks:
            if stack.as_modules:
                ended = {i for i, net in enumerate(members) if net.diverged_at is not None}
                stack.load_alone([optimisers[trainer] for trainer in members], ended)
            else:
                stack.load(next(own))


def _budget_of(experiment: Experiment) -> tuple[Any, ...]:
    """What says where a run ends."""
    return experiment.steps, experiment.seconds, experiment.budgets


def stacks(
    experiment: Experiment, lanes: list[list[NetTrainer]], device: torch.device
) -> list[tuple[Stack | FusedStack, list[NetTrainer]]]:
    """The trainers that can be trained together, in stacks, fused where the kernel is there and
    claims them; left out: those of the module engine.
    """
    members = [
        (trainer, shape)
        for lane, trainers in zip(experiment.lanes, lanes, strict=True)
        if (shape := stackable(lane, experiment, device)) is not None
        for trainer in trainers
    ]
    made_stacks = []
    for numbers in grouped([shape for _, shape in members]):
        trainers = [members[number][0] for number in numbers]
        nets = [trainer.net for trainer in trainers]
        wirings = [trainer.instruments.wiring for trainer in trainers]
        shapes = [members[number][1] for number in numbers]
        seeds = [trainer.seed for trainer in trainers]
        made_stacks.append((stack_of(experiment, nets, wirings, shapes, seeds, device), trainers))
    return made_stacks


def train(experiment: Experiment) -> Iterator[Frame]:
    """Trains an experiment and yields one Frame for each recorded step.

    All randomness comes from the seed: two runs of one experiment on one machine give identical
    frames. SpecError before the first one where a knob of a lane changes nothing on its backbone.
    """
    for lane in experiment.lanes:
        refuse_idle(lane.family, lane.knobs)
    yield from Training(experiment).frames()
