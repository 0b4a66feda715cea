"""Highway nets as plans, without torch: dense stacks, 3-stage nets, the papers' fitnets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from skipviz.core.wiring import INPUT, Body, Shape
from skipviz.models import plans
from skipviz.models.plans import ChainPlan, NetPlan, UnitPlan
from skipviz.models.steps import Chain, Sketch, Step, Style


@dataclass(frozen=True)
class HighwayPlan:
    """One unit. `gate` None: no gates at all (the plain twin). `carry` None: C = 1 − T."""

    transform: Chain
    gate: Chain | None
    carry: Chain | None
    gate_bias: float

    @property
    def biases(self) -> Mapping[str, float]:
        """Where biases start: T towards carrying, a carry gate of its own the opposite way."""
        return {"transform_gate": self.gate_bias, "carry_gate": -self.gate_bias}

    def body(self, shape: Shape) -> Body:
        sketch = Sketch(shape)
        code = "skipviz.models.highway.net:HighwayUnit"
        h = sketch.chain(self.transform, "transform")
        if self.gate is None:
            return sketch.body("plain", "plain twin unit", code)
        t = sketch.chain(self.gate, "transform_gate", role="gate")
        if self.carry is None:
            c = sketch.single("complement", "1 − T", t, "gate")
        else:
            c = sketch.chain(self.carry, "carry_gate", role="gate")
        transformed = sketch.join("multiply", (h, "main"), (t, "gate"), name="multiply_h")
        carried = sketch.join("multiply", (INPUT, "shortcut"), (c, "gate"), name="multiply_x")
        sketch.join("add", (transformed, "main"), (carried, "shortcut"))
        return sketch.body(
            "highway", "highway unit", code, "transform_gate", "y = H(x) · T(x) + x · C(x)"
        )


@dataclass(frozen=True)
class Fitnet:
    """One convolutional stack of the highway papers.

    stages   (channels, highway units) of each; a stage's entry is a plain 3×3 convolution
    kernels  of the highway units, taken in turn
    drops    dropout before each stage and before the classifier; empty: none is known
    head     what the classifier sees: "flat" maps; "average" of a 1×1 convolution to 100 maps;
             "full" and "max": the maps' maximum, with and without a hidden layer of `hidden` units
    """

    title: str
    depth: int
    stages: tuple[tuple[int, int], ...]
    head: str
    hidden: int = 0
    kernels: tuple[int, ...] = (3,)
    drops: tuple[float, ...] = ()
    gate_bias: float = -2.0


CIFAR = Fitnet(
    "Highway-19", 19, ((32, 4), (80, 5), (128, 5)), "average", drops=(0.2, 0.2, 0.2, 0.2)
)
MNIST = Fitnet(
    "Highway-10",
    10,
    ((32, 2), (32, 3), (32, 3)),
    "flat",
    drops=(0.2, 0.3, 0.4, 0.5),
    gate_bias=-1.0,
)
RELEASED = {19: CIFAR, 10: MNIST}
"""flukeskywalker/highway-networks, examples/highways: cifar10-19layers and mnist-10layers."""

RECONSTRUCTED = {
    "highway1": Fitnet("Highway 1", 11, ((16, 2), (32, 2), (64, 2)), "full", 250),
    "highway2": Fitnet("Highway 2", 19, ((32, 4), (80, 5), (128, 5)), "full", 500),
    "highway3": Fitnet("Highway 3", 19, ((32, 4), (64, 5), (96, 5)), "full", 500),
    "highway4": Fitnet("Highway 4", 31, ((32, 9), (64, 9), (96, 9)), "max", kernels=(1, 3)),
}
"""Reconstructions of Table 1 in Srivastava et al. 2015: depth and parameter counts are the paper's,
the rest is the simplest net that fits. The exact nets were never published."""


class _Maker:
    """Makes the pieces of one net from its settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings, self.style = settings, Style.of(settings)

    def _gate(self, weight: Step, value: float | str) -> Chain:
        if value == "learned":
            return replace(weight, name=f"{weight.name}1", bias=True), Step("sigmoid", "sigmoid1")
        return (Step("constant", "constant", value=float(value)),)

    def unit(self, channels: int, kernel: int = 3) -> HighwayPlan:
        weight = self.style.weight(channels, channels, kernel)
        gate, carry = self.settings["gate"], self.settings["carry"]
        bare = self.settings["plain_twin"]
        return HighwayPlan(
            transform=self.style.chain("WNA", [weight]),
            gate=None if bare else self._gate(weight, gate),
            carry=None if bare or carry == "coupled" else self._gate(weight, carry),
            gate_bias=self.settings["gate_bias"],
        )

    def entry(self, inputs: int, channels: int, stride: int = 1, before: Chain = ()) -> ChainPlan:
        steps = self.style.chain("WNA", [self.style.weight(inputs, channels, stride=stride)])
        return ChainPlan("plain", "plain layer", (*before, *steps))

    def drop(self, value: float) -> Chain:
        return (Step("dropout", "dropout", value=value),) if self.settings["dropout"] else ()


