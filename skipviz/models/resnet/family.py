"""x_{l+1} = f(h(x_l) + F(x_l)): residual nets, all five orders of He 2016, on every backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.declarations import Architecture, StackedUnits
from skipviz.core.knob import Knob, SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import knobs, plans
from skipviz.models.resnet.plan import VARIANTS, plan

_PRESETS: dict[str, dict[str, Any]] = {
    "units25": {"backbone": "uniform", "variant": "full_preact"},
    "resnet20": {"backbone": "cifar", "depth": 20},
    "resnet110": {"backbone": "cifar", "depth": 110},
    "preresnet164": {"backbone": "cifar", "depth": 164, "variant": "full_preact"},
    "preresnet1001": {"backbone": "cifar", "depth": 1001, "variant": "full_preact"},
    "resnet50": {"backbone": "imagenet", "depth": 50},
    "wrn28_10": {
        "backbone": "cifar",
        "depth": 26,
        "widen": 10,
        "variant": "full_preact",
        "shortcut": "B",
    },
}


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    preset_settings = _PRESETS.get(given.get("preset", "none"), {})
    settings = {**preset_settings, **given}
    on = settings.get("backbone", "cifar")
    usual = {"imagenet": 50, "uniform": plans.uniform_depth(2)}.get(on, 20)
    depth = settings.get("depth", usual)
    bottleneck = {
        "imagenet": depth >= 50,
        "cifar": depth == 164 or ((depth - 2) % 6 != 0 and (depth - 2) % 9 == 0),
    }.get(on, False)
    return {
        **knobs.common(on),
        "depth": depth,
        "base_channels": 64 if on == "imagenet" else 16,
        "bottleneck": bottleneck,
        "shortcut": "A" if on == "cifar" and not settings.get("bottleneck", bottleneck) else "B",
        "variant": "original",
        "stride_in": "3x3",
        "branch_layers": 2,
        "branch_scale": "one",
        "survival": 1.0,
        "survival_rule": "linear",
        **preset_settings,
    }


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)
    on, depth, bottleneck = (settings[key] for key in ("backbone", "depth", "bottleneck"))
    if on == "cifar" and bottleneck:
        knobs.check_linear_depth(depth, 9, 2, "a CIFAR bottleneck ResNet")
    elif on == "cifar" and not (settings["widen"] > 1 and depth % 6 == 4 and depth > 4):
        knobs.check_linear_depth(depth, 6, 2, "a CIFAR ResNet")
    elif on == "imagenet":
        knobs.check_listed_depth(depth, tuple(knobs.IMAGENET_DEPTHS), "an ImageNet ResNet")
        if bottleneck != (depth >= 50):
            kind = "bottlenecks" if depth >= 50 else "no bottlenecks"
            raise SpecError(f"bottleneck {str(bottleneck).lower()}: ResNet-{depth} has {kind}")
    elif on == "uniform":
        knobs.check_listed_depth(depth, (plans.uniform_depth(2),), "a ResNet of 25 units")
    if on in ("dense", "uniform") and bottleneck:
        raise SpecError("bottleneck true: residual units have equal layers on this backbone")


def name(settings: Mapping[str, Any]) -> str:
    depth, widen = settings["depth"], settings["widen"]
    plain = "plain twin of " if settings["plain_twin"] else ""
    words = [] if settings["variant"] == "original" else [VARIANTS[settings["variant"]].short]
    if settings["survival"] < 1 and not settings["plain_twin"]:
        words.append(f"survival {settings['survival']:g}")
    short = f" ({', '.join(words)})" if words else ""
    if widen > 1:
        papers = depth + 2 if settings["backbone"] == "cifar" and depth % 6 == 2 else depth
        return f"{plain}WRN-{papers}-{widen}"
    return f"{plain}ResNet-{depth}{short}"


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "resnet", name(settings), "stage")


def twin(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool] | None:
    """The same branches without the addition. A scale and survival belong to the addition and go
    with it.

    A branch whose last layer starts at zero would make a plain net that passes nothing on: there
    the twin draws that layer like the others and does not share the initial weights.
    """
    if settings["plain_twin"]:
        return None
    scale = settings["branch_scale"]
    usual = {"branch_scale": "one", "survival": 1.0, "survival_rule": "linear"}
    without = {**settings, **usual, "plain_twin": True}
    return "resnet", knobs.essential(ARCHITECTURE, without), scale != "zero_init"


def stacked(settings: Mapping[str, Any]) -> StackedUnits:
    """Original units whose branches are added as they are, and twins of such, are chains. Units of
    one layer, activated before the addition, are highway units with both gates at 1. All others
    are computed as they are drawn."""
    twin, scale = settings["plain_twin"], settings["branch_scale"]
    branch = settings["variant"], settings["branch_layers"], scale
    if branch == ("relu_before_add", 1, "one") and not twin:
        return 1.0, 1.0
    original = settings["variant"] == "original" and (twin or scale == "one")
    return "chain" if original else "drawn"


ARCHITECTURE = Architecture(
    title="ResNet",
    formula=r"x_{l+1} = f\bigl(h(x_l) + F(x_l)\bigr)",
    symbols={
        r"x_l": "the signal that enters unit l",
        r"F": "the residual branch: two or three weight layers with normalisation and activation",
        r"h": "the shortcut: the identity; zero-padded (A) or projected (B, C) where shapes change",
        r"f": "what follows the addition: an activation, or nothing in pre-activation units",
    },
    backward=r"\frac{\partial x_{l+1}}{\partial x_l} = f' \cdot \bigl(1 + F'(x_l)\bigr)",
    join="add",
    summary="Each unit adds a correction F to its input. A gradient comes back through the "
    "addition unchanged, plus what F contributes: there is always a way of gradient 1.",
    paper="He et al. 2015, Deep Residual Learning for Image Recognition (arXiv 1512.03385); "
    "He et al. 2016, Identity Mappings in Deep Residual Networks (arXiv 1603.05027), Fig. 4; "
    "Zagoruyko & Komodakis 2016, Wide Residual Networks (arXiv 1605.07146); "
    "Huang et al. 2016, Deep Networks with Stochastic Depth (arXiv 1603.09382).",
    departures="Bottlenecks stride in the 3×3 convolution, as torchvision's; the 2015 paper's "
    "first 1×1 is the knob stride_in. Where a pre-activation unit changes the shape, both paths "
    "take the activated signal (He 2016, appendix). A wide net's depth counts the main path and "
    "the classifier: WRN-28-10 has depth 26 here (the paper counts projections; 28 is accepted).",
    knobs=(
        knobs.backbone("cifar", "dense", "imagenet", "uniform", default="cifar"),
        knobs.depth(
            "cifar: 6n+2, with bottlenecks 9n+2. imagenet: 18, 34, 50, 101, 152, 200. uniform: 57. "
            "dense: any."
        ),
        Knob(
            "variant",
            "choice",
            "Unit",
            "The order of weights, normalisation, activation and addition (He 2016, Fig. 4 a–e).",
            "original",
            tuple(VARIANTS),
        ),
        Knob(
            "shortcut",
            "choice",
            "Shortcut",
            "A: zero-pad where the shape changes. B: 1×1 projection there. C: projection always.",
            choices=("A", "B", "C"),
            backbones=("cifar", "imagenet"),
        ),
        knobs.WIDTH,
        knobs.WIDEN,
        knobs.BASE_CHANNELS,
        Knob(
            "bottleneck",
            "bool",
            "Bottleneck",
            "1×1, 3×3, 1×1 with a fourfold wider output, in place of two 3×3.",
            backbones=("cifar",),
        ),
        Knob(
            "stride_in",
            "choice",
            "Bottleneck strides in",
            "3x3: as torchvision. 1x1: the first 1×1, as the 2015 paper.",
            "3x3",
            ("3x3", "1x1"),
            backbones=("cifar", "imagenet"),
        ),
        Knob(
            "branch_layers",
            "int",
            "Layers of a branch",
            "Weight layers of a dense residual branch.",
            2,
            low=1,
            high=2,
            backbones=("dense",),
        ),
        Knob(
            "branch_scale",
            "float",
            "Branch starts at",
            "one: as it is. zero_init: its last layer starts at 0. rezero: a learned factor that "
            "starts at 0. inv_sqrt_depth: 1/√units. Or a fixed factor.",
            "one",
            ("one", "zero_init", "rezero", "inv_sqrt_depth"),
            low=-1e6,
            high=1e6,
        ),
        knobs.SURVIVAL,
        knobs.SURVIVAL_RULE,
        knobs.ACTIVATION,
        knobs.NORM,
        knobs.INIT,
        knobs.preset(*_PRESETS),
        knobs.NUM_CLASSES,
        knobs.INPUT_SHAPE,
        knobs.PLAIN_TWIN,
    ),
    defaults=defaults,
    check=check,
    plan=plan,
    wiring=wiring,
    name=name,
    twin=twin,
    stacked=stacked,
    colour=("#0072B2", "#58A6F0"),
    presets={key: {"preset": key} for key in _PRESETS},
    order=1,
)
