"""Residual nets as plans, without torch: the order of every branch, the shape of every shortcut.

ResNet and ResNeXt share it: a ResNeXt unit is a bottleneck whose 3×3 convolution has groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from skipviz.core.wiring import Body, Shape
from skipviz.models import knobs, plans
from skipviz.models.plans import NetPlan, UnitPlan
from skipviz.models.steps import Chain, Sketch, Step, Style

EXPANSION = 4
"""Channels of a bottleneck's output for one of its inside."""


class Variant(NamedTuple):
    """An order of a residual unit: each weight layer's letters, and what follows the addition.

    before  letters in front of each weight layer        short  what a name shows
    behind  letters behind each weight layer             last   behind the last one, if different
    """

    short: str
    before: str
    behind: str
    last: str
    after: str

    def branch(self, layers: int) -> str:
        return (self.before + "W" + self.behind) * (layers - 1) + self.before + "W" + self.last


VARIANTS = {
    "original": Variant("post-activation", "", "NA", "N", "A"),
    "bn_after_add": Variant("BN after add", "", "NA", "", "NA"),
    "relu_before_add": Variant("ReLU before add", "", "NA", "NA", ""),
    "relu_only_preact": Variant("ReLU-only pre-act", "A", "N", "N", ""),
    "full_preact": Variant("pre-act", "NA", "", "", ""),
}
"""He 2016, Fig. 4 (a) to (e)."""


@dataclass(frozen=True)
class ResidualPlan:
    """One unit. `shortcut` None: no addition at all (the plain twin, or a layer left over).

    before_split  the pre-activation that branch and shortcut share, where the shape changes
    scale         the fixed factor of the branch, "rezero" for a learned one, None for none
    zero_last     whether the branch's last layer starts at zero
    """

    before_split: Chain
    branch: Chain
    shortcut: Chain | None
    after_add: Chain
    scale: float | str | None = None
    zero_last: bool = False
    title: str = "residual unit"

    def body(self, shape: Shape) -> Body:
        sketch = Sketch(shape)
        split = sketch.chain(self.before_split, "before_split")
        end = sketch.chain(self.branch, "branch", split)
        if self.shortcut is not None:
            if self.scale == "rezero":
                end = sketch.single("rezero", "× α", end, "main", parameters=1)
            elif self.scale is not None:
                end = sketch.single("scale", f"× {self.scale:.3g}", end, "main")
            around = sketch.chain(self.shortcut, "shortcut", split, "shortcut")
            end = sketch.join("add", (end, "main"), (around, "shortcut"))
        sketch.chain(self.after_add, "after_add", end)
        kind = "plain" if self.shortcut is None else "residual"
        formula = "" if self.shortcut is None else "y = f(h(x) + F(x))"
        code = "skipviz.models.resnet.net:ResidualUnit"
        return sketch.body(kind, self.title, code, formula=formula)


class _Units:
    """Makes the units of one net, one after the other: the first and the last are special."""

    def __init__(self, settings: Mapping[str, Any], style: Style, total: int) -> None:
        self.settings, self.style = settings, style
        self.variant = VARIANTS[settings["variant"]]
        self.first = True
        self.total, self.joined = max(total, 1), 0
        scale = settings["branch_scale"]
        self.zero_last = scale == "zero_init"
        self.scale = None if scale in ("one", "zero_init") else scale
        if scale == "inv_sqrt_depth":
            self.scale = self.total**-0.5

    def make(self, weights: list[Step], join: bool = True) -> ResidualPlan:
        """The next unit, with `weights` on its branch."""
        inputs, outputs = weights[0].inputs, weights[-1].outputs
        stride = max(weight.stride for weight in weights)
        changes = inputs != outputs or stride > 1
        order, split = self.variant.branch(len(weights)), ""
        if self.variant.before and (self.first or changes):
            order = order.removeprefix(self.variant.before)
            split = "" if self.first else self.variant.before
        self.first = False
        bare = not join or self.settings["plain_twin"]
        branch = self.style.chain(order, weights, channels=inputs)
        return ResidualPlan(
            before_split=self.style.chain(split, channels=inputs) if split else (),
            branch=branch if bare else branch + self._survival(),
            shortcut=None if bare else self._shortcut(inputs, outputs, stride, changes),
            after_add=self.style.chain(self.variant.after, channels=outputs),
            scale=None if bare else self.scale,
            zero_last=self.zero_last and not bare,
            title="residual unit" if not bare else "plain layer" if not join else "plain twin unit",
        )

    def _survival(self) -> Chain:
        """What takes the next unit's branch out of some steps: p_l = 1 - l/L (1 - p_L) for unit l
        of L (Huang 2016, equation 4), or p_L for all; nothing where p_L is 1."""
        last = self.settings["survival"]
        self.joined += 1
        linear = self.settings["survival_rule"] == "linear"
        value = 1 - self.joined / self.total * (1 - last) if linear else last
        return (Step("stochastic_depth", "survival", value=value),) if last < 1 else ()

    def _shortcut(self, inputs: int, outputs: int, stride: int, changes: bool) -> Chain:
        option = self.settings["shortcut"]
        if self.style.flat or not (changes or option == "C"):
            return ()
        if option == "A":
            return (Step("zero_pad", "pad", inputs, outputs, stride=stride),)
        conv = Step("conv", "conv1", inputs, outputs, stride=stride)
        if self.settings["variant"] == "full_preact" or self.style.norm == "none":
            return (conv,)
        return conv, Step("norm", "norm1", outputs, outputs)


