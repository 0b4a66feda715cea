"""Nets of one shape, each trained by the fused kernel: used in place of `Stack`.

N nets, L layers that the depth counts, B batch size, F input values, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment
from skipviz.core.wiring import Wiring
from skipviz.engine import device as devices
from skipviz.engine import fused
from skipviz.engine.fused.native import ACTIVATIONS, Kernel, Net
from skipviz.engine.optimise import Sgd, optimiser
from skipviz.engine.stacked import Stack, StackShape, give_weights, take_weights

WIDEST = 512
"""Wider layers are left to the libraries behind torch, which cut large products into pieces."""


def claims(experiment: Experiment, shape: StackShape, device: torch.device) -> bool:
    """Can the kernel train nets of this shape? On the CPU, by SGD, with whatever momentum, without
    clipping, whose norm needs all gradients before the first update; plain, residual and coupled
    highway nets with nothing between their layers."""
    by_sgd = experiment.optimiser in ("sgd", "nesterov") and not experiment.clip
    small = shape.width <= WIDEST and not (shape.fixed or shape.program)
    return device.type == "cpu" and by_sgd and small and fused.available()


Batches = Tensor | Sequence[Tensor]
Learnt = tuple[np.ndarray, list[np.ndarray]]


class FusedStack:
    """Nets of one shape. `read()` takes their weights, `write()` gives them back, `learn()` makes
    an update of all of them; as in `Stack`, whose `state()` it can load, and the reverse.

    weights, velocity   (N, floats) float32: a net's matrices one after the other, as kernel.c
    describes them
    """

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[StackShape], kernel: Kernel | None = None,
    ) -> None:  # fmt: skip
        self.nets, self.wirings = nets, wirings
        self.shape = shapes[0]
        self.kernel = kernel or fused.kernel()
        self.threads = devices.cores()  # so many nets are trained at once
        self.optimiser: Any = optimiser(experiment, [])
        assert isinstance(self.optimiser, Sgd)
        self.dead: set[int] = set()
        self._rates: list[float] | None = None
        self.batch = experiment.batch_size
        self.per = 2 if self.shape.gated else 1
        n, s, w = len(nets), self.kernel.padded(self.shape.width), self.shape.width
        self._rows = {"stem": (self.shape.inputs + 1) * s}
        self._rows["inner"] = (self.shape.depth - 1) * self.per * (w + 1) * s
        self._rows["head"] = (w + 1) * self.kernel.padded(self.shape.classes)
        self.weights = torch.zeros(n, sum(self._rows.values()))
        self.velocity = torch.zeros_like(self.weights)
        self._skips = [np.array(shape.skips, np.int64) for shape in shapes]
        self._points = [[p.depth - 1 for p in wiring.points] for wiring in wirings]
        self._reading = np.zeros((n, 2 + 4 * self.shape.depth))
        self.structs = [self._struct(i) for i in range(n)]
        size = self.kernel.work_floats(self.structs[0])
        self._work = torch.zeros(n, size + 16)  # zeros: what pads a row stays so
        for struct, work in zip(self.structs, self._work, strict=True):
            struct.work = -(-work.data_ptr() // 64) * 64
        self.read()

    def _struct(self, i: int) -> Net:
        shape = self.shape
        return Net(
            depth=shape.depth, inputs=shape.inputs, width=shape.width, classes=shape.classes,
            batch=self.batch, activation=ACTIVATIONS.index(shape.activation), gated=shape.gated,
            nesterov=self.optimiser.nesterov, skips=self._skips[i].ctypes.data,
            weights=self.weights[i].data_ptr(), velocity=self.velocity[i].data_ptr(),
            reading=self._reading[i].ctypes.data, momentum=self.optimiser.momentum,
            weight_decay=self.optimiser.weight_decay,
        )  # fmt: skip

    # --- weights

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
        stem, stem_bias, inner, inner_bias, head, head_bias = self._parts(self.weights)
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

    # --- one step

    def set_rates(self, rates: Sequence[float]) -> None:
        """From the next update on each net has a learning rate of its own."""
        self._rates = list(rates)

    def learn(self, x: Batches, y: Batches, measure: bool) -> Learnt:
        """One update on x (N, B, F), y (N, B), or as many tensors (B, F) and (B,): whether each
        net's loss is finite (N,), and, where measured, each net's loss, error and instruments'
        reading as one vector."""
        return learn_together([(self, list(x), list(y))], measure)[0]

    def _begin(self, x: Sequence[Tensor], y: Sequence[Tensor], measure: bool) -> None:
        shape = (self.batch, self.shape.inputs)
        for i, net in enumerate(self.structs):
            images, labels = x[i], y[i]
            if images.dtype != torch.float32 or images.shape != shape or images.stride(1) != 1:
                raise ValueError(f"images {tuple(images.shape)}: must be float32 of {shape}")
            if labels.dtype != torch.int64 or not labels.is_contiguous():
                raise ValueError("labels: must be int64, one after the other")
            net.x, net.x_stride, net.y = images.data_ptr(), images.stride(0), labels.data_ptr()
            net.measure, net.dead = measure, i in self.dead
            net.lr = self._rates[i] if self._rates else self.optimiser.lr

    def _end(self, measure: bool) -> Learnt:
        finite = np.array([bool(net.finite) for net in self.structs])
        self.dead |= {int(i) for i in np.flatnonzero(~finite)}
        return finite, [self._read(i) for i in range(len(self.nets))] if measure else []

    def _read(self, i: int) -> np.ndarray:
        """The reading of a net, in the order of Instruments.reading(), float64."""
        head, rest = self._reading[i, :2], self._reading[i, 2:]
        signals, weights, scales, gates = rest.reshape(4, self.shape.depth)
        points = self._points[i]
        parts = [head, signals[points], weights, scales[points]]
        return np.concatenate([*parts, gates[:-1]] if self.shape.gated else parts)

    def state(self) -> dict[str, Any]:
        """As `Stack.state()`: matrices as [.., in, out], a gate's beside its layer's own."""
        velocity = [self._joined(part).mT.contiguous() for part in self._parts(self.velocity)]
        return {"optimiser": {"velocity": velocity}, "dead": sorted(self.dead)}

    def _joined(self, part: Tensor) -> Tensor:
        return part.flatten(2, 3) if part.dim() == 5 else part

    @torch.no_grad()
    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`; the weights are read from the reference modules."""
        self.read()
        velocity = state["optimiser"]["velocity"]
        for part, saved in zip(self._parts(self.velocity), velocity, strict=True):
            part.copy_(saved.mT.reshape(part.shape))
        self.dead = set(state["dead"])


def learn_together(
    tasks: Sequence[tuple[Stack | FusedStack, Sequence[Tensor], Sequence[Tensor]]], measure: bool,
    step: int = 0,
) -> list[Learnt]:  # fmt: skip
    """`learn()` of several stacks; the nets of all fused ones are shared out to the cores at once.
    Each stack comes with one batch (B, F) and its labels (B,) for each of its nets; `step` decides,
    beside the seeds, what dropout drops."""
    ours = [(stack, x, y) for stack, x, y in tasks if isinstance(stack, FusedStack)]
    for stack, x, y in ours:
        stack._begin(x, y, measure)
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
