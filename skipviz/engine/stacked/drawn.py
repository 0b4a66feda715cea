"""Dense nets computed as they are drawn: operation by operation, forward and back, for all nets of
a stack at once.

What a step does is written down once, as a list of calls on buffers that stay (`calls.py`). What
the drawing does not say, the reference modules do: factors, shares of dropout, survival, running
statistics.

N nets, P signal points, B batch size, F input values, C channels, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from skipviz.core.wiring import WEIGHTS, Wiring
from skipviz.engine.exact_sums import norms_of
from skipviz.engine.precise_layers import depths, dropouts
from skipviz.engine.stacked.calls import Calls
from skipviz.engine.stacked.program import Program, Step, traced
from skipviz.engine.stacked.shape import StackShape
from skipviz.engine.stacked.weights import Weights

_LEARNED = {
    **dict.fromkeys((*WEIGHTS, "norm", "layer_norm"), ("weight", "bias")),
    "rezero": ("scale",),
}
"""The parameters of an operation's module."""

Key = tuple[int, str]
"""A step and the name of one of its parameters."""

NUMBERS = {"scale": "scale", "constant": "value"}
"""Where an operation's module has its number, if that is not learned."""


def modules_of(net: nn.Module, wiring: Wiring) -> list[Any]:
    """Of each step of a net's program what does it."""
    return [net.get_submodule(path) for _, path in traced(wiring)]


def parameters_of(
    net: nn.Module, program: Program, modules: Sequence[Any]
) -> dict[Key, nn.Parameter]:
    """Every parameter of a net. ValueError where its drawing leaves one out."""
    found: dict[Key, nn.Parameter] = {}
    for k, (step, module) in enumerate(zip(program, modules, strict=True)):
        for name in _LEARNED.get(step.kind, ()):
            if (parameter := getattr(module, name)) is not None:
                found[k, name] = parameter
    if {id(p) for p in found.values()} != {id(p) for p in net.parameters()}:
        raise ValueError("the drawing of a net does not show all of its parameters")
    return found


def number_of(step: Step, module: Any) -> float:
    """The number of a step that is not learned."""
    return float(getattr(module, NUMBERS[step.kind]))


def numbered(
    program: Program, modules: Sequence[Any], kind: str, layers: Sequence[nn.Module]
) -> dict[int, int]:
    """Of each step of a kind that chance decides, which of such layers it is, from 0."""
    return {k: layers.index(modules[k]) for k, step in enumerate(program) if step.kind == kind}


