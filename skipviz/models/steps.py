"""Chains of layers as data, without torch: a net is built from them, and its drawing too.

    style = Style(flat=False, norm="batch", activation="relu")
    style.chain("W N A W N", [style.weight(16, 32, stride=2), style.weight(32, 32)])

W is a weight layer, N a normalisation, A an activation: the alphabet in which He 2016 (Fig. 4)
orders a residual branch. `backbones.sequence` makes torch modules of a chain, `Sketch` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil, prod
from typing import Any

from skipviz.core.wiring import INPUT, Body, Edge, Op, Role, Shape


@dataclass(frozen=True)
class Step:
    """One layer: its kind, the name of its module, and the numbers that it needs."""

    kind: str
    name: str
    inputs: int = 0
    outputs: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    groups: int = 1
    bias: bool = False
    flat: bool = False
    round_up: bool = False
    value: float = 0.0

    @property
    def survival(self) -> float:
        """The number of a "stochastic_depth" by its own name."""
        return self.value


Chain = tuple[Step, ...]


@dataclass(frozen=True)
class Style:
    """What all layers of a net share: flat or image signals, the normalisation ("batch", "layer" or
    "none"), the activation, and the share of values that is dropped behind it."""

    flat: bool
    norm: str
    activation: str
    drop_rate: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Style:
        return cls(
            flat=settings["backbone"] == "dense",
            norm=settings["norm"],
            activation=settings["activation"],
            drop_rate=settings.get("drop_rate", 0.0),
        )

    def weight(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
    ) -> Step:
        """A linear layer or a convolution; biased where no normalisation would undo the bias, as
        that of each channel over the batch does."""
        bias = self.norm != "batch"
        if self.flat:
            return Step("linear", "linear", inputs, outputs, bias=bias)
        return Step(
            "conv",
            "conv",
            inputs,
            outputs,
            kernel=kernel,
            stride=stride,
            padding=(kernel - 1) // 2,
            groups=groups,
            bias=bias,
        )

    def chain(self, order: str, weights: Iterable[Step] = (), channels: int = 0) -> Chain:
        """The layers of `order`; `channels` come in where it does not start with a weight layer."""
        left, steps, counts = list(weights), [], dict.fromkeys("WNA", 0)
        channels = channels or left[0].inputs
        for letter in order.replace(" ", ""):
            if letter == "N" and self.norm == "none":
                continue
            if letter == "W":
                step = left.pop(0)
                channels = step.outputs
            elif letter == "N":
                kind = "layer_norm" if self.norm == "layer" else "norm"
                step = Step(kind, "norm", channels, channels, flat=self.flat)
            else:
                step = Step(self.activation, "act", channels, channels)
            counts[letter] += 1
            steps.append(replace(step, name=f"{step.name}{counts[letter]}"))
            if letter == "A" and self.drop_rate:
                steps.append(Step("dropout", f"dropout{counts['A']}", value=self.drop_rate))
        assert not left, f"{len(left)} weight layers too many for {order}"
        return tuple(steps)


# --- What a step does to a shape, and what it costs -----------------------------------------------

_WORDS = {
    "relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "norm": "BN", "layer_norm": "LN",
    "flatten": "flatten",
}  # fmt: skip


def _slid(size: int, step: Step) -> int:
    """How many windows of a convolution or a pooling fit on `size` pixels."""
    room = size + 2 * step.padding - step.kernel
    if not step.round_up:
        return room // step.stride + 1
    windows = ceil(room / step.stride) + 1
    return windows - 1 if (windows - 1) * step.stride >= size + step.padding else windows


def shape_after(step: Step, shape: Shape) -> Shape:
    """The output shape of `step` for one sample of `shape`."""
    if step.kind in ("conv", "max_pool", "avg_pool", "zero_pad"):
        channels = step.outputs if step.kind in ("conv", "zero_pad") else shape[0]
        return (channels, *(_slid(size, step) for size in shape[1:]))
    if step.kind == "linear":
        return (step.outputs,)
    if step.kind == "flatten":
        return (prod(shape),)
    return (shape[0], 1, 1) if step.kind in ("global_avg", "global_max") else shape


def label_of(step: Step, after: Shape) -> str:
    """What the box of `step` says."""
    size = f"{step.kernel}×{step.kernel}"
    stride = f", /{step.stride}" if step.stride > 1 else ""
    groups = f", {step.groups} groups" if step.groups > 1 else ""
    if step.kind == "conv":
        return f"{size} conv, {step.outputs}{groups}{stride}"
    if step.kind == "linear":
        return f"linear, {step.outputs}"
    if step.kind in ("max_pool", "avg_pool"):
        return f"{size} {step.kind[:3]} pool{stride}"
    if step.kind in ("global_avg", "global_max"):
        return f"global {step.kind[-3:]} pool"
    if step.kind == "zero_pad":
        return f"zero-pad to {step.outputs}{stride}"
    if step.kind == "dropout":
        return f"dropout {step.value:g}"
    if step.kind == "stochastic_depth":
        return f"survival {step.value:.3g}"
    if step.kind == "constant":
        return f"constant {step.value:g}"
    return _WORDS[step.kind]


def op_of(step: Step, shape: Shape, path: str, role: Role) -> Op:
    """`step` as the drawing's operation, with its output shape and its costs."""
    after = shape_after(step, shape)
    weights = step.inputs // step.groups * step.outputs * step.kernel**2
    norm = 2 * step.outputs if step.kind in ("norm", "layer_norm") else 0
    weighted = step.kind in ("conv", "linear")
    indices = 8 * prod(after) if step.kind in ("max_pool", "global_max") else 0
    mask = 4 * prod(after) if step.kind == "dropout" else 0
    moments = 8 if step.kind == "layer_norm" else 0  # mean and deviation of the sample
    return Op(
        name=path,
        kind=step.kind,
        label=label_of(step, after),
        shape=after,
        path=path,
        role=role,
        parameters=weights + step.bias * step.outputs if weighted else norm,
        norm_parameters=norm,
        multiply_adds=weights * prod(after[1:]) if weighted else 0,
        kernel=step.kernel,
        stride=step.stride,
        kept=indices + mask + moments,
    )


