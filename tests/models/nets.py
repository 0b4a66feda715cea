"""The nets that the model tests run over: every family on every backbone, and what varies a unit.

Small ones are run; large ones are only built on torch's meta device, where weights take no memory.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch import nn

from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import build
from skipviz.models.knobs import MAX_DEPTH

Case = tuple[str, dict[str, Any]]

SMALL_IMAGE = {"input_shape": (3, 8, 8)}
VARIANTS = ("original", "bn_after_add", "relu_before_add", "relu_only_preact", "full_preact")

PER_BACKBONE: dict[str, dict[str, Any]] = {
    "dense": {"input_shape": (1, 8, 8)},
    "cifar": {**SMALL_IMAGE},
    "imagenet": {"input_shape": (3, 32, 32), "num_classes": 10},
    "fitnet": {"input_shape": (3, 16, 16)},
    "uniform": {"input_shape": (3, 16, 16)},
}
LEAST_DEPTH = {"dense": 6, "cifar": 10}
"""A small net has the least depth from this one on that its family allows: some units a stage."""

NARROW: dict[tuple[str, str], dict[str, Any]] = {
    ("resnext", "cifar"): {"cardinality": 4, "base_width": 4},
    ("resnext", "imagenet"): {"cardinality": 4, "base_width": 4},
    ("densenet", "imagenet"): {"growth_rate": 4},
}
"""Families whose smallest net would be slow at its usual width; no family needs a line here."""


def settled(case: Case) -> dict[str, Any]:
    return registry.full_settings(case[0], case[1])


def small(family: str, on: str) -> dict[str, Any]:
    """The knobs of a small net of `family` on the backbone `on`."""
    knobs = {"backbone": on, **PER_BACKBONE.get(on, {}), **NARROW.get((family, on), {})}
    for depth in range(LEAST_DEPTH.get(on, 1), MAX_DEPTH):
        with suppress(SpecError):
            registry.full_settings(family, {**knobs, "depth": depth})
            return {**knobs, "depth": depth}
    return knobs


def backbones() -> list[Case]:
    """A small net of every family that is discovered, on every backbone that it offers."""
    cases = []
    for family, declared in registry.architectures().items():
        (choices,) = (knob.choices for knob in declared.knobs if knob.name == "backbone")
        cases += [(family, small(family, on)) for on in choices]
    return cases


def _variants() -> list[Case]:
    dense = {"backbone": "dense", "input_shape": (1, 8, 8), "norm": "batch"}
    units: list[Case] = []
    for variant in VARIANTS:
        units.append(("resnet", {"depth": 14, "variant": variant, "shortcut": "B", **SMALL_IMAGE}))
        units.append(("resnet", {**dense, "depth": 6, "variant": variant}))
    scales = ("zero_init", "rezero", "inv_sqrt_depth", 0.5)
    return [
        *units,
        *(("resnet", {"depth": 14, "branch_scale": scale, **SMALL_IMAGE}) for scale in scales),
        ("resnet", {"depth": 11, "bottleneck": True, "stride_in": "1x1", **SMALL_IMAGE}),
        ("resnet", {"depth": 14, "shortcut": "C", "norm": "none", **SMALL_IMAGE}),
        ("resnet", {"depth": 8, "widen": 2, **SMALL_IMAGE}),
        ("resnet", {**dense, "depth": 5, "branch_layers": 1, "variant": "full_preact"}),
        ("resnet", {"depth": 14, "plain_twin": True, **SMALL_IMAGE}),
        ("plain", {"backbone": "dense", "depth": 1, "input_shape": (16,)}),
        ("plain", {**dense, "depth": 6, "drop_rate": 0.2}),
        ("resnet", {**dense, "depth": 8, "variant": "full_preact", "survival": 0.8}),
        ("resnet", {"depth": 14, "survival": 0.9, "branch_scale": "rezero", **SMALL_IMAGE}),
        ("resnet", {**dense, "depth": 7, "survival": 0.9, "survival_rule": "uniform"}),
        ("resnet", {**dense, "depth": 1, "variant": "full_preact"}),
        ("resnet", {**dense, "depth": 2, "variant": "full_preact"}),
        ("highway", {"depth": 6, "carry": "learned", "norm": "batch", "input_shape": (1, 8, 8)}),
        ("highway", {"depth": 6, "gate": 0.3, "input_shape": (1, 8, 8)}),
        ("highway", {"depth": 6, "gate": 1.0, "carry": 1.0, "input_shape": (1, 8, 8)}),
        ("highway", {"depth": 6, "plain_twin": True, "input_shape": (1, 8, 8)}),
        ("highway", {"backbone": "fitnet", "depth": 10, "dropout": False}),
        ("highway", {"preset": "highway4", "dropout": False, "input_shape": (3, 16, 16)}),
        ("densenet", {**dense, "depth": 6, "bottleneck": True}),
        *(
            (family, {**dense, "depth": 6, "norm": "layer", **more})
            for family, more in (
                ("plain", {}),
                ("resnet", {"branch_scale": "zero_init"}),
                ("resnet", {"variant": "full_preact"}),
                ("highway", {}),
                ("densenet", {"bottleneck": True}),
            )
        ),
        ("densenet", {"depth": 13, "bottleneck": False, **SMALL_IMAGE}),
    ]


RUN: list[Case] = [*backbones(), *_variants()]
"""Nets that are small enough to be run forward and backward."""

LARGE: list[Case] = [
    ("plain", {"depth": 110}),
    ("plain", {"backbone": "imagenet", "depth": 34}),
    ("resnet", {"depth": 1202}),
    ("resnet", {"depth": 1001, "variant": "full_preact"}),
    ("resnet", {"backbone": "imagenet", "depth": 152, "stride_in": "1x1"}),
    ("resnet", {"backbone": "imagenet", "depth": 200, "variant": "full_preact"}),
    ("resnet", {"backbone": "dense", "depth": 1202}),
    ("resnext", {}),
    ("highway", {"depth": 1202}),
    ("highway", {"backbone": "fitnet", "depth": 19}),
    ("densenet", {"depth": 250, "growth_rate": 24}),
    ("densenet", {"backbone": "imagenet", "depth": 161}),
    ("densenet", {"backbone": "dense", "depth": 300}),
]
"""Nets that are only built on the meta device."""

WIDE = [case for case in LARGE if settled(case)["depth"] < 250]
"""Those of them that are not deep, to be run there."""


def name_of(case: Case) -> str:
    family, knobs = case
    return " ".join([family, *(f"{key}={value}" for key, value in knobs.items())])


def wired(case: Case) -> Wiring:
    made: Wiring = registry.architecture(case[0]).wiring(settled(case))
    return made


def on_meta_of(family: str, knobs: dict[str, Any]) -> nn.Module:
    with torch.device("meta"):
        return build(family, **knobs)


def on_meta(case: Case) -> nn.Module:
    """The net without memory for its weights. It is built once: leave it as it is."""
    return _on_meta(name_of(case))


@cache
def _on_meta(name: str) -> nn.Module:
    (family, knobs) = next(case for case in (*RUN, *LARGE) if name_of(case) == name)
    with torch.device("meta"):
        return build(family, **knobs)


def built(case: Case, seed: int = 0, double: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    net = build(case[0], **case[1])
    return net.double() if double else net


def batch(case: Case, size: int = 4, seed: int = 1, double: bool = False) -> torch.Tensor:
    made = torch.Generator().manual_seed(seed)
    x = torch.randn(size, *settled(case)["input_shape"], generator=made)
    return x.double() if double else x


def randomise_norms(net: nn.Module, seed: int = 2) -> None:
    """Gives every normalisation gains, shifts and statistics that are not 1 and 0."""
    made = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
            kept = isinstance(module, nn.LayerNorm)  # it has no statistics
            for value in (module.weight, *([] if kept else [module.running_var])):
                value.data = torch.rand(value.shape, generator=made).to(value.dtype) + 0.5
            for value in (module.bias, *([] if kept else [module.running_mean])):
                value.data = torch.randn(value.shape, generator=made).to(value.dtype) * 0.1
