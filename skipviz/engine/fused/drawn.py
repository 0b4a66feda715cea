"""Nets that the kernel computes as they are drawn: their operations, parameters and statistics.

N nets, B batch size.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import WEIGHTS, Wiring
from skipviz.engine.fused.arena import Arena, aligned
from skipviz.engine.fused.native import Kernel, Net
from skipviz.engine.fused.plan import Plan
from skipviz.engine.optimise import Adam, Sgd
from skipviz.engine.precise_layers import DROPOUT, SURVIVAL, depths, dropouts
from skipviz.engine.stacked import StackShape
from skipviz.engine.stacked.drawn import (
    NUMBERS,
    modules_of,
    number_of,
    numbered,
    parameters_of,
)
from skipviz.engine.stacked.streams import Streams, words

ROOMS = ("work", "back", "grad", "patch")
"""The arenas that a net's step uses and leaves nothing in."""


class DrawnNets:
    """Nets of one program. What a net goes on from is kept as modules keep it."""

    as_modules = True

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shape: StackShape, seeds: Sequence[int], kernel: Kernel, optimiser: Sgd | Adam,
    ) -> None:  # fmt: skip
        self.nets, self.shape, self.seeds = nets, shape, list(seeds)
        self.program, self.padded = shape.program, kernel.padded
        self.modules = [modules_of(net, wiring) for net, wiring in zip(nets, wirings, strict=True)]
        self.keys = [
            {id(p): key for key, p in parameters_of(net, self.program, modules).items()}
            for net, modules in zip(nets, self.modules, strict=True)
        ]
        self.dropouts = list(self._numbered("dropout", dropouts(nets[0])).values())
        self.branches = self._numbered("stochastic_depth", depths(nets[0]))
        self.streams = Streams()
        self.plan = Plan(shape, experiment.batch_size, self.modules[0], kernel.padded)
        self._make_room(len(nets))
        self.arena = Arena(optimiser, experiment.clip, len(nets), self.plan.sizes["weights"])
        self.structs = [self._struct(i, experiment.batch_size) for i in range(len(nets))]
        for i, struct in enumerate(self.structs):
            self.arena.fill(struct, i, experiment.optimiser, optimiser)
        self.batches_tracked = 0

    def _numbered(self, kind: str, layers: Sequence[nn.Module]) -> dict[int, int]:
        return numbered(self.program, self.modules[0], kind, layers)

    def _make_room(self, n: int) -> None:
        sizes, plan = self.plan.sizes, self.plan
        self._rooms = {name: torch.zeros(n, sizes[name] + 32) for name in ROOMS}
        self._running = torch.zeros(n, max(1, sizes["running"]))
        self._seeds = np.zeros((n, max(1, len(self.dropouts)), 4), np.uint64)
        readings = 2 + 2 * plan.points + plan.layers + plan.gates
        self._reading = np.zeros((n, readings))
        self._values = np.array([[self._value(k, modules) for k in range(len(self.program))]
                                 for modules in self.modules])  # fmt: skip

    def _value(self, k: int, modules: Sequence[Any]) -> float:
        """The number of a step that is not learned; of dropout the share that is kept."""
        step = self.program[k]
        if step.kind == "dropout":
            return float(1 - modules[k].p)
        return number_of(step, modules[k]) if step.kind in NUMBERS else 0.0

    def _struct(self, i: int, batch: int) -> Net:
        plan = self.plan
        return Net(
            inputs=self.shape.inputs, classes=self.shape.classes, batch=batch,
            ops=ctypes.addressof(plan.ops), count=len(plan.ops), points=plan.points,
            layers=plan.layers, values=self._values[i].ctypes.data,
            seeds=self._seeds[i].ctypes.data, running=self._running[i].data_ptr(),
            reading=self._reading[i].ctypes.data,
            **{name: aligned(room[i]) for name, room in self._rooms.items()},
        )  # fmt: skip

    # --- parameters

    def cut(self, i: int, arena: Tensor) -> list[Tensor]:
        """A tensor laid out like the weights as one view for each parameter of net i, in the
        module's order and shapes."""
        return [self._place(arena[i], *self.keys[i][id(p)]) for p in self.nets[i].parameters()]

    def _place(self, row: Tensor, k: int, name: str) -> Tensor:
        op, step = self.plan.ops[k], self.program[k]
        start, wide = op.weights, self.padded(step.channels)
        if step.kind == "rezero":
            return row[start]
        rows = self.plan.rows_of_weights(k) if step.kind in WEIGHTS else 1
        if name == "bias":
            return row[start + rows * wide :][: step.channels]
        matrix = row[start : start + rows * wide].view(rows, wide)[:, : step.channels]
        if step.kind == "conv":
            return matrix.view(op.kernel, op.kernel, op.inputs, -1).permute(3, 2, 0, 1)
        return matrix.mT if step.kind == "linear" else matrix[0]

    def _statistics(self, i: int) -> list[tuple[Any, Tensor, Tensor]]:
        """Each normalisation of net i with its running mean and variance."""
        found = []
        for op, step, module in zip(self.plan.ops, self.program, self.modules[i], strict=True):
            if step.kind == "norm":
                wide, row = self.padded(step.channels), self._running[i, op.kept :]
                found.append((module, row[: step.channels], row[wide : wide + step.channels]))
        return found

    @torch.no_grad()
    def read(self) -> None:
        """Takes the weights and the running statistics of the reference modules."""
        for i, net in enumerate(self.nets):
            for parameter, place in zip(
                net.parameters(), self.cut(i, self.arena.weights), strict=True
            ):
                place.copy_(parameter)
        self.read_statistics()

    @torch.no_grad()
    def read_statistics(self) -> None:
        """Takes the running statistics of the reference modules."""
        for i in range(len(self.nets)):
            for module, mean, variance in self._statistics(i):
                mean.copy_(module.running_mean)
                variance.copy_(module.running_var)
                self.batches_tracked = int(module.num_batches_tracked)

    @torch.no_grad()
    def write(self) -> None:
        """Gives weights and running statistics back to the reference modules."""
        for i, net in enumerate(self.nets):
            for parameter, place in zip(
                net.parameters(), self.cut(i, self.arena.weights), strict=True
            ):
                parameter.copy_(place)
            for module, mean, variance in self._statistics(i):
                module.running_mean.copy_(mean)
                module.running_var.copy_(variance)
                module.num_batches_tracked.fill_(self.batches_tracked)

    # --- one step

    def begin(self, step: int) -> None:
        """Seeds what a step drops at random; draws which branches take part in it."""
        self.batches_tracked += 1
        if self.branches:
            keys = [(seed, step, SURVIVAL, 0) for seed in self.seeds]
            most = max(self.branches.values()) + 1
            for i, stream in enumerate(self.streams.of(keys)):
                drawn = stream.random(most)
                for k, number in self.branches.items():
                    self._values[i, k] = drawn[number] < self.modules[i][k].survival
        if self.dropouts:
            keys = [
                (seed, step, DROPOUT, number) for seed in self.seeds for number in self.dropouts
            ]
            self._seeds[:] = words(keys).reshape(self._seeds.shape)

    def reading(self, i: int) -> np.ndarray:
        """The reading of a net, in the order of Instruments.reading(), float64."""
        return self._reading[i].copy()

    # --- what it goes on from

    def kept_of(self, i: int) -> dict[str, list[Tensor]]:
        """What the optimiser keeps of net i."""
        return {
            name: [part.clone() for part in self.cut(i, kept)]
            for name, kept in self.arena.kept.items()
        }

    def load_kept(self, i: int, saved: dict[str, Any]) -> None:
        """The reverse."""
        for name, kept in self.arena.kept.items():
            for part, tensor in zip(self.cut(i, kept), saved[name], strict=True):
                part.copy_(tensor)
