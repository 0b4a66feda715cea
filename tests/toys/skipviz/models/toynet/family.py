"""y = H(x) + x / 2: a skip that carries half of its input, as an example of a family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skipviz.core.declarations import Architecture
from skipviz.core.wiring import INPUT, Body, Shape, Wiring
from skipviz.models import knobs, plans
from skipviz.models.plans import NetPlan
from skipviz.models.steps import Chain, Sketch, Style


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**knobs.common("dense"), "depth": 8}


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)


def name(settings: Mapping[str, Any]) -> str:
    return f"Toy-{settings['depth']}"


@dataclass(frozen=True)
class ToyPlan:
    """One unit: `transform` is H, `scale` what the skip is multiplied by."""

    transform: Chain
    scale: float = 0.5

    def body(self, shape: Shape) -> Body:
        sketch = Sketch(shape)
        h = sketch.chain(self.transform, "transform")
        carried = sketch.single("scale", f"× {self.scale:g}", INPUT, "shortcut")
        sketch.join("add", (h, "main"), (carried, "shortcut"))
        code = "skipviz.models.toynet.net:ToyUnit"
        return sketch.body("toy", "toy unit", code, formula="y = H(x) + x / 2")


def plan(settings: Mapping[str, Any]) -> NetPlan:
    style, width = Style.of(settings), settings["width"]
    unit = ToyPlan(style.chain("WNA", [style.weight(width, width)]))
    return NetPlan(
        stem=plans.stem(settings, style, width),
        stages=((unit,) * (settings["depth"] - 1),),
        head=plans.head(settings, style, width),
    )


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "toynet", name(settings), "stage")


ARCHITECTURE = Architecture(
    title="Toy",
    formula=r"y = H(x) + x / 2",
    symbols={r"x": "the signal that enters the unit", r"H": "a weight layer and its activation"},
    backward=r"\frac{\partial y}{\partial x} = H'(x) + \frac{1}{2}",
    join="add",
    summary="Half of the input goes around each unit.",
    paper="None: an example.",
    departures="None.",
    knobs=(
        knobs.backbone("dense", default="dense"),
        knobs.depth("any."),
        knobs.WIDTH,
        knobs.ACTIVATION,
        knobs.NORM,
        knobs.INIT,
        knobs.NUM_CLASSES,
        knobs.INPUT_SHAPE,
    ),
    defaults=defaults,
    check=check,
    plan=plan,
    wiring=wiring,
    name=name,
    order=99,
)
