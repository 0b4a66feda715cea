"""Plain, residual and highway nets of equal layers, with nothing between them: one batched product
a layer.

N nets, L layers that the depth counts, B batch size, F input values, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.wiring import Wiring
from skipviz.engine.exact_sums import norms_of
from skipviz.engine.stacked.kernels import ACTIVATIONS, SLOPES
from skipviz.engine.stacked.shape import StackShape
from skipviz.engine.stacked.weights import Weights, give_weights, take_weights


class Layers:
    """The forward and the backward pass of such nets.

    Signals stand as [.., W, B], weights as [.., out, in] as in nn.Linear, so that z = W x: the long
    side is the one along which processors multiply. The gate's weights stand under the layer's own
    in one matrix [2W, W]: one product serves both.
    """

    def __init__(
        self, nets: Sequence[nn.Module], wirings: Sequence[Wiring], shapes: Sequence[StackShape]
    ) -> None:
        self.nets, self.wirings = nets, wirings
        self.shape = max(shapes, key=lambda shape: max(shape.skips, default=-1))
        first = next(nets[0].parameters())
        self.like: dict[str, Any] = {"dtype": first.dtype, "device": first.device}
        self.skips = self.shape.skips
        self.adds = [
            torch.tensor([float(s.skips[i] >= 0) for s in shapes], **self.like)[:, None, None]
            for i in range(self.shape.depth)
        ]
        n, w, inner = len(nets), self.shape.width, self.shape.depth - 1
        wide = w * (2 if self.shape.gated else 1)
        sizes = [
            (n, w, self.shape.inputs), (n, w, 1), (inner, n, wide, w), (inner, n, wide, 1),
            (n, self.shape.classes, w), (n, self.shape.classes, 1),
        ]  # fmt: skip
        self.weights = Weights(sizes, self.like)
        self.stem, self.stem_bias, self.inner, self.inner_bias, self.head, self.head_bias = (
            self.weights.parts
        )
        self._buffers: dict[str, Tensor] = {}
        self._layers: dict[str, tuple[Tensor, ...]] = {
            "weight": self.inner.unbind(),
            "bias": self.inner_bias.unbind(),
            "back": self.inner.mT.unbind(),
            "weight_grad": self.weights.grads[2].unbind(),
            "bias_grad": self.weights.grads[3].unbind(),
        }
        self.picked = [self._picked(wiring) for wiring in wirings]

    # --- weights

    def linears(self, i: int) -> list[tuple[nn.Linear, Tensor, Tensor]]:
        """Every linear layer of net i with its weight [out, in] and bias [out] in the stack."""
        net, wiring, w = self.nets[i], self.wirings[i], self.shape.width
        layers = [(wiring.layers[0].path, self.stem[i], self.stem_bias[i, :, 0])]
        for k, layer in enumerate(wiring.layers[1:]):
            layers.append((layer.path, self.inner[k, i, :w], self.inner_bias[k, i, :w, 0]))
        for k, gate in enumerate(wiring.gates if self.shape.gated else ()):
            path = f"{gate.path}.linear1"
            layers.append((path, self.inner[k, i, w:], self.inner_bias[k, i, w:, 0]))
        layers.append(("head.classifier", self.head[i], self.head_bias[i, :, 0]))
        modules: list[Any] = [net.get_submodule(path) for path, _, _ in layers]
        return [(m, weight, bias) for m, (_, weight, bias) in zip(modules, layers, strict=True)]

    def read(self) -> None:
        """Takes the weights of the reference modules."""
        take_weights(map(self.linears, range(len(self.nets))))

    def write(self) -> None:
        """Gives the weights back to the reference modules."""
        give_weights(map(self.linears, range(len(self.nets))))

    # --- one step

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Logits (N, K, B) of x (N, B, F); nothing here depends on the step."""
        return torch.baddbmm(self.head_bias, self.head, self._forward(x)[-1])

    def _buffer(self, name: str, *shape: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A tensor that is kept from step to step, and its layers."""
        if name not in self._buffers or self._buffers[name].shape != shape:
            self._buffers[name] = torch.empty(shape, **self.like)
            self._layers[name] = self._buffers[name].unbind()
        return self._buffers[name], self._layers[name]

    def _forward(self, x: Tensor) -> Tensor:
        """The outputs of all layers, (L, N, W, B); a gated stack keeps H and T beside them."""
        n, b, w = len(self.nets), x.shape[1], self.shape.width
        act = ACTIVATIONS[self.shape.activation]
        out, outs = self._buffer("out", self.shape.depth, n, w, b)
        act(torch.baddbmm(self.stem_bias, self.stem, x.mT, out=outs[0]))
        weights, biases = self._layers["weight"], self._layers["bias"]
        if self.shape.gated:
            _, parts = self._buffer("parts", self.shape.depth - 1, n, 2 * w, b)
            for k, z in enumerate(parts):
                torch.baddbmm(biases[k], weights[k], outs[k], out=z)
                h, t = z.split(w, 1)
                torch.lerp(outs[k], act(h), t.sigmoid_(), out=outs[k + 1])
            return out
        if self.shape.fixed:
            (gate, carry), (_, parts) = self.shape.fixed, self._buffer("parts", *out[1:].shape)
            for k, h in enumerate(parts):
                act(torch.baddbmm(biases[k], weights[k], outs[k], out=h))
                torch.mul(outs[k], carry, out=outs[k + 1]).add_(h, alpha=gate)
            return out
        for k in range(1, self.shape.depth):
            z = torch.baddbmm(biases[k - 1], weights[k - 1], outs[k - 1], out=outs[k])
            if self.skips[k] >= 0:
                z.addcmul_(outs[self.skips[k]], self.adds[k])
            act(z)
        return out

    def backward(self, x: Tensor, slope: Tensor, measure: bool) -> None:
        """Fills every gradient from dLoss/dlogits (N, K, B), and keeps dLoss/dx at the output of
        all layers."""
        stem, stem_bias, _, _, head, head_bias = self.weights.grads
        out = self._buffers["out"]
        _, signals = self._buffer("signal", *out.shape)
        torch.bmm(slope, out[-1].mT, out=head)
        torch.sum(slope, 2, keepdim=True, out=head_bias)
        torch.bmm(self.head.mT, slope, out=signals[-1])
        fixed, gated = self._backward_fixed, self._backward_gated
        inner = gated if self.shape.gated else fixed if self.shape.fixed else self._backward_chain
        inner(signals)
        first = torch.empty_like(out[0])
        SLOPES[self.shape.activation](signals[0], out[0], grad_input=first)
        torch.bmm(first, x, out=stem)
        torch.sum(first, 2, keepdim=True, out=stem_bias)

    def _weigh(self, k: int, below: Tensor) -> None:
        """Fills the gradients of inner layer k from dLoss/dz, (N, wide, B)."""
        torch.bmm(below, self._layers["out"][k].mT, out=self._layers["weight_grad"][k])
        torch.sum(below, 2, keepdim=True, out=self._layers["bias_grad"][k])

    def _backward_chain(self, signals: Sequence[Tensor]) -> None:
        outs, backs = self._layers["out"], self._layers["back"]
        slope_of, filled = SLOPES[self.shape.activation], {self.shape.depth - 1}
        below = torch.empty_like(outs[0])
        for k in range(self.shape.depth - 1, 0, -1):
            slope_of(signals[k], outs[k], grad_input=below)
            self._weigh(k - 1, below)
            if k - 1 in filled:
                signals[k - 1].baddbmm_(backs[k - 1], below)
            else:
                torch.bmm(backs[k - 1], below, out=signals[k - 1])
            source = self.skips[k]
            if source == k - 1:
                signals[source].addcmul_(below, self.adds[k])
            elif source >= 0:
                torch.mul(below, self.adds[k], out=signals[source])
                filled.add(source)

    def _backward_gated(self, signals: Sequence[Tensor]) -> None:
        w, slope_of = self.shape.width, SLOPES[self.shape.activation]
        outs, parts, backs = (self._layers[name] for name in ("out", "parts", "back"))
        below = torch.empty_like(self._buffers["parts"][0])
        below_h, below_t = below.split(w, 1)
        for k in range(self.shape.depth - 2, -1, -1):
            h, t = parts[k].split(w, 1)
            g, under = signals[k + 1], torch.mul(signals[k + 1], t, out=signals[k])
            slope_of(under, h, grad_input=below_h)
            torch.sub(h, outs[k], out=below_t).mul_(g)
            SLOPES["sigmoid"](below_t, t, grad_input=below_t)
            self._weigh(k, below)
            torch.sub(g, under, out=under).baddbmm_(backs[k], below)

    def _backward_fixed(self, signals: Sequence[Tensor]) -> None:
        assert self.shape.fixed is not None
        (gate, carry), slope_of = self.shape.fixed, SLOPES[self.shape.activation]
        parts, backs = self._layers["parts"], self._layers["back"]
        below = torch.empty_like(parts[0])
        for k in range(self.shape.depth - 2, -1, -1):
            slope_of(signals[k + 1], parts[k], grad_input=below).mul_(gate)
            self._weigh(k, below)
            torch.baddbmm(signals[k + 1], backs[k], below, beta=carry, out=signals[k])

    def _picked(self, wiring: Wiring) -> np.ndarray:
        """Where a net's reading, in the order of Instruments.reading(), stands in the columns of
        `_reading`: loss, error, signal gradients (L), weight gradients (L), scales (L), gates."""
        depth = self.shape.depth
        points = np.array([point.depth - 1 for point in wiring.points])
        layers, gates = np.arange(depth), np.arange(len(wiring.gates))
        parts = [points, depth + layers, 2 * depth + points, 3 * depth + gates]
        return np.concatenate([[0, 1], 2 + np.concatenate(parts)])

    def reading(self) -> list[Tensor]:
        """What was measured in the last step, (.., N) each, float64; `picked` says where each
        net's own reading stands in it, behind loss and error."""
        w, (stem, _, inner, *_) = self.shape.width, self.weights.grads
        out, signal = self._buffers["out"], self._buffers["signal"]
        scales = norms_of(out) / math.sqrt(out[0, 0].numel())
        columns = [norms_of(signal), norms_of(stem)[None], norms_of(inner[:, :, :w]), scales]
        if self.shape.gated:
            columns.append(self._buffers["parts"][:, :, w:].mean((2, 3)).to(scales.dtype))
        if self.shape.fixed:
            columns.append(torch.full_like(scales[1:], self.shape.fixed[0]))
        return columns