class Sketch:
    """Draws one unit: chains of steps, and joins where they meet.

    sketch = Sketch(shape)
    end = sketch.chain(branch, "branch")
    sketch.join("add", (end, "main"), ("in", "shortcut"))
    body = sketch.body("residual", "residual unit")
    """

    def __init__(self, shape: Shape) -> None:
        self.shapes = {INPUT: shape}
        self.ops: list[Op] = []
        self.edges: list[Edge] = []

    def _add(self, op: Op, sources: Iterable[tuple[str, Role, bool]]) -> str:
        self.ops.append(op)
        self.shapes[op.name] = op.shape
        self.edges += [Edge(source, op.name, role, dashed) for source, role, dashed in sources]
        return op.name

    def chain(self, steps: Chain, path: str, start: str = INPUT, role: Role = "main") -> str:
        """Draws `steps`, modules of the sequence at `path`, after `start`; the last one's name."""
        for step in steps:
            inner = f"{path}.{step.name}" if path else step.name
            op = op_of(step, self.shapes[start], inner, role)
            start = self._add(op, [(start, role, role == "shortcut")])
        return start

    def single(self, kind: str, label: str, source: str, role: Role, parameters: int = 0) -> str:
        """Draws an operation that keeps the shape and is no module of its own."""
        op = Op(kind, kind, label, self.shapes[source], role=role, parameters=parameters)
        return self._add(op, [(source, role, False)])

    def join(self, kind: str, *sources: tuple[str, Role], name: str = "") -> str:
        """Draws the operation in which `sources` meet. A shortcut that was worked on is dashed."""
        shapes = [self.shapes[source] for source, _ in sources]
        shape = shapes[0]
        if kind == "concat":
            shape = (sum(each[0] for each in shapes), *shape[1:])
        worked = {op.name for op in self.ops if op.role == "shortcut" and op.path}
        edges = [(source, role, source in worked) for source, role in sources]
        return self._add(Op(name or kind, kind, kind, shape), edges)

    def body(
        self, kind: str, title: str, code: str = "", gate: str = "", formula: str = ""
    ) -> Body:
        start, ops, edges = self.shapes[INPUT], tuple(self.ops), tuple(self.edges)
        return Body(kind, title, start, ops, edges, code, gate, formula)