class Drawn:
    """The forward and the backward pass of nets of one program, and their parameters.

    places   of each parameter its part of the weights and the row there: parameters of equal shape
             stand in one part (rows, N, a, b)
    values   of each step with a number that is not learned, that of each net (N, 1, 1)
    running  of each normalisation: running mean and variance, (N, C) each
    """

    def __init__(
        self, nets: Sequence[nn.Module], wirings: Sequence[Wiring], shape: StackShape,
        seeds: Sequence[int],
    ) -> None:  # fmt: skip
        self.nets, self.shape, self.program = nets, shape, shape.program
        self.seeds = seeds
        first = next(nets[0].parameters())
        self.like: dict[str, Any] = {"dtype": first.dtype, "device": first.device}
        self.modules = [modules_of(net, wiring) for net, wiring in zip(nets, wirings, strict=True)]
        by_size: dict[tuple[int, int], list[Key]] = {}
        for key, parameter in self._parameters(0).items():
            by_size.setdefault(_as_matrix(parameter), []).append(key)
        sizes = [(len(keys), len(nets), *size) for size, keys in by_size.items()]
        self.weights = Weights(sizes, self.like)
        self.places = {
            key: (part, row)
            for part, keys in enumerate(by_size.values())
            for row, key in enumerate(keys)
        }
        self.values = {k: v for k in range(len(self.program)) if (v := self._value(k)) is not None}
        self.dropouts = self._numbers("dropout", dropouts(nets[0]))
        self.branches = self._numbers("stochastic_depth", depths(nets[0]))
        self.running = {
            k: torch.empty(2, len(nets), step.channels, **self.like)
            for k, step in enumerate(self.program)
            if step.kind == "norm"
        }
        self.batches_tracked = 0
        self.picked = [slice(None)] * len(nets)
        self._calls: Calls | None = None

    # --- what the modules hold

    def _parameters(self, i: int) -> dict[Key, nn.Parameter]:
        return parameters_of(self.nets[i], self.program, self.modules[i])

    def _value(self, k: int) -> Tensor | None:
        """The number of step k that is not learned, of each net, (N, 1, 1)."""
        if self.program[k].kind not in NUMBERS:
            return None
        numbers = [number_of(self.program[k], modules[k]) for modules in self.modules]
        return torch.tensor(numbers, **self.like)[:, None, None]

    def _numbers(self, kind: str, layers: Sequence[nn.Module]) -> dict[int, int]:
        return numbered(self.program, self.modules[0], kind, layers)

    def part(self, k: int, name: str, *, grad: bool = False) -> Tensor | None:
        """A parameter of step k of all nets, or its gradient: (N, a, b); None where it has none."""
        if (k, name) not in self.places:
            return None
        part, row = self.places[k, name]
        return (self.weights.grads if grad else self.weights.parts)[part][row]

    def cut(self, i: int, flat: Tensor) -> list[Tensor]:
        """A tensor laid out like the weights as one tensor for each parameter of net i, in the
        module's order and shapes."""
        parts = self.weights.cut(flat)
        keys = {id(parameter): key for key, parameter in self._parameters(i).items()}
        cut = []
        for parameter in self.nets[i].parameters():
            part, row = self.places[keys[id(parameter)]]
            cut.append(parts[part][row, i].view(parameter.shape))
        return cut

    @torch.no_grad()
    def read(self) -> None:
        """Takes the weights and the running statistics of the reference modules."""
        for i, net in enumerate(self.nets):
            for parameter, place in zip(
                net.parameters(), self.cut(i, self.weights.flat), strict=True
            ):
                place.copy_(parameter)
        self.read_statistics()

    @torch.no_grad()
    def read_statistics(self) -> None:
        """Takes the running statistics of the reference modules."""
        for k, running in self.running.items():
            for i, modules in enumerate(self.modules):
                running[0, i].copy_(modules[k].running_mean)
                running[1, i].copy_(modules[k].running_var)
                self.batches_tracked = int(modules[k].num_batches_tracked)

    @torch.no_grad()
    def write(self) -> None:
        """Gives weights and running statistics back to the reference modules."""
        for i, net in enumerate(self.nets):
            for parameter, place in zip(
                net.parameters(), self.cut(i, self.weights.flat), strict=True
            ):
                parameter.copy_(place)
        for k, running in self.running.items():
            for i, modules in enumerate(self.modules):
                modules[k].running_mean.copy_(running[0, i])
                modules[k].running_var.copy_(running[1, i])
                modules[k].num_batches_tracked.fill_(self.batches_tracked)

    # --- one step

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Logits (N, K, B) of x (N, B, F)."""
        if self._calls is None or self._calls.batch != x.shape[1]:
            self._calls = Calls(self, x.shape[1])
        self.batches_tracked += 1
        return self._calls.forward(x, step)

    def backward(self, x: Tensor, slope: Tensor, measure: bool) -> None:
        """Fills every gradient from dLoss/dlogits (N, K, B); where measured, keeps what is read."""
        assert self._calls is not None
        self._calls.backward(slope, measure)

    def reading(self) -> list[Tensor]:
        """Signal gradients (P, N), weight gradients (L, N), scales (P, N) and gates' means,
        float64, of the last step, which was measured."""
        assert self._calls is not None
        layers = [self.places[k, "weight"] for k, step in enumerate(self.program) if step.layer]
        norms = {part: norms_of(self.weights.grads[part]) for part in {part for part, _ in layers}}
        weights = torch.stack([norms[part][row] for part, row in layers])
        signals, scales = self._calls.point_norms()
        columns = [signals, weights, scales]
        gates = [k for k, step in enumerate(self.program) if step.gate]
        if gates:
            means = [self._calls.out[k].mean((1, 2)).expand(len(self.nets)) for k in gates]
            columns.append(torch.stack(means).to(weights.dtype))
        return columns


def _as_matrix(parameter: Tensor) -> tuple[int, int]:
    """The shape (a, b) in which a parameter stands in the weights: vectors upright."""
    shape = tuple(parameter.shape)
    return (math.prod(shape), 1) if len(shape) < 2 else (shape[0], shape[1])
