"""The stacked engine: dense nets of one shape, trained as one batch of products, backward by hand.

A step of a thin deep net is hundreds of small operations; doing them for all lanes and seeds at
once, without hooks and autograd, leaves the norms as by-products and costs a fraction. It holds the
same numbers as the reference modules, which stay the place where weights come from and go back to.

N nets, L layers that the depth counts, B batch size, F input values, W width, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.core.wiring import Wiring
from skipviz.engine import exact_sums
from skipviz.engine.exact_sums import norms_of
from skipviz.engine.optimise import optimiser

aten = torch.ops.aten


@dataclass(frozen=True)
class StackShape:
    """What nets must share to stand in one stack.

    skips   for each layer the layer whose output its shortcut adds, or -1; a chain without any may
            stand beside one that has some
    gated   highway units, whose layers have a transform gate that is learned
    fixed   (T, C) of highway units whose gates are numbers: y = H(x) T + x C
    """

    depth: int
    inputs: int
    width: int
    classes: int
    activation: str
    gated: bool
    skips: tuple[int, ...]
    fixed: tuple[float, float] | None = None


def shape_of(lane: Lane, experiment: Experiment) -> StackShape | None:
    """The shape of a lane that this engine can train; None: the module engine has to.

    It trains dense nets without normalisation and dropout whose family says how their units are
    computed (`Architecture.stacked`).
    """
    settings, declared = lane.settings(experiment.dataset), architecture(lane.family)
    dropped = settings.get("drop_rate", 0.0)
    if settings["backbone"] != "dense" or settings.get("norm", "none") != "none" or dropped:
        return None
    units = declared.stacked(settings)
    if units is None:
        return None
    wiring: Wiring = declared.wiring(settings)
    fixed = units if isinstance(units, tuple) else None
    return StackShape(
        depth=len(wiring.layers),
        inputs=int(np.prod(settings["input_shape"])),
        width=settings["width"],
        classes=settings["num_classes"],
        activation=settings["activation"],
        gated=units == "gated",
        skips=_skips(wiring) if not fixed else (-1,) * len(wiring.layers),
        fixed=fixed,
    )


def _skips(wiring: Wiring) -> tuple[int, ...]:
    """For each layer the layer whose output is added to its own; -1 for none."""
    sources, last = [-1], 0
    for stage in wiring.stages:
        for unit in stage.units:
            if stage.key in ("stem", "head"):
                continue
            sources += [-1] * len(unit.body.weights)
            if unit.body.joins == ("add",):
                sources[-1] = last
            last += len(unit.body.weights)
    return tuple(sources)


class Stack:
    """Nets of one shape, trained together. `read()` takes their weights, `write()` gives them back.

    Signals stand as [.., W, B], weights as [.., out, in] as in nn.Linear, so that z = W x: the long
    side is the one along which processors multiply. The gate's weights stand under the layer's own
    in one matrix [2W, W]: one product serves both. All weights are parts of one tensor, which is
    updated in one piece.
    """

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[StackShape],
    ) -> None:  # fmt: skip
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
        self.sizes = [
            (n, w, self.shape.inputs), (n, w, 1), (inner, n, wide, w), (inner, n, wide, 1),
            (n, self.shape.classes, w), (n, self.shape.classes, 1),
        ]  # fmt: skip
        self.flat = torch.empty(sum(map(math.prod, self.sizes)), **self.like)
        self.flat.grad = torch.zeros_like(self.flat)
        self.weights = _parts(self.flat, self.sizes)
        self.grads = _parts(_grad(self.flat), self.sizes)
        self.stem, self.stem_bias, self.inner, self.inner_bias, self.head, self.head_bias = (
            self.weights
        )
        self.optimiser = optimiser(experiment, [self.flat])
        self.clip = experiment.clip
        self.dead: set[int] = set()
        self._buffers: dict[str, Tensor] = {}
        self._layers: dict[str, tuple[Tensor, ...]] = {
            "weight": self.inner.unbind(),
            "bias": self.inner_bias.unbind(),
            "back": self.inner.mT.unbind(),
            "weight_grad": self.grads[2].unbind(),
            "bias_grad": self.grads[3].unbind(),
        }
        self._places = [self._picked(wiring) for wiring in wirings]
        self.read()

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

    def set_rates(self, rates: Sequence[float]) -> None:
        """From the next update on each net has a learning rate of its own (SGD alone)."""
        if len(set(rates)) == 1:
            self.optimiser.lr = rates[0]
            return
        of_nets, whole = torch.tensor(rates, **self.like), torch.empty_like(self.flat)
        for part in _parts(whole, self.sizes):
            part.copy_(of_nets[:, None, None])
        self.optimiser.lr = whole

    @torch.no_grad()
    def learn(self, x: Tensor, y: Tensor, measure: bool) -> tuple[np.ndarray, list[np.ndarray]]:
        """One update on x (N, B, F), y (N, B): whether each net's loss is finite (N,), and, where
        measured, each net's loss, error and instruments' reading as one vector."""
        out = self._forward(x)
        logits = torch.baddbmm(self.head_bias, self.head, out[-1])  # (N, K, B)
        logs, truth = logits.log_softmax(1), y[:, None]
        loss = -logs.gather(1, truth).mean((1, 2))
        slope = logs.exp().scatter_add_(1, truth, -torch.ones_like(logs[:, :1]))
        signal = self._backward(x, out, slope.div_(x.shape[1]))
        finite = loss.isfinite().cpu().numpy()
        reads = []
        if measure:
            predictions = logits.max(1).indices  # as argmax(1), but a sixth of its time
            error = (predictions != y).to(loss.dtype).mean(1)
            reads = self._reading(loss, error, out, signal)
        for i in np.flatnonzero(~finite):
            self.dead.add(int(i))
        dead_weights = self._dead_weights()
        if self.clip:
            self._clip()
        self.optimiser.step()
        for place, weight in dead_weights:
            place.copy_(weight)
        return finite, reads

    def _buffer(self, name: str, *shape: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A tensor that is kept from step to step, and its layers."""
        if name not in self._buffers or self._buffers[name].shape != shape:
            self._buffers[name] = torch.empty(shape, **self.like)
            self._layers[name] = self._buffers[name].unbind()
        return self._buffers[name], self._layers[name]

    def _forward(self, x: Tensor) -> Tensor:
        """The outputs of all layers, (L, N, W, B); a gated stack keeps H and T beside them."""
        n, b, w = len(self.nets), x.shape[1], self.shape.width
        act = _ACTIVATIONS[self.shape.activation]
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

    def _backward(self, x: Tensor, out: Tensor, slope: Tensor) -> Tensor:
        """Fills every gradient; dLoss/dx at the output of all layers, (L, N, W, B)."""
        stem, stem_bias, _, _, head, head_bias = self.grads
        signal, signals = self._buffer("signal", *out.shape)
        torch.bmm(slope, out[-1].mT, out=head)
        torch.sum(slope, 2, keepdim=True, out=head_bias)
        torch.bmm(self.head.mT, slope, out=signals[-1])
        fixed, gated = self._backward_fixed, self._backward_gated
        inner = gated if self.shape.gated else fixed if self.shape.fixed else self._backward_chain
        inner(signals)
        first = torch.empty_like(out[0])
        _SLOPES[self.shape.activation](signals[0], out[0], grad_input=first)
        torch.bmm(first, x, out=stem)
        torch.sum(first, 2, keepdim=True, out=stem_bias)
        return signal

    def _weigh(self, k: int, below: Tensor) -> None:
        """Fills the gradients of inner layer k from dLoss/dz, (N, wide, B)."""
        torch.bmm(below, self._layers["out"][k].mT, out=self._layers["weight_grad"][k])
        torch.sum(below, 2, keepdim=True, out=self._layers["bias_grad"][k])

    def _backward_chain(self, signals: Sequence[Tensor]) -> None:
        outs, backs = self._layers["out"], self._layers["back"]
        slope_of, filled = _SLOPES[self.shape.activation], {self.shape.depth - 1}
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
        w, slope_of = self.shape.width, _SLOPES[self.shape.activation]
        outs, parts, backs = (self._layers[name] for name in ("out", "parts", "back"))
        below = torch.empty_like(self._buffers["parts"][0])
        below_h, below_t = below.split(w, 1)
        for k in range(self.shape.depth - 2, -1, -1):
            h, t = parts[k].split(w, 1)
            g, under = signals[k + 1], torch.mul(signals[k + 1], t, out=signals[k])
            slope_of(under, h, grad_input=below_h)
            torch.sub(h, outs[k], out=below_t).mul_(g)
            _SLOPES["sigmoid"](below_t, t, grad_input=below_t)
            self._weigh(k, below)
            torch.sub(g, under, out=under).baddbmm_(backs[k], below)

    def _backward_fixed(self, signals: Sequence[Tensor]) -> None:
        assert self.shape.fixed is not None
        (gate, carry), slope_of = self.shape.fixed, _SLOPES[self.shape.activation]
        parts, backs = self._layers["parts"], self._layers["back"]
        below = torch.empty_like(parts[0])
        for k in range(self.shape.depth - 2, -1, -1):
            slope_of(signals[k + 1], parts[k], grad_input=below).mul_(gate)
            self._weigh(k, below)
            torch.baddbmm(signals[k + 1], backs[k], below, beta=carry, out=signals[k])

    def _clip(self) -> None:
        """Scales each net's gradient down to an L2 norm of at most `clip`, as `optimise.clip`."""
        parts = [norms_of(grad).view(-1, len(self.nets)) for grad in self.grads]  # (1 or L - 1, N)
        whole = norms_of(torch.cat(parts).T[:, None].contiguous())
        scale = (self.clip / whole).clamp(max=1).to(self.stem.dtype)[:, None, None]
        for grad in self.grads:
            grad.mul_(scale)

    def _dead_weights(self) -> list[tuple[Tensor, Tensor]]:
        """Where the weights of nets stand whose loss was not finite, and a copy of them: such a
        net learns no more, its weights stay as they were."""
        dead = []
        for weight in self.weights:
            inner = weight is self.inner or weight is self.inner_bias
            places = [weight[:, i] if inner else weight[i] for i in sorted(self.dead)]
            dead += [(place, place.clone()) for place in places]
        return dead

    def _picked(self, wiring: Wiring) -> np.ndarray:
        """Where a net's reading, in the order of Instruments.reading(), stands in the columns of
        `_reading`: loss, error, signal gradients (L), weight gradients (L), scales (L), gates."""
        depth = self.shape.depth
        points = np.array([point.depth - 1 for point in wiring.points])
        layers, gates = np.arange(depth), np.arange(len(wiring.gates))
        parts = [points, depth + layers, 2 * depth + points, 3 * depth + gates]
        return np.concatenate([[0, 1], 2 + np.concatenate(parts)])

    def _reading(
        self, loss: Tensor, error: Tensor, out: Tensor, signal: Tensor
    ) -> list[np.ndarray]:
        """For each net its loss, error and reading, float64."""
        w, (stem, _, inner, *_) = self.shape.width, self.grads
        scales = norms_of(out) / math.sqrt(out[0, 0].numel())
        columns = [
            torch.stack([loss, error]).to(scales.dtype),
            norms_of(signal), norms_of(stem)[None], norms_of(inner[:, :, :w]), scales,
        ]  # fmt: skip
        if self.shape.gated:
            columns.append(self._buffers["parts"][:, :, w:].mean((2, 3)).to(scales.dtype))
        if self.shape.fixed:
            columns.append(torch.full_like(scales[1:], self.shape.fixed[0]))
        whole = exact_sums.on_host(torch.cat(columns).T)
        return [row[places] for row, places in zip(whole, self._places, strict=True)]

    def state(self) -> dict[str, Any]:
        """The optimiser's tensors with the shapes of `weights`, matrices as [.., in, out]."""
        tensors = {
            name: [part.mT.contiguous() for part in _parts(of[0], self.sizes)]
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


def _grad(weight: Tensor) -> Tensor:
    grad = weight.grad
    assert grad is not None
    return grad


def _parts(flat: Tensor, sizes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """A flat tensor cut into tensors of the given sizes."""
    parts = flat.split([math.prod(size) for size in sizes])
    return [part.view(size) for part, size in zip(parts, sizes, strict=True)]


_ACTIVATIONS: dict[str, Any] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""In place."""

_SLOPES: dict[str, Any] = {
    "relu": partial(aten.threshold_backward.grad_input, threshold=0),
    "tanh": aten.tanh_backward.grad_input,
    "sigmoid": aten.sigmoid_backward.grad_input,
}
"""dLoss/dz from dLoss/dy and y = act(z), written into grad_input."""


Linears = Iterable[tuple[Any, Tensor, Tensor]]
"""Of one net: each reference module with the weight and the bias that a stack holds for it."""


@torch.no_grad()
def take_weights(nets: Iterable[Linears]) -> None:
    """Copies the reference modules' weights into a stack."""
    for linears in nets:
        for module, weight, bias in linears:
            weight.copy_(module.weight)
            bias.copy_(module.bias)


@torch.no_grad()
def give_weights(nets: Iterable[Linears]) -> None:
    """Copies a stack's weights into the reference modules."""
    for linears in nets:
        for module, weight, bias in linears:
            module.weight.copy_(weight)
            module.bias.copy_(bias)