def plan(settings: Mapping[str, Any]) -> NetPlan:
    make = _Maker(settings)
    if settings["backbone"] == "fitnet":
        if settings["preset"] in RECONSTRUCTED or settings["depth"] == 19:
            return _fitnet(make, RECONSTRUCTED.get(settings["preset"], CIFAR))
        return _mnist(make)
    if settings["backbone"] == "dense":
        stem = channels = settings["width"]
        stages: list[list[UnitPlan]] = [[make.unit(channels)] * (settings["depth"] - 1)]
    elif settings["backbone"] == "uniform":
        stem = channels = plans.UNIFORM_CHANNELS
        group: list[UnitPlan] = [make.unit(channels)] * plans.UNIFORM_UNITS
        stages = [[*group, plans.halving(make.style)]] * plans.UNIFORM_GROUPS
    else:
        stem, stages = settings["base_channels"], []
        for s in range(3):
            channels = stem * 2**s
            entry = [make.entry(channels // 2, channels, stride=2)] if s else []
            stages.append([*entry, *[make.unit(channels)] * ((settings["depth"] - 4) // 3)])
    return NetPlan(
        stem=plans.stem(settings, make.style, stem),
        stages=tuple(tuple(stage) for stage in stages),
        head=plans.head(settings, make.style, channels),
    )


def _fitnet(make: _Maker, net: Fitnet) -> NetPlan:
    """The stack for 32×32 images: a 2×2 max pooling before every stage but the first."""
    drops = [make.drop(drop) for drop in net.drops] or [()] * (len(net.stages) + 1)
    first = make.style.weight(make.settings["input_shape"][0], net.stages[0][0])
    stages: list[list[UnitPlan]] = []
    channels = 0
    for s, (width, units) in enumerate(net.stages):
        before = (Step("max_pool", "pool", kernel=2, stride=2), *drops[s])
        entry = [make.entry(channels, width, before=before)] if s else []
        kernels = [net.kernels[u % len(net.kernels)] for u in range(units)]
        stages.append([*entry, *(make.unit(width, kernel) for kernel in kernels)])
        channels = width
    return NetPlan(
        stem=(*drops[0], *make.style.chain("WNA", [first])),
        stages=tuple(tuple(stage) for stage in stages),
        head=_fitnet_head(make, net, channels, drops[-1]),
    )


def _fitnet_head(make: _Maker, net: Fitnet, channels: int, drop: Chain) -> Chain:
    classes, flatten = make.settings["num_classes"], Step("flatten", "flatten")
    if net.head == "average":
        narrow = make.style.chain("WNA", [make.style.weight(channels, 100, kernel=1)])
        classifier = Step("linear", "classifier", 100, classes, bias=True)
        return *narrow, Step("global_avg", "pool"), flatten, *drop, classifier
    hidden: Chain = ()
    if net.head == "full":
        layer = Step("linear", "linear1", channels, net.hidden, bias=True)
        hidden = layer, Step(make.style.activation, "act1")
    classifier = Step("linear", "classifier", net.hidden or channels, classes, bias=True)
    return Step("global_max", "pool"), flatten, *hidden, *drop, classifier


def _mnist(make: _Maker) -> NetPlan:
    """The stack for 28×28 images: 5×5 stem without padding, poolings that round up (as Caffe)."""
    channels, shape = make.settings["width"], make.settings["input_shape"]
    drops = [make.drop(drop) for drop in MNIST.drops]
    stem = replace(make.style.weight(shape[0], channels, kernel=5), padding=0)
    pools = [Step("max_pool", "pool", kernel=k, stride=2, round_up=True) for k in (3, 3, 2)]
    stages: list[list[UnitPlan]] = []
    for s, (_, units) in enumerate(MNIST.stages):
        between = ChainPlan("transition", "pooling", (pools[s - 1], *drops[s]))
        stages.append([between, *[make.unit(channels)] * units] if s else [make.unit(channels)] * 2)
    side = shape[1] - 4, shape[2] - 4
    for kernel in (3, 3, 2):
        side = -(-(side[0] - kernel) // 2) + 1, -(-(side[1] - kernel) // 2) + 1
    classifier = Step(
        "linear",
        "classifier",
        channels * side[0] * side[1],
        make.settings["num_classes"],
        bias=True,
    )
    return NetPlan(
        stem=(*drops[0], *make.style.chain("WNA", [stem])),
        stages=tuple(tuple(stage) for stage in stages),
        head=(pools[2], *drops[-1], Step("flatten", "flatten"), classifier),
    )
