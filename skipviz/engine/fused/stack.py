"""Nets of one shape, each trained by the fused kernel: used in place of `Stack`.

N nets, L layers that the depth counts, B batch size, F input values, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import Wiring
from skipviz.engine import device as devices
from skipviz.engine import fused
from skipviz.engine.fused.chain import Chains
from skipviz.engine.fused.drawn import DrawnNets
from skipviz.engine.fused.native import Kernel, Net
from skipviz.engine.fused.plan import widest
from skipviz.engine.optimise import Adam, optimiser
from skipviz.engine.stacked import Stack, StackShape


def claims(experiment: Experiment, shape: StackShape, device: torch.device) -> bool:
    """Can the kernel train nets of this shape, and should it? On the CPU all nets whose layers are
    not too wide, but for highway units whose gates are numbers.

    Convolutional ones in float32, where the libraries behind torch would have one thread for a net
    as the kernel has, or where maps are small: there most of their time is spent on calls.
    """
    side = widest(shape) if shape.program else shape.width
    able = device.type == "cpu" and side <= fused.WIDEST and not shape.fixed
    if shape.sides:
        small = experiment.batch_size * math.prod(shape.sides) <= devices.FEW_VALUES
        alone = devices.threads(experiment) == 1
        able = able and experiment.precision == "float32" and (small or alone)
    return able and fused.available()


Batches = Tensor | Sequence[Tensor]
Learnt = tuple[np.ndarray, list[np.ndarray]]


class FusedStack:
    """Nets of one shape. `read()` takes their weights, `write()` gives them back, `learn()` makes
    an update of all of them; as in `Stack`, whose `state()` it can load, and the reverse.

    body    their weights and what the kernel is told of them: `Chains` or, as drawn, `DrawnNets`
    dead    the nets, by number, whose loss was not finite once: they learn no more
    """

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[StackShape], kernel: Kernel | None = None, seeds: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """seeds: of what each net draws at random; 0 where they are left out."""
        self.nets, self.shape = nets, shapes[0]
        self.kernel = kernel or fused.kernel()
        self.threads = devices.cores()  # so many nets are trained at once
        self.optimiser = optimiser(experiment, [])
        self.dead: set[int] = set()
        self._rates: list[float] | None = None
        self.batch = experiment.batch_size
        self.body: Chains | DrawnNets
        if self.shape.program:
            self.body = DrawnNets(
                experiment, nets, wirings, self.shape, seeds or [0] * len(nets), self.kernel,
                self.optimiser,
            )  # fmt: skip
        else:
            self.body = Chains(experiment, nets, wirings, shapes, self.kernel, self.optimiser)
        self.structs: list[Net] = self.body.structs
        self.read()

    @property
    def weights(self) -> Tensor:
        """(N, floats): a net's parameters one after the other, as the kernel has them."""
        return self.body.arena.weights

    @property
    def as_modules(self) -> bool:
        """As `Stack.as_modules`."""
        return self.body.as_modules

    def linears(self, i: int) -> list[tuple[nn.Linear, Tensor, Tensor]]:
        """Of a stack of equal layers: every linear layer of net i with its weight [out, in] and
        bias [out]."""
        assert isinstance(self.body, Chains)
        return self.body.linears(i)

    def read(self) -> None:
        """Takes what the reference modules hold: weights and running statistics."""
        self.body.read()

    def write(self) -> None:
        """Gives it back to them."""
        self.body.write()

    def read_statistics(self) -> None:
        """As `Stack.read_statistics()`."""
        self.body.read_statistics()

    # --- one step

    def set_rates(self, rates: Sequence[float]) -> None:
        """From the next update on each net has a learning rate of its own (SGD alone)."""
        self._rates = list(rates)

    def learn(self, x: Batches, y: Batches, measure: bool, step: int = 0) -> Learnt:
        """One update on x (N, B, F), y (N, B), or as many tensors (B, F) and (B,): whether each
        net's loss is finite (N,), and, where measured, each net's loss, error and instruments'
        reading as one vector. `step` says, beside the seed, what dropout drops."""
        return learn_together([(self, list(x), list(y))], measure, step)[0]

    def _begin(self, x: Sequence[Tensor], y: Sequence[Tensor], measure: bool, step: int) -> None:
        shape = (self.batch, self.shape.inputs)
        for i, net in enumerate(self.structs):
            images, labels = x[i], y[i]
            if images.dtype != torch.float32 or images.shape != shape or images.stride(1) != 1:
                raise ValueError(f"images {tuple(images.shape)}: must be float32 of {shape}")
            if labels.dtype != torch.int64 or not labels.is_contiguous():
                raise ValueError("labels: must be int64, one after the other")
            net.x, net.x_stride, net.y = images.data_ptr(), images.stride(0), labels.data_ptr()
            net.measure, net.dead = measure, i in self.dead
            net.lr = self._rates[i] if self._rates else float(self.optimiser.lr)
        self.body.begin(step)
        if isinstance(self.optimiser, Adam):
            self._begin_adam(self.optimiser)

    def _begin_adam(self, adam: Adam) -> None:
        adam.steps += 1
        first, second = adam.BETAS
        for net in self.structs:
            net.rate = net.lr / (1 - first**adam.steps)
            net.root = (1 - second**adam.steps) ** 0.5

    def _end(self, measure: bool) -> Learnt:
        finite = np.array([bool(net.finite) for net in self.structs])
        self.dead |= {int(i) for i in np.flatnonzero(~finite)}
        return finite, [self.body.reading(i) for i in range(len(self.nets))] if measure else []

    # --- what it goes on from

    def _steps(self) -> dict[str, int]:
        return {"steps": self.optimiser.steps} if isinstance(self.optimiser, Adam) else {}

    def state(self) -> dict[str, Any]:
        """As `Stack.state()`."""
        assert isinstance(self.body, Chains)
        return {"optimiser": self.body.state() | self._steps(), "dead": sorted(self.dead)}

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`; the weights are read from the reference modules."""
        assert isinstance(self.body, Chains)
        self.read()
        self.body.load(state["optimiser"])
        if isinstance(self.optimiser, Adam):
            self.optimiser.steps = state["optimiser"]["steps"]
        self.dead = set(state["dead"])

    def optimiser_of(self, i: int) -> dict[str, Any]:
        """As `Stack.optimiser_of()`."""
        assert isinstance(self.body, DrawnNets)
        return self.body.kept_of(i) | self._steps()

    @torch.no_grad()
    def load_alone(self, saved: Sequence[Any], dead: set[int]) -> None:
        """As `Stack.load_alone()`."""
        assert isinstance(self.body, DrawnNets)
        self.read()
        self.dead = dead
        if any(other is None for other in saved):  # before the first step
            return
        for i, other in enumerate(saved):
            self.body.load_kept(i, other)
        if isinstance(self.optimiser, Adam):  # those of a net that learns no more may have stopped
            self.optimiser.steps = max(other["steps"] for other in saved)


def learn_together(
    tasks: Sequence[tuple[Stack | FusedStack, Sequence[Tensor], Sequence[Tensor]]], measure: bool,
    step: int = 0,
) -> list[Learnt]:  # fmt: skip
    """`learn()` of several stacks; the nets of all fused ones are shared out to the cores at once.
    Each stack comes with one batch (B, F) and its labels (B,) for each of its nets; `step` decides,
    beside the seeds, what dropout drops."""
    ours = [(stack, x, y) for stack, x, y in tasks if isinstance(stack, FusedStack)]
    for stack, x, y in ours:
        stack._begin(x, y, measure, step)
    if ours:
        first = ours[0][0]
        first.kernel.step([net for stack, _, _ in ours for net in stack.structs], first.threads)
    return [
        stack._end(measure)
        if isinstance(stack, FusedStack)
        else stack.learn(_stacked(x), _stacked(y), measure, step)
        for stack, x, y in tasks
    ]


def _stacked(batches: Sequence[Tensor]) -> Tensor:
    """One tensor (N, ..); batches that are one and the same are not copied."""
    first = batches[0]
    if all(batch.data_ptr() == first.data_ptr() for batch in batches):
        return first.expand(len(batches), *first.shape)
    return torch.stack(list(batches))
