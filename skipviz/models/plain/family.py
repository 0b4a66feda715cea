"""y = H(x): layers in a row, nothing around them. The baseline that every skip is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.declarations import Architecture, StackedUnits
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import knobs, plans
from skipviz.models.plans import ChainPlan, NetPlan
from skipviz.models.steps import Step, Style

_CODE = "skipviz.models.plain.net:PlainUnit"


_PRESETS: dict[str, dict[str, Any]] = {"units25": {"backbone": "uniform"}}


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    preset_settings = _PRESETS.get(given.get("preset", "none"), {})
    on = {**preset_settings, **given}.get("backbone", "cifar")
    return {
        **knobs.common(on),
        "drop_rate": 0.0,
        "depth": {"imagenet": 18, "uniform": plans.uniform_depth(1)}.get(on, 20),
        "base_channels": 64 if on == "imagenet" else 16,
        **preset_settings,
    }


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)
    if settings["drop_rate"] and settings["backbone"] != "dense":
        raise SpecError("drop_rate: only the dense backbone drops values; set it to 0")
    if settings["backbone"] == "cifar":
        knobs.check_linear_depth(settings["depth"], 6, 2, "a plain CIFAR net")
    elif settings["backbone"] == "imagenet":
        knobs.check_listed_depth(settings["depth"], (18, 34), "a plain ImageNet net")
    elif settings["backbone"] == "uniform":
        knobs.check_listed_depth(settings["depth"], (plans.uniform_depth(1),), "a plain net of 25")


def name(settings: Mapping[str, Any]) -> str:
    wide = f"×{settings['widen']}" if settings["widen"] > 1 else ""
    drops = f" (dropout {settings['drop_rate']:g})" if settings["drop_rate"] else ""
    return f"Plain-{settings['depth']}{wide}{drops}"


def _unit(style: Style, weight: Step) -> ChainPlan:
    return ChainPlan("plain", "plain layer", style.chain("WNA", [weight]), "transform", _CODE)


def plan(settings: Mapping[str, Any]) -> NetPlan:
    """Every weight layer, normalised and activated, is a unit of its own."""
    style = Style.of(settings)
    if settings["backbone"] == "uniform":
        first = width = plans.UNIFORM_CHANNELS
        inner, last = (_unit(style, style.weight(width, width, stride=s)) for s in (1, 2))
        stages = [[*[inner] * plans.UNIFORM_UNITS, last]] * plans.UNIFORM_GROUPS
    elif style.flat:
        width = settings["width"]
        unit = _unit(style, style.weight(width, width))
        first, stages = width, [[unit] * (settings["depth"] - 1)]
    else:
        first = settings["base_channels"]
        units = [settings["depth"] // 6] * 3
        if settings["backbone"] == "imagenet":
            units = list(knobs.IMAGENET_DEPTHS[settings["depth"]])
        if settings["backbone"] == "imagenet":
            first *= settings["widen"]
        stages, width = [], first
        for s, count in enumerate(units):
            channels = settings["base_channels"] * settings["widen"] * 2**s
            entry = style.weight(width, channels, stride=2 if s else 1)
            inner = _unit(style, style.weight(channels, channels))
            stages.append([_unit(style, entry), *[inner] * (2 * count - 1)])
            width = channels
    return NetPlan(
        stem=plans.stem(settings, style, first),
        stages=tuple(tuple(stage) for stage in stages),
        head=plans.head(settings, style, width),
    )


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "plain", name(settings), "stage")


def stacked(settings: Mapping[str, Any]) -> StackedUnits:
    return "chain"


ARCHITECTURE = Architecture(
    title="Plain",
    formula=r"x_{l+1} = H_l(x_l)",
    symbols={
        r"x_l": "the signal that enters unit l",
        r"H_l": "the unit's transformation: weight layer, normalisation (where there is one), "
        "activation",
    },
    backward=r"\frac{\partial x_{l+1}}{\partial x_l} = H_l'(x_l)",
    join="none",
    summary="Layers in a row. On its way back a gradient is multiplied by every layer's H′: with "
    "depth the product vanishes or explodes, and deep plain nets train worse than shallow ones.",
    paper="He et al. 2015, Deep Residual Learning for Image Recognition (arXiv 1512.03385), "
    "sections 3.3 and 4: the plain baselines.",
    departures="None on cifar and imagenet. The dense net is Srivastava et al. 2015's (section 3.1)"
    " with the width as a knob, and dropout as another.",
    knobs=(
        knobs.backbone("cifar", "dense", "imagenet", "uniform", default="cifar"),
        knobs.depth("cifar: 6n+2. imagenet: 18 or 34. uniform: 32. dense: any."),
        knobs.WIDTH,
        knobs.WIDEN,
        knobs.BASE_CHANNELS,
        knobs.ACTIVATION,
        knobs.NORM,
        knobs.DROP_RATE,
        knobs.INIT,
        knobs.preset(*_PRESETS),
        knobs.NUM_CLASSES,
        knobs.INPUT_SHAPE,
    ),
    defaults=defaults,
    check=check,
    plan=plan,
    wiring=wiring,
    name=name,
    stacked=stacked,
    colour=("#D55E00", "#FF8C42"),
    presets={key: {"preset": key} for key in _PRESETS},
)
