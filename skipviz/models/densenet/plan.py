"""DenseNets as plans, without torch: dense blocks of growing width, transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skipviz.core.wiring import INPUT, Body, Shape
from skipviz.models import plans
from skipviz.models.plans import ChainPlan, NetPlan, UnitPlan
from skipviz.models.steps import Chain, Sketch, Step, Style

IMAGENET_BLOCKS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}
"""Units in each dense block (Huang 2016, Table 1)."""

BOTTLENECK = 4
"""A bottleneck's 1×1 makes 4 growth rates of channels (section 3)."""


@dataclass(frozen=True)
class DensePlan:
    """One unit: its branch adds `growth_rate` channels behind the old ones."""

    branch: Chain

    def body(self, shape: Shape) -> Body:
        sketch = Sketch(shape)
        new = sketch.chain(self.branch, "branch")
        sketch.join("concat", (INPUT, "shortcut"), (new, "main"))
        code = "skipviz.models.densenet.net:DenseUnit"
        return sketch.body("dense", "dense unit", code, formula="y = [x, H(x)]")


def _unit(settings: Mapping[str, Any], style: Style, channels: int, bottleneck: bool) -> DensePlan:
    """The unit that `channels` enter."""
    k = settings["growth_rate"]
    if not bottleneck:
        return DensePlan(style.chain("NAW", [style.weight(channels, k)], channels))
    narrow = style.weight(channels, BOTTLENECK * k, kernel=1)
    return DensePlan(style.chain("NAWNAW", [narrow, style.weight(BOTTLENECK * k, k)], channels))


def _transition(settings: Mapping[str, Any], style: Style, channels: int) -> tuple[ChainPlan, int]:
    """Normalise, compress by θ with a 1×1 convolution, halve the size; and the channels left."""
    left = max(1, int(settings["compression"] * channels))
    steps = style.chain("NAW", [style.weight(channels, left, kernel=1)], channels)
    pool = Step("avg_pool", "pool", kernel=2, stride=2)
    return ChainPlan("transition", "transition", (*steps, pool)), left


def blocks(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Units in each dense block."""
    if settings["backbone"] == "imagenet":
        return IMAGENET_BLOCKS[settings["depth"]]
    return ((settings["depth"] - 4) // (6 if settings["bottleneck"] else 3),) * 3


def plan(settings: Mapping[str, Any]) -> NetPlan:
    """k0 channels from the stem; each block of L units ends with L·k more than it began with."""
    style = Style.of(settings)
    channels, k, bottleneck = (settings[n] for n in ("stem_width", "growth_rate", "bottleneck"))
    stages: list[list[UnitPlan]] = []
    if style.flat:
        count, left = divmod(settings["depth"] - 1, 2 if bottleneck else 1)
        kinds = [bottleneck] * count + [False] * left
        stages = [[_unit(settings, style, channels + i * k, two) for i, two in enumerate(kinds)]]
        channels += len(kinds) * k
    elif settings["backbone"] == "uniform":
        count = plans.UNIFORM_UNITS
        for _ in range(plans.UNIFORM_GROUPS):
            block = [_unit(settings, style, channels + i * k, bottleneck) for i in range(count)]
            stages.append([*block, plans.halving(style, channels + count * k, "NAW")])
            channels = plans.UNIFORM_CHANNELS
    else:
        counts = blocks(settings)
        for b, count in enumerate(counts):
            stages.append(
                [_unit(settings, style, channels + i * k, bottleneck) for i in range(count)]
            )
            channels += count * k
            if b < len(counts) - 1:
                transition, channels = _transition(settings, style, channels)
                stages[-1].append(transition)
    order = "WNA" if settings["backbone"] == "imagenet" else "W"
    return NetPlan(
        stem=plans.stem(settings, style, settings["stem_width"], order),
        stages=tuple(tuple(stage) for stage in stages),
        head=plans.head(settings, style, channels, "NA"),
    )
