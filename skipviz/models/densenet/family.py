"""x_{l+1} = [x_l, H(x_l)]: every unit reads all earlier outputs and adds a few channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.declarations import Architecture, StackedUnits, full_settings_of
from skipviz.core.knob import Knob, SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import knobs, plans
from skipviz.models.densenet.plan import IMAGENET_BLOCKS, plan
from skipviz.models.plain.family import ARCHITECTURE as PLAIN

_PRESETS: dict[str, dict[str, Any]] = {
    "units25": {"backbone": "uniform"},
    "densenet40": {"backbone": "cifar", "depth": 40, "growth_rate": 12, "bottleneck": False},
    "densenet100": {"backbone": "cifar", "depth": 100, "growth_rate": 12, "bottleneck": False},
    "densenet_bc100": {"backbone": "cifar", "depth": 100, "growth_rate": 12},
    "densenet_bc250": {"backbone": "cifar", "depth": 250, "growth_rate": 24},
    "densenet_bc190": {"backbone": "cifar", "depth": 190, "growth_rate": 40},
    **{f"densenet{d}": {"backbone": "imagenet", "depth": d} for d in IMAGENET_BLOCKS},
}


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    preset_settings = _PRESETS.get(given.get("preset", "none"), {})
    settings = {**preset_settings, **given}
    on = settings.get("backbone", "cifar")
    usual = {"cifar": 40, "imagenet": 121, "uniform": plans.uniform_depth(1)}.get(on, 20)
    depth = settings.get("depth", usual)
    large = on == "imagenet" and depth == 161
    growth = {"cifar": 12, "imagenet": 48 if large else 32, "uniform": 64}.get(on, 8)
    growth = settings.get("growth_rate", growth)
    grows = on in ("cifar", "imagenet")
    bottleneck = settings.get("bottleneck", grows)
    stem = 2 * growth if grows and bottleneck else 16
    return {
        **knobs.common(on),
        "depth": depth,
        "growth_rate": growth,
        "bottleneck": bottleneck,
        "compression": 0.5 if grows and bottleneck else 1.0,
        "stem_width": plans.UNIFORM_CHANNELS if on == "uniform" else stem,
        **preset_settings,
    }


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)
    on, depth, bottleneck = (settings[key] for key in ("backbone", "depth", "bottleneck"))
    if on == "cifar" and bottleneck:
        knobs.check_linear_depth(depth, 6, 4, "a CIFAR DenseNet with bottlenecks", "m")
    elif on == "cifar":
        knobs.check_linear_depth(depth, 3, 4, "a CIFAR DenseNet without bottlenecks", "m")
    elif on == "uniform":
        layers = 2 if bottleneck else 1
        knobs.check_listed_depth(depth, (plans.uniform_depth(layers),), "a DenseNet of 25 units")
    elif on == "imagenet":
        knobs.check_listed_depth(depth, tuple(IMAGENET_BLOCKS), "an ImageNet DenseNet")
        if not bottleneck:
            raise SpecError("bottleneck false: ImageNet DenseNets have bottlenecks")


def name(settings: Mapping[str, Any]) -> str:
    letters = "B" * settings["bottleneck"] + "C" * (settings["compression"] < 1)
    if settings["backbone"] == "imagenet" and letters == "BC":
        letters = ""
    return "-".join(filter(None, ["DenseNet", letters, str(settings["depth"])]))


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "densenet", name(settings), "dense block")


def _plain_knobs(settings: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """A plain net of the same depth (the nearest there is), and the knob that sets its size."""
    on, depth = settings["backbone"], settings["depth"]
    same = ("backbone", "activation", "init", "norm", "num_classes", "input_shape")
    knobs_so_far = {key: settings[key] for key in same}
    if on == "cifar":
        depth = 6 * max(1, round((depth - 2) / 6)) + 2
    elif on == "imagenet":
        depth = 34
    elif on == "uniform":
        knobs_so_far["backbone"], depth = "cifar", 32
    return {**knobs_so_far, "depth": depth}, "width" if on == "dense" else "base_channels"


def twin(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool]:
    """A plain net of the same depth and the nearest number of parameters; it shares no weights."""
    wanted = wiring(settings).describe()["parameters"]
    plain_knobs, size = _plain_knobs(settings)

    def miss(value: int) -> int:
        settings = full_settings_of(PLAIN, "plain", {**plain_knobs, size: value})
        return int(PLAIN.wiring(settings).describe()["parameters"]) - wanted

    low, high = 1, 1024
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if miss(middle) <= 0 else (low, middle)
    best = min((low, high), key=lambda value: abs(miss(value)))
    full = full_settings_of(PLAIN, "plain", {**plain_knobs, size: best})
    return "plain", knobs.essential(PLAIN, full), False


def stacked(settings: Mapping[str, Any]) -> StackedUnits:
    return "drawn"


ARCHITECTURE = Architecture(
    title="DenseNet",
    formula=r"x_{l+1} = [\,x_l,\; H_l(x_l)\,] = [\,x_0,\; H_0(x_0),\; \dots,\; H_l(x_l)\,]",
    symbols={
        r"x_l": "the signal that enters unit l: all earlier outputs of its block, side by side",
        r"H_l": "the unit's branch: normalisation, activation, weight layer; its output has k "
        "channels",
        r"k": "the growth rate: channels that each unit adds",
        r"k_0": "channels that enter the block; a block of L units ends with k0 + L·k",
        r"\theta": "the compression of a transition: the share of channels that it keeps",
        r"[\,\cdot,\cdot\,]": "concatenation, old channels first",
    },
    backward=r"\frac{\partial \mathcal{L}}{\partial x_l} = "
    r"\sum_{m \ge l} H_m'^{\top} \frac{\partial \mathcal{L}}{\partial H_m} "
    r"+ \frac{\partial \mathcal{L}}{\partial x_L}\Big|_{x_l}",
    join="concat",
    summary="Each unit hands on its input and appends a few new channels. Every unit's gradient "
    "is the sum of what all later units of its block and the block's end send back directly.",
    paper="Huang, Liu, van der Maaten & Weinberger 2016, Densely Connected Convolutional Networks "
    "(arXiv 1608.06993), section 3.",
    departures="The dense backbone (one block of linear layers on a flat input) is ours. Nets "
    "without bottlenecks start with 16 channels, as the paper's text.",
    knobs=(
        knobs.backbone("cifar", "dense", "imagenet", "uniform", default="cifar"),
        knobs.depth(
            "cifar: 6m+4, without bottlenecks 3m+4. imagenet: 121, 161, 169, 201. uniform: 32. "
            "dense: any."
        ),
        Knob(
            "growth_rate",
            "int",
            "Growth rate k",
            "Channels that each unit adds.",
            low=1,
            high=512,
        ),
        Knob(
            "bottleneck",
            "bool",
            "Bottleneck (B)",
            "A first layer to 4k channels (1×1) before the one to k.",
            backbones=("cifar", "dense"),
        ),
        Knob(
            "compression",
            "float",
            "Compression θ (C)",
            "The share of channels that a transition keeps.",
            low=0.01,
            high=1,
            backbones=("cifar", "imagenet"),
        ),
        Knob(
            "stem_width",
            "int",
            "Stem channels k0",
            "Channels that enter the first block.",
            low=1,
            high=4096,
        ),
        knobs.ACTIVATION,
        knobs.NORM,
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
    twin=twin,
    stacked=stacked,
    colour=("#CC79A7", "#E6A1C6"),
    presets={key: {"preset": key} for key in _PRESETS},
    order=4,
)
