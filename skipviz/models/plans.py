"""A net as a plan, without torch: stem, stages of units, head. The net and its drawing follow it.

Shapes: a plan knows channels only; sizes come from the input when the plan is drawn or run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Protocol

from skipviz.core.wiring import Body, Shape, Stage, Unit, Wiring
from skipviz.models.steps import Chain, Sketch, Step, Style


class UnitPlan(Protocol):
    """What every family's unit plan offers; a frozen dataclass, so that equal units are drawn once.

    The stand-alone file is written from it. Its chains are fields, in the order in which they run.
    Where it has them, `scale` is the factor of "scale" and "rezero", and `biases` says where the
    biases of a chain's layers start, by the chain's attribute.
    """

    def body(self, shape: Shape) -> Body:
        """The unit as a drawing, for an input of `shape`."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True)
class ChainPlan:
    """A piece of the trunk without a join: layers in a row."""

    kind: str
    title: str
    steps: Chain
    path: str = ""
    code: str = ""

    def body(self, shape: Shape) -> Body:
        sketch = Sketch(shape)
        sketch.chain(self.steps, self.path)
        return sketch.body(self.kind, self.title, self.code)


@dataclass(frozen=True)
class NetPlan:
    """stem → stages → head. The modules are `stem`, `stages.<stage>.<unit>` and `head`."""

    stem: Chain
    stages: tuple[tuple[UnitPlan, ...], ...]
    head: Chain

    def wiring(self, settings: Mapping[str, Any], family: str, name: str, noun: str) -> Wiring:
        """The plan as a drawing; `noun` is what the family calls a stage."""
        shape: Shape = settings["input_shape"]
        drawn_units = []
        stem = _body(ChainPlan("stem", "stem", self.stem), shape)
        drawn_units.append(Stage("stem", "stem", (Unit("stem", stem),)))
        shape = stem.output_shape
        for s, plans in enumerate(self.stages):
            units = []
            for u, plan in enumerate(plans):
                body = _body(plan, shape)
                units.append(Unit(f"stages.{s}.{u}", body))
                shape = body.output_shape
            if units:
                title = noun if len(self.stages) == 1 else f"{noun} {s + 1}"
                drawn_units.append(Stage(f"stage{s + 1}", title, tuple(units)))
        head = _body(ChainPlan("head", "head", self.head), shape)
        drawn_units.append(Stage("head", "head", (Unit("head", head),)))
        counts = settings["backbone"] != "dense"
        return Wiring(name, family, settings["input_shape"], tuple(drawn_units), counts)


UNIFORM_GROUPS, UNIFORM_UNITS, UNIFORM_CHANNELS = 5, 5, 64
"""The uniform backbone: 25 equal units, a stride-2 convolution after every five of them."""


def uniform_depth(layers: int) -> int:
    """Weighted layers of a uniform net whose units have `layers` of them."""
    return 2 + UNIFORM_GROUPS * (UNIFORM_UNITS * layers + 1)


def halving(style: Style, inputs: int = UNIFORM_CHANNELS, order: str = "WNA") -> ChainPlan:
    """The convolution that ends a group of the uniform backbone."""
    weight = style.weight(inputs, UNIFORM_CHANNELS, stride=2)
    return ChainPlan("transition", "transition", style.chain(order, [weight], inputs))


@lru_cache(maxsize=4096)
def _body(plan: UnitPlan, shape: Shape) -> Body:
    return plan.body(shape)


def stem(settings: Mapping[str, Any], style: Style, channels: int, order: str = "WNA") -> Chain:
    """The first layers: from the input to the first trunk signal.

    dense     flatten, then a linear layer to `channels` features
    cifar     a 3×3 convolution
    imagenet  a 7×7 convolution with stride 2 and a 3×3 max pooling with stride 2
    """
    shape: Shape = settings["input_shape"]
    if style.flat:
        return Step("flatten", "flatten"), *style.chain(
            order, [style.weight(prod(shape), channels)]
        )
    if settings["backbone"] == "imagenet":
        steps = style.chain(order, [style.weight(shape[0], channels, kernel=7, stride=2)])
        return *steps, Step("max_pool", "pool", kernel=3, stride=2, padding=1)
    return style.chain(order, [style.weight(shape[0], channels)])


def head(settings: Mapping[str, Any], style: Style, channels: int, order: str = "") -> Chain:
    """The last layers: [norm and activation of pre-activation nets], global average, classifier."""
    steps = style.chain(order, channels=channels) if order else ()
    classifier = Step("linear", "classifier", channels, settings["num_classes"], bias=True)
    if style.flat:
        return *steps, classifier
    return *steps, Step("global_avg", "pool"), Step("flatten", "flatten"), classifier
