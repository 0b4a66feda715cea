"""Nets of equal layers without anything between them, as the kernel computes them.

N nets, L layers that the depth counts, F input values, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import Wiring
from skipviz.engine.fused.arena import Arena, aligned, parts_of
from skipviz.engine.fused.native import ACTIVATIONS, Kernel, Net
from skipviz.engine.optimise import Adam, Sgd
from skipviz.engine.stacked import StackShape, give_weights, take_weights


class Chains:
    """Plain, residual and coupled highway nets of one shape."""

    as_modules = False

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[StackShape], kernel: Kernel, optimiser: Sgd | Adam,
    ) -> None:  # fmt: skip
        self.nets, self.wirings = nets, wirings
        self.shape = shapes[0]
        self.kernel = kernel
        self.per = 2 if self.shape.gated else 1
        n, s, w = len(nets), kernel.padded(self.shape.width), self.shape.width
        self._rows = {"stem": (self.shape.inputs + 1) * s}
        self._rows["inner"] = (self.shape.depth - 1) * self.per * (w + 1) * s
        self._rows["head"] = (w + 1) * kernel.padded(self.shape.classes)
        self.arena = Arena(optimiser, experiment.clip, n, sum(self._rows.values()))
        self._skips = [np.array(shape.skips, np.int64) for shape in shapes]
        self._points = [[p.depth - 1 for p in wiring.points] for wiring in wirings]
        self._reading = np.zeros((n, 2 + 4 * self.shape.depth))
        self.structs = [self._struct(i, experiment) for i in range(n)]
        for i, struct in enumerate(self.structs):
            self.arena.fill(struct, i, experiment.optimiser, optimiser)
        size = kernel.work_floats(self.structs[0])
        self._work = torch.zeros(n, size + 16)  # zeros: what pads a row stays so
        for struct, work in zip(self.structs, self._work, strict=True):
            struct.work = aligned(work)

    def _struct(self, i: int, experiment: Experiment) -> Net:
        shape = self.shape
        return Net(
            depth=shape.depth, inputs=shape.inputs, width=shape.width, classes=shape.classes,
            batch=experiment.batch_size, activation=ACTIVATIONS.index(shape.activation),
            gated=shape.gated, skips=self._skips[i].ctypes.data,
            reading=self._reading[i].ctypes.data,
        )  # fmt: skip

    def _parts(self, arena: Tensor) -> list[Tensor]:
        """Views of weights or velocities, [.., out, in] as in nn.Linear: stem (N, W, F), inner
        layers (L - 1, N, 1 or 2, W, W), a layer's gate behind its own, head (N, K, W); each
        followed by its bias, [.., out, 1]."""
        n, w = len(self.nets), self.shape.width
        stem, inner, head = arena.split(list(self._rows.values()), 1)
        stride = self.kernel.padded(w)
        inner = inner.view(n, self.shape.depth - 1, self.per, w + 1, stride)
        parts = [
            stem.view(n, self.shape.inputs + 1, stride).mT[:, :w],
            inner.permute(1, 0, 2, 4, 3)[..., :w, :],
            head.view(n, w + 1, -1).mT[:, : self.shape.classes],
        ]
        return [part for matrix in parts for part in (matrix[..., :-1], matrix[..., -1:])]

    def linears(self, i: int) -> list[tuple[nn.Linear, Tensor, Tensor]]:
        """Every linear layer of net i with its weight [out, in] and bias [out]."""
        wiring = self.wirings[i]
        stem, stem_bias, inner, inner_bias, head, head_bias = self._parts(self.arena.weights)
        linears = [(wiring.layers[0].path, stem[i], stem_bias[i, :, 0])]
        gates = [f"{gate.path}.linear1" for gate in wiring.gates]
        for g, paths in enumerate([[layer.path for layer in wiring.layers[1:]], gates]):
            for k, path in enumerate(paths):
                linears.append((path, inner[k, i, g], inner_bias[k, i, g, :, 0]))
        linears.append(("head.classifier", head[i], head_bias[i, :, 0]))
        modules: list[Any] = [self.nets[i].get_submodule(path) for path, _, _ in linears]
        return [(m, weight, bias) for m, (_, weight, bias) in zip(modules, linears, strict=True)]

    def read(self) -> None:
        """Takes the weights of the reference modules."""
        take_weights(map(self.linears, range(len(self.nets))))

    def write(self) -> None:
        """Gives the weights back to the reference modules."""
        give_weights(map(self.linears, range(len(self.nets))))

    def read_statistics(self) -> None:
        """There are none."""

    def begin(self, step: int) -> None:
        """Nothing is drawn at random."""

    def reading(self, i: int) -> np.ndarray:
        """The reading of a net, in the order of Instruments.reading(), float64."""
        head, rest = self._reading[i, :2], self._reading[i, 2:]
        signals, weights, scales, gates = rest.reshape(4, self.shape.depth)
        points = self._points[i]
        parts = [head, signals[points], weights, scales[points]]
        return np.concatenate([*parts, gates[:-1]] if self.shape.gated else parts)

    def state(self) -> dict[str, Any]:
        """What the optimiser keeps: matrices as [.., in, out], a gate's beside its layer's own."""
        return {
            name: [_joined(part).mT.contiguous() for part in self._parts(kept)]
            for name, kept in self.arena.kept.items()
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`."""
        for name, tensors in parts_of(state).items():
            for part, saved in zip(self._parts(self.arena.kept[name]), tensors, strict=True):
                part.copy_(saved.mT.reshape(part.shape))


def _joined(part: Tensor) -> Tensor:
    return part.flatten(2, 3) if part.dim() == 5 else part
