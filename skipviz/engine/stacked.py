"""The stacked engine: dense nets of one shape, trained as one batch of products, backward by hand.

A step of a thin deep net is hundreds of small operations; doing them for all lanes and seeds at
once, without hooks and autograd, leaves the norms as by-products and costs a fraction. It holds the
same numbers as the reference modules, which stay the place where weights come from and go back to.

N nets, L layers that the depth counts, B batch size, F input values, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.engine.optimise import optimiser
from skipviz.spec import Experiment, Lane, architecture
from skipviz.wiring import Wiring

aten = torch.ops.aten


@dataclass(frozen=True)
class Shape:
    """What nets must share to stand in one stack.

    skips   for each layer the layer whose output its shortcut adds, or -1; a chain without any may
            stand beside one that has some
    gated   highway units, whose layers have a transform gate
    """

    depth: int
    inputs: int
    width: int
    classes: int
    activation: str
    gated: bool
    skips: tuple[int, ...]


def shape_of(lane: Lane, experiment: Experiment) -> Shape | None:
    """The shape of a lane that this engine can train; None: the module engine has to.

    It trains dense nets without normalisation: plain ones, original residual units, highway units
    with a learned coupled gate, and the plain twins of both.
    """
    settings = lane.settings(experiment.dataset)
    wiring: Wiring = architecture(lane.family).wiring(settings)
    if settings["backbone"] != "dense" or settings["norm"] != "none":
        return None
    twin = settings.get("plain_twin", False)
    if lane.family == "resnet":
        fits = settings["variant"] == "original" and (twin or settings["branch_scale"] == "one")
    elif lane.family == "highway":
        fits = twin or (settings["gate"], settings["carry"]) == ("learned", "coupled")
    else:
        fits = lane.family == "plain"
    if not fits:
        return None
    return Shape(
        depth=len(wiring.layers),
        inputs=int(np.prod(settings["input_shape"])),
        width=settings["width"],
        classes=settings["num_classes"],
        activation=settings["activation"],
        gated=bool(wiring.gates),
        skips=_skips(wiring),
    )


def _skips(wiring: Wiring) -> tuple[int, ...]:
    """For each layer the layer whose output is added to its own; -1 for none."""
    found, last = [-1], 0
    for stage in wiring.stages:
        for unit in stage.units:
            if stage.key in ("stem", "head"):
                continue
            found += [-1] * len(unit.body.weights)
            if unit.body.joins == ("add",):
                found[-1] = last
            last += len(unit.body.weights)
    return tuple(found)


class Stack:
    """Nets of one shape, trained together. `read()` takes their weights, `write()` gives them back.

    Weights stand as [.., in, out], so that y = x W. The gate's weights stand beside the layer's
    own in one matrix [W, 2W]: one product serves both.
    """

    def __init__(
        self, experiment: Experiment, nets: Sequence[nn.Module], wirings: Sequence[Wiring],
        shapes: Sequence[Shape],
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
        n, w = len(nets), self.shape.width
        inner, wide = self.shape.depth - 1, w * (2 if self.shape.gated else 1)
        self.stem = torch.empty(n, self.shape.inputs, w, **self.like)
        self.stem_bias = torch.empty(n, 1, w, **self.like)
        self.inner = torch.empty(inner, n, w, wide, **self.like)
        self.inner_bias = torch.empty(inner, n, 1, wide, **self.like)
        self.head = torch.empty(n, w, self.shape.classes, **self.like)
        self.head_bias = torch.empty(n, 1, self.shape.classes, **self.like)
        self.weights = [
            self.stem, self.stem_bias, self.inner, self.inner_bias, self.head, self.head_bias,
        ]  # fmt: skip
        for weight in self.weights:
            weight.grad = torch.zeros_like(weight)
        self.optimiser = optimiser(experiment, self.weights)
        self.clip = experiment.clip
        self.dead: set[int] = set()
        self._buffers: dict[str, Tensor] = {}
        self.read()

    # --- weights

    def _places(self, i: int) -> list[tuple[nn.Linear, Tensor, Tensor]]:
        """Every linear layer of net i with its weight [in, out] and bias [out] in the stack."""
        net, wiring, w = self.nets[i], self.wirings[i], self.shape.width
        found = [(wiring.layers[0].path, self.stem[i], self.stem_bias[i, 0])]
        for k, layer in enumerate(wiring.layers[1:]):
            found.append((layer.path, self.inner[k, i, :, :w], self.inner_bias[k, i, 0, :w]))
        for k, gate in enumerate(wiring.gates):
            path = f"{gate.path}.linear1"
            found.append((path, self.inner[k, i, :, w:], self.inner_bias[k, i, 0, w:]))
        found.append(("head.classifier", self.head[i], self.head_bias[i, 0]))
        modules: list[Any] = [net.get_submodule(path) for path, _, _ in found]
        return [(m, weight, bias) for m, (_, weight, bias) in zip(modules, found, strict=True)]

    @torch.no_grad()
    def read(self) -> None:
        """Takes the weights of the reference modules."""
        for i in range(len(self.nets)):
            for module, weight, bias in self._places(i):
                weight.copy_(module.weight.T)
                bias.copy_(module.bias)

    @torch.no_grad()
    def write(self) -> None:
        """Gives the weights back to the reference modules."""
        for i in range(len(self.nets)):
            for module, weight, bias in self._places(i):
                module.weight.copy_(weight.T)
                module.bias.copy_(bias)

    # --- one step

    @torch.no_grad()
    def learn(self, x: Tensor, y: Tensor, measure: bool) -> tuple[np.ndarray, list[np.ndarray]]:
        """One update on x (N, B, F), y (N, B): whether each net's loss is finite (N,), and, where
        measured, each net's loss, error and instruments' reading as one vector."""
        out = self._forward(x)
        logits = torch.baddbmm(self.head_bias, out[-1], self.head)
        logs = logits.log_softmax(-1)
        loss = -logs.gather(2, y[..., None]).mean((1, 2))
        slope = logs.exp().scatter_add_(2, y[..., None], -torch.ones_like(logs[..., :1]))
        signal = self._backward(x, out, slope / x.shape[1])
        finite = loss.isfinite().cpu().numpy()
        reads = []
        if measure:
            error = (logits.argmax(-1) != y).to(loss.dtype).mean(1)
            reads = self._reading(loss, error, out, signal)
        for i in np.flatnonzero(~finite):
            self.dead.add(int(i))
        kept = self._dead_weights()
        if self.clip:
            self._clip()
        self.optimiser.step()
        for place, weight in kept:
            place.copy_(weight)
        return finite, reads

    def _buffer(self, name: str, *shape: int) -> Tensor:
        if name not in self._buffers:
            self._buffers[name] = torch.empty(shape, **self.like)
        return self._buffers[name]

    def _forward(self, x: Tensor) -> Tensor:
        """The outputs of all layers, (L, N, B, W); a gated stack keeps H and T beside them."""
        n, b, w = len(self.nets), x.shape[1], self.shape.width
        act = _ACTIVATIONS[self.shape.activation]
        out = self._buffer("out", self.shape.depth, n, b, w)
        act(torch.baddbmm(self.stem_bias, x, self.stem, out=out[0]))
        if self.shape.gated:
            parts = self._buffer("parts", self.shape.depth - 1, n, b, 2 * w)
            for k in range(self.shape.depth - 1):
                z = torch.baddbmm(self.inner_bias[k], out[k], self.inner[k], out=parts[k])
                act(z[..., :w])
                z[..., w:].sigmoid_()
                torch.lerp(out[k], z[..., :w], z[..., w:], out=out[k + 1])
            return out
        for k in range(1, self.shape.depth):
            z = torch.baddbmm(self.inner_bias[k - 1], out[k - 1], self.inner[k - 1], out=out[k])
            if self.skips[k] >= 0:
                z.addcmul_(out[self.skips[k]], self.adds[k])
            act(z)
        return out

    def _backward(self, x: Tensor, out: Tensor, slope: Tensor) -> Tensor:
        """Fills every gradient; dLoss/dx at the output of all layers, (L, N, B, W)."""
        signal = self._buffer("signal", *out.shape)
        torch.bmm(out[-1].transpose(1, 2), slope, out=self.head.grad)
        torch.sum(slope, 1, keepdim=True, out=self.head_bias.grad)
        torch.bmm(slope, self.head.transpose(1, 2), out=signal[-1])
        if self.shape.gated:
            self._backward_gated(out, signal)
        else:
            self._backward_chain(out, signal)
        below = _SLOPES[self.shape.activation](signal[0], out[0])
        torch.bmm(x.transpose(1, 2), below, out=self.stem.grad)
        torch.sum(below, 1, keepdim=True, out=self.stem_bias.grad)
        return signal

    def _backward_chain(self, out: Tensor, signal: Tensor) -> None:
        grad, bias = _grad(self.inner), _grad(self.inner_bias)
        slope_of, filled = _SLOPES[self.shape.activation], {self.shape.depth - 1}
        for k in range(self.shape.depth - 1, 0, -1):
            below = slope_of(signal[k], out[k])
            torch.bmm(out[k - 1].transpose(1, 2), below, out=grad[k - 1])
            torch.sum(below, 1, keepdim=True, out=bias[k - 1])
            back = self.inner[k - 1].transpose(1, 2)
            if k - 1 in filled:
                signal[k - 1].baddbmm_(below, back)
            else:
                torch.bmm(below, back, out=signal[k - 1])
            source = self.skips[k]
            if source == k - 1:
                signal[source].addcmul_(below, self.adds[k])
            elif source >= 0:
                torch.mul(below, self.adds[k], out=signal[source])
                filled.add(source)

    def _backward_gated(self, out: Tensor, signal: Tensor) -> None:
        w, parts = self.shape.width, self._buffers["parts"]
        grad, bias = _grad(self.inner), _grad(self.inner_bias)
        below = self._buffer("below", *parts.shape[1:])
        slope_of = _SLOPES[self.shape.activation]
        for k in range(self.shape.depth - 2, -1, -1):
            h, t, g = parts[k][..., :w], parts[k][..., w:], signal[k + 1]
            below[..., :w] = slope_of(g * t, h)
            below[..., w:] = aten.sigmoid_backward(g * (h - out[k]), t)
            torch.bmm(out[k].transpose(1, 2), below, out=grad[k])
            torch.sum(below, 1, keepdim=True, out=bias[k])
            torch.mul(g, 1 - t, out=signal[k])
            signal[k].baddbmm_(below, self.inner[k].transpose(1, 2))

    def _clip(self) -> None:
        """Scales each net's gradient down to an L2 norm of at most `clip`, as `optimise.clip`."""
        squares = torch.zeros(len(self.nets), dtype=torch.float64, device=self.stem.device)
        for weight in self.weights:
            square = _norms(_grad(weight)).square()  # (N,), or (L - 1, N)
            squares += square.sum(0) if square.dim() == 2 else square
        scale = (self.clip / squares.sqrt()).clamp(max=1).to(self.stem.dtype)[:, None, None]
        for weight in self.weights:
            _grad(weight).mul_(scale)

    def _dead_weights(self) -> list[tuple[Tensor, Tensor]]:
        """Where the weights of nets stand whose loss was not finite, and a copy of them: such a
        net learns no more, its weights stay as they were."""
        found = []
        for weight in self.weights:
            inner = weight is self.inner or weight is self.inner_bias
            places = [weight[:, i] if inner else weight[i] for i in sorted(self.dead)]
            found += [(place, place.clone()) for place in places]
        return found

    def _reading(
        self, loss: Tensor, error: Tensor, out: Tensor, signal: Tensor
    ) -> list[np.ndarray]:
        """For each net its reading, in the order of Instruments.reading(), float64."""
        w = self.shape.width
        inner = _norms(_grad(self.inner)[..., :w])
        weights = torch.cat([_norms(_grad(self.stem)[None]), inner]).T.cpu().numpy()
        signals = _norms(signal).T.cpu().numpy()
        scales = (_norms(out) / float(np.sqrt(out[0, 0].numel()))).T.cpu().numpy()
        gates = np.zeros((len(self.nets), 0))
        if self.shape.gated:
            gates = self._buffers["parts"][..., w:].mean((2, 3)).T.double().cpu().numpy()
        heads = torch.stack([loss, error], 1).double().cpu().numpy()
        reads = []
        for i, wiring in enumerate(self.wirings):
            points = [point.depth - 1 for point in wiring.points]
            parts = [heads[i], signals[i][points], weights[i], scales[i][points], gates[i]]
            reads.append(np.concatenate(parts))
        return reads

    def state(self) -> dict[str, Any]:
        return {"optimiser": self.optimiser.state(), "dead": sorted(self.dead)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state()`; the weights are read from the reference modules."""
        self.read()
        self.optimiser.load(state["optimiser"])
        self.dead = set(state["dead"])


def _grad(weight: Tensor) -> Tensor:
    grad = weight.grad
    assert grad is not None
    return grad


def _norms(values: Tensor) -> Tensor:
    """The L2 norm over the last two axes, accumulated in float64."""
    return torch.linalg.vector_norm(values, dim=(-2, -1), dtype=torch.float64)


_ACTIVATIONS: dict[str, Any] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
"""In place."""

_SLOPES: dict[str, Any] = {
    "relu": lambda grad, out: aten.threshold_backward(grad, out, 0),
    "tanh": aten.tanh_backward,
    "sigmoid": aten.sigmoid_backward,
}
"""dLoss/dz from dLoss/dy and y = act(z)."""
