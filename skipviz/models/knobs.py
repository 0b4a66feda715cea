"""The knobs that families share, their defaults, and the sentences for a wrong depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skipviz.core.declarations import Architecture
from skipviz.core.knob import Knob, SpecError

MAX_DEPTH = 1202
IMAGENET_DEPTHS: dict[int, tuple[int, ...]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}
"""Units in each stage (He 2015, Table 1; He 2016 for 200)."""

_INPUTS = {
    "dense": (1, 28, 28),
    "cifar": (3, 32, 32),
    "imagenet": (3, 224, 224),
    "fitnet": (3, 32, 32),
    "uniform": (3, 32, 32),
}
_SMALLEST = {"cifar": 8, "imagenet": 32, "fitnet": 16, "uniform": 8}


def backbone(*choices: str, default: str) -> Knob:
    text = (
        "What carries the signal. dense: flat input, equal-width layers. cifar: 3×3 stem, "
        "3 stages. imagenet: 7×7 stem, 4 stages. fitnet: the highway papers' convolutional stack. "
        "uniform: 5 groups of 5 units at 64 channels, each followed by a stride-2 convolution."
    )
    return Knob("backbone", "choice", "Backbone", text, default, choices)


def depth(rule: str) -> Knob:
    text = f"Weighted layers on the main path. {rule}"
    return Knob("depth", "int", "Depth", text, low=1, high=MAX_DEPTH)


def preset(*choices: str) -> Knob:
    text = "A named setting of the other knobs; knobs that are given besides it win."
    return Knob("preset", "choice", "Preset", text, "none", ("none", *choices))


WIDTH = Knob(
    "width", "int", "Width", "Units of a dense layer.", 50, low=1, high=4096, backbones=("dense",)
)
WIDEN = Knob(
    "widen",
    "int",
    "Width ×",
    "Multiplies the channels of every stage (Zagoruyko 2016).",
    1,
    low=1,
    high=32,
    backbones=("cifar", "imagenet"),
)
BASE_CHANNELS = Knob(
    "base_channels",
    "int",
    "Channels",
    "Channels of the stem and of the first stage; each later stage has twice as many.",
    low=1,
    high=1024,
    backbones=("cifar", "imagenet"),
)
ACTIVATION = Knob(
    "activation",
    "choice",
    "Activation",
    "The non-linearity after a weight layer.",
    "relu",
    ("relu", "tanh", "sigmoid"),
)
DROP_RATE = Knob(
    "drop_rate",
    "float",
    "Dropout",
    "The share of values that is dropped behind every activation while training (Srivastava et al. "
    "2014, Dropout).",
    0.0,
    low=0.0,
    high=0.9,
    backbones=("dense",),
)
SURVIVAL = Knob(
    "survival",
    "float",
    "Survival",
    "Stochastic depth (Huang et al. 2016): how likely the last unit's branch takes part in a step; "
    "in testing every branch is there, scaled by that. 1: always.",
    1.0,
    low=0.05,
    high=1.0,
)
SURVIVAL_RULE = Knob(
    "survival_rule",
    "choice",
    "Survival over depth",
    "linear: it falls evenly from 1 at the input to Survival at the last unit. uniform: every unit "
    "has Survival.",
    "linear",
    ("linear", "uniform"),
)
INIT = Knob(
    "init",
    "choice",
    "Initial weights",
    "he: N(0, 2/fan-in). glorot: uniform, for equal variance forward and backward. orthogonal. "
    "torch_default: what nn.Linear and nn.Conv2d draw by themselves.",
    choices=("he", "glorot", "orthogonal", "torch_default"),
)
NORM = Knob(
    "norm",
    "choice",
    "Normalisation",
    "batch: batch normalisation, of each channel over the batch. layer: layer normalisation, of "
    "each sample over its features (dense). none: none. With layer and none, layers have biases.",
    choices=("batch", "layer", "none"),
)
NUM_CLASSES = Knob(
    "num_classes", "int", "Classes", "Number of logits.", 10, low=2, high=100_000, hidden=True
)
INPUT_SHAPE = Knob(
    "input_shape", "shape", "Input", "Channels, height and width of a sample.", hidden=True
)
PLAIN_TWIN = Knob(
    "plain_twin",
    "bool",
    "Plain twin",
    "The same branches with the same initial weights, without the skip connection.",
    False,
    hidden=True,
)


def common(on: str) -> dict[str, Any]:
    """The defaults of the shared knobs on the backbone `on`."""
    dense = on == "dense"
    return {
        "backbone": on,
        "width": 50,
        "widen": 1,
        "activation": "relu",
        "init": "torch_default" if dense else "he",
        "norm": "none" if dense else "batch",
        "num_classes": 1000 if on == "imagenet" else 10,
        "input_shape": _INPUTS[on],
        "plain_twin": False,
        "preset": "none",
    }


def check_input(settings: Mapping[str, Any]) -> None:
    """A convolutional net needs an image, large enough for its stages, and is not normalised layer
    by layer."""
    on, shape = settings["backbone"], settings["input_shape"]
    if on == "dense":
        return
    if settings["norm"] == "layer":
        raise SpecError("norm 'layer': only on the dense backbone; take 'batch' or 'none'")
    least = _SMALLEST[on]
    if len(shape) != 3 or min(shape[1:]) < least:
        text = "x".join(map(str, shape))
        raise SpecError(
            f"input_shape {text}: the {on} backbone needs channels x height x width "
            f"of at least {least} by {least}"
        )


def check_linear_depth(depth: int, step: int, offset: int, what: str, variable: str = "n") -> int:
    """n of depth = step·n + offset, or SpecError that names the two nearest depths."""
    n, rest = divmod(depth - offset, step)
    if rest == 0 and n >= 1:
        return n
    below = max(1, min(n, (MAX_DEPTH - offset) // step - 1))
    nearest = f"{step * below + offset}, {step * (below + 1) + offset}"
    rule = f"{step}{variable}+{offset}"
    raise SpecError(f"depth {depth}: {what} has {rule} layers; nearest: {nearest}")


def check_listed_depth(depth: int, allowed: tuple[int, ...], what: str) -> None:
    """SpecError that names the nearest depths unless `depth` is one of `allowed`."""
    if depth in allowed:
        return
    nearest = sorted(sorted(allowed, key=lambda each: abs(each - depth))[:2])
    listed = ", ".join(map(str, allowed))
    near = ", ".join(map(str, nearest))
    raise SpecError(f"depth {depth}: {what} has {listed} layers; nearest: {near}")


def essential(declared: Architecture, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The fewest knobs that settle to `settings`: what is at its default is left out."""
    knobs_kept = dict(settings)
    for name in reversed(list(settings)):
        fewer = {key: value for key, value in knobs_kept.items() if key != name}
        settled = {**declared.defaults(fewer), **fewer}
        if all(settled[key] == value for key, value in settings.items()):
            knobs_kept = fewer
    return knobs_kept


def without_skips(
    declared: Architecture, family: str, settings: Mapping[str, Any]
) -> tuple[str, dict[str, Any], bool] | None:
    """The twin of a family that has the knob `plain_twin`: the same branches with the same initial
    weights; None of a net that is a twin already."""
    if settings["plain_twin"]:
        return None
    return family, essential(declared, {**settings, "plain_twin": True}), True