def _dense(settings: Mapping[str, Any], style: Style) -> Iterator[list[ResidualPlan]]:
    """A stage of equal units; a layer that is left over comes last and has no shortcut."""
    layers = settings["branch_layers"]
    count, left = divmod(settings["depth"] - 1, layers)
    weight = style.weight(settings["width"], settings["width"])
    units = _Units(settings, style, count)
    stage = [units.make([weight] * layers) for _ in range(count)]
    yield stage + [units.make([weight], join=False) for _ in range(left)]


def _uniform(settings: Mapping[str, Any], style: Style) -> Iterator[list[UnitPlan]]:
    """Groups of equal units; the convolution behind a group activates what the next one gets."""
    channels = plans.UNIFORM_CHANNELS
    units = _Units(settings, style, plans.UNIFORM_GROUPS * plans.UNIFORM_UNITS)
    for _ in range(plans.UNIFORM_GROUPS):
        units.first = True
        group = [
            units.make([style.weight(channels, channels)] * 2) for _ in range(plans.UNIFORM_UNITS)
        ]
        yield [*group, plans.halving(style)]


class Widths(NamedTuple):
    """Channels of one stage: inside its branches and behind them, and the groups of the 3×3."""

    inner: int
    outer: int
    groups: int = 1


def _weights(
    settings: Mapping[str, Any], style: Style, inputs: int, widths: Widths, stride: int
) -> list[Step]:
    """The weight layers of one branch: 3×3, 3×3, or the bottleneck's 1×1, 3×3, 1×1."""
    inner, outer, groups = widths
    if not settings["bottleneck"]:
        return [style.weight(inputs, inner, stride=stride), style.weight(inner, outer)]
    first = stride if settings["stride_in"] == "1x1" else 1
    return [
        style.weight(inputs, inner, kernel=1, stride=first),
        style.weight(inner, inner, stride=stride // first, groups=groups),
        style.weight(inner, outer, kernel=1),
    ]


def _stages(
    settings: Mapping[str, Any], style: Style, inputs: int, shape: list[tuple[int, Widths]]
) -> Iterator[list[ResidualPlan]]:
    """Stages of (number of units, widths); each halves the size of the one before."""
    units = _Units(settings, style, sum(count for count, _ in shape))
    for s, (count, widths) in enumerate(shape):
        stage = []
        for u in range(count):
            stride = 2 if s > 0 and u == 0 else 1
            stage.append(units.make(_weights(settings, style, inputs, widths, stride)))
            inputs = widths.outer
        yield stage


def stage_shape(settings: Mapping[str, Any]) -> list[tuple[int, Widths]]:
    """(units, widths) of every stage of a convolutional ResNet."""
    widen, bottleneck = settings["widen"], settings["bottleneck"]
    expansion = EXPANSION if bottleneck else 1
    base = settings["base_channels"]
    if settings["backbone"] == "imagenet":
        counts = knobs.IMAGENET_DEPTHS[settings["depth"]]
        outer = expansion if bottleneck else widen
    else:
        counts = (settings["depth"] // (9 if bottleneck else 6),) * 3
        outer = expansion * widen
    return [
        (count, Widths(base * widen * 2**s, base * outer * 2**s)) for s, count in enumerate(counts)
    ]


def conv_plan(settings: Mapping[str, Any], stem: int, shape: list[tuple[int, Widths]]) -> NetPlan:
    """A convolutional residual net with `stem` channels and stages of `shape`."""
    style = Style.of(settings)
    stages = _stages(settings, style, stem, shape)
    return NetPlan(
        stem=plans.stem(settings, style, stem),
        stages=tuple(tuple(stage) for stage in stages),
        head=plans.head(settings, style, shape[-1][1].outer, VARIANTS[settings["variant"]].before),
    )


def plan(settings: Mapping[str, Any]) -> NetPlan:
    """The ResNet of `settings`; a pre-activation net ends with one more activation (He 2016)."""
    style, width = Style.of(settings), settings["width"]
    if settings["backbone"] == "uniform":
        width = plans.UNIFORM_CHANNELS
        return NetPlan(
            stem=plans.stem(settings, style, width),
            stages=tuple(tuple(stage) for stage in _uniform(settings, style)),
            head=plans.head(settings, style, width),
        )
    if not style.flat:
        return conv_plan(settings, settings["base_channels"], stage_shape(settings))
    (stage,) = _dense(settings, style)
    final = VARIANTS[settings["variant"]].before if stage else ""
    return NetPlan(
        stem=plans.stem(settings, style, width),
        stages=(tuple(stage),),
        head=plans.head(settings, style, width, final),
    )
