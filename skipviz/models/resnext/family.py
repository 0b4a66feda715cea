"""x_{l+1} = f(h(x_l) + Σ_i T_i(x_l)): the residual branch split into many narrow parallel paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.declarations import Architecture
from skipviz.core.knob import Knob
from skipviz.core.wiring import Wiring
from skipviz.models import knobs
from skipviz.models.plans import NetPlan
from skipviz.models.resnet.plan import EXPANSION, Widths, conv_plan

_DEPTHS = (50, 101, 152)


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    on = given.get("backbone", "cifar")
    return {
        **knobs.common(on),
        "depth": 50 if on == "imagenet" else 29,
        "cardinality": 32 if on == "imagenet" else 8,
        "base_width": 4 if on == "imagenet" else 64,
        "shortcut": "B",
    }


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)
    if settings["backbone"] == "cifar":
        knobs.check_linear_depth(settings["depth"], 9, 2, "a CIFAR ResNeXt")
    else:
        knobs.check_listed_depth(settings["depth"], _DEPTHS, "an ImageNet ResNeXt")


def name(settings: Mapping[str, Any]) -> str:
    plain = "plain twin of " if settings["plain_twin"] else ""
    size = f"{settings['cardinality']}×{settings['base_width']}d"
    return f"{plain}ResNeXt-{settings['depth']} {size}"


def plan(settings: Mapping[str, Any]) -> NetPlan:
    """Bottlenecks whose 3×3 convolution has `cardinality` groups of `base_width` channels."""
    cardinality = settings["cardinality"]
    counts = knobs.IMAGENET_DEPTHS.get(settings["depth"], ())
    if settings["backbone"] == "cifar":
        counts = (settings["depth"] // 9,) * 3
    shape = [
        (
            count,
            Widths(cardinality * settings["base_width"] * 2**s, 64 * EXPANSION * 2**s, cardinality),
        )
        for s, count in enumerate(counts)
    ]
    fixed = {
        "variant": "original",
        "bottleneck": True,
        "stride_in": "3x3",
        "branch_scale": "one",
        "survival": 1.0,
        "survival_rule": "linear",
    }
    return conv_plan({**settings, **fixed}, stem=64, shape=shape)


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "resnext", name(settings), "stage")


def twin(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool] | None:
    return knobs.without_skips(ARCHITECTURE, "resnext", settings)


ARCHITECTURE = Architecture(
    title="ResNeXt",
    formula=r"x_{l+1} = f\Bigl(h(x_l) + \sum_{i=1}^{C} T_i(x_l)\Bigr)",
    symbols={
        r"x_l": "the signal that enters unit l",
        r"T_i": "path i of the branch: 1×1, 3×3, 1×1 on few channels (the base width)",
        r"C": "the cardinality: how many parallel paths; a grouped convolution computes them at "
        "once",
        r"h": "the shortcut: the identity, or a 1×1 projection where shapes change",
        r"f": "the activation after the addition",
    },
    backward=r"\frac{\partial x_{l+1}}{\partial x_l} = "
    r"f' \cdot \Bigl(1 + \sum_{i=1}^{C} T_i'(x_l)\Bigr)",
    join="add",
    summary="A ResNet bottleneck whose 3×3 convolution is split into groups: many narrow paths "
    "side by side are summed. The gradient's way around the branch is ResNet's.",
    paper="Xie et al. 2016, Aggregated Residual Transformations for Deep Neural Networks "
    "(arXiv 1611.05431), section 3, form (c).",
    departures="Original (post-activation) units only.",
    knobs=(
        knobs.backbone("cifar", "imagenet", default="cifar"),
        knobs.depth("cifar: 9n+2. imagenet: 50, 101 or 152."),
        Knob(
            "cardinality",
            "int",
            "Cardinality",
            "Parallel paths: groups of the 3×3 convolution.",
            low=1,
            high=256,
        ),
        Knob(
            "base_width",
            "int",
            "Base width",
            "Channels of one path in the first stage: the 4 of 32×4d.",
            low=1,
            high=256,
        ),
        Knob(
            "shortcut",
            "choice",
            "Shortcut",
            "A: zero-pad where the shape changes. B: 1×1 projection there. C: projection always.",
            "B",
            ("A", "B", "C"),
        ),
        knobs.ACTIVATION,
        knobs.NORM,
        knobs.INIT,
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
    colour=("#56B4E9", "#A5DCFF"),
    order=2,
)
