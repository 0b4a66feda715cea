"""Nets of one shape, trained together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import Wiring
from skipviz.engine import exact_sums
from skipviz.engine.optimise import optimiser
from skipviz.engine.stacked.drawn import Drawn
from skipviz.engine.stacked.layers import Layers
from skipviz.engine.stacked.shape import StackShape


class Stack:
    """Nets of one shape. `read()` takes the weights of the reference modules, `write()` gives them
    back, `learn()` makes an update of all of them.

    body   what computes their logits and gradients: `Layers` or, as they are drawn, `Drawn`
    dead   the nets, by number, whose loss was not finite once: they learn no more
    """

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[StackShape], seeds: Sequence[int] = (),
    ) -> None:  # fmt: skip
        """seeds: of what each net draws at random; 0 where they are left out."""
        self.body: Layers | Drawn
        if shapes[0].program:
            self.body = Drawn(nets, wirings, shapes[0], seeds or [0] * len(nets))
        else:
            self.body = Layers(nets, wirings, shapes)
        self.nets, self.shape, self.weights = nets, self.body.shape, self.body.weights
        self.optimiser = optimiser(experiment, [self.weights.flat])
        self.clip = experiment.clip
        self.dead: set[int] = set()
        self.read()

    def read(self) -> None:
        """Takes what the reference modules hold: weights and running statistics."""
        self.body.read()

    def write(self) -> None:
        """Gives it back to them."""
        self.body.write()

    def read_statistics(self) -> None:
        """Takes the running statistics of the reference modules: an evaluation measured them
        anew."""
        if isinstance(self.body, Drawn):
            self.body.read_statistics()

    def linears(self, i: int) -> list[tuple[nn.Linear, Tensor, Tensor]]:
        """Of a stack of equal layers: every linear layer of net i with its weight [out, in] and
        bias [out]."""
        assert isinstance(self.body, Layers)
        return self.body.linears(i)

    def set_rates(self, rates: Sequence[float]) -> None:
        """From the next update on each net has a learning rate of its own (SGD alone)."""
        alike = len(set(rates)) == 1
        self.optimiser.lr = rates[0] if alike else self.weights.each(rates)

    @torch.no_grad()
    def learn(
        self, x: Tensor, y: Tensor, measure: bool, step: int = 0
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """One update on x (N, B, F), y (N, B): whether each net's loss is finite (N,), and, where
        measured, each net's loss, error and instruments' reading as one vector.

        `step` says, beside the seed, what dropout drops.
        """
        logits = self.body.forward(x, step)  # (N, K, B)
        logs, truth = logits.log_softmax(1), y[:, None]
        loss = -logs.gather(1, truth).mean((1, 2))
        slope = logs.exp().scatter_add_(1, truth, -torch.ones_like(logs[:, :1]))
        self.body.backward(x, slope.div_(x.shape[1]), measure)
        finite = loss.isfinite().cpu().numpy()
        reads = []
        if measure:
            predictions = logits.max(1).indices  # as argmax(1), but a sixth of its time
            error = (predictions != y).to(loss.dtype).mean(1)
            reads = self._reading(loss, error)
        self.dead |= {int(i) for i in np.flatnonzero(~finite)}
        dead_weights = self.weights.of_nets(sorted(self.dead))
        if self.clip:
            self.weights.clip(self.clip)
        self.optimiser.step()
        for place, weight in dead_weights:
            place.copy_(weight)
        return finite, reads

    def _reading(self, loss: Tensor, error: Tensor) -> list[np.ndarray]:
        """For each net its loss, error and reading, in the order of Instruments.reading(),
        float64."""
        columns = self.body.reading()
        head = torch.stack([loss, error]).to(columns[0].dtype)
        whole = exact_sums.on_host(torch.cat([head, *columns]).T)
        return [row[places] for row, places in zip(whole, self.body.picked, strict=True)]

    @property
    def as_modules(self) -> bool:
        """Is what it goes on from kept net by net, as the module engine keeps it? Else `state()`
        holds it, as the fused kernel's does."""
        return isinstance(self.body, Drawn)

    def optimiser_of(self, i: int) -> dict[str, Any]:
        """The state of net i's optimiser, as if it were trained alone."""
        assert isinstance(self.body, Drawn)
        return {
            name: [part.clone() for part in self.body.cut(i, of[0])] if isinstance(of, list) else of
            for name, of in self.optimiser.state().items()
        }

    def load_alone(self, saved: Sequence[Any], dead: set[int]) -> None:
        """Goes on from the state of each net's own optimiser, None before its first step; the
        weights are read from the reference modules."""
        assert isinstance(self.body, Drawn)
        self.read()
        self.dead = dead
        if any(other is None for other in saved):  # before the first step
            return
        state = dict(self.optimiser.state())
        for name, of in state.items():
            if isinstance(of, list):
                for i, other in enumerate(saved):
                    for part, tensor in zip(self.body.cut(i, of[0]), other[name], strict=True):
                        part.copy_(tensor)
            else:  # those of a net that learns no more may have stopped
                state[name] = max(other[name] for other in saved)
        self.optimiser.load(state)

    def state(self) -> dict[str, Any]:
        """The optimiser's tensors with the shapes of its weights, matrices as [.., in, out]."""
        tensors = {
            name: [part.mT.contiguous() for part in self.weights.cut(of[0])]
            if isinstance(of, list)
            else of
            for name, of in self.optimiser.state().items()
        }
        return {"optimiser": tensors, "dead": sorted(self.dead)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`; the weights are read from the reference modules."""
        self.read()
        tensors = {
            name: [torch.cat([part.mT.flatten() for part in of])] if isinstance(of, list) else of
            for name, of in state["optimiser"].items()
        }
        self.optimiser.load(tensors)
        self.dead = set(state["dead"])
