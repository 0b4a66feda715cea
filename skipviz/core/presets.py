"""Ready experiments by lecture topic: a start that teaches, to be changed at will.

Recipes were measured; the docstring of each preset says what it shows and what it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skipviz.core.experiment import Experiment, Lane

DENSE = {"backbone": "dense"}


@dataclass(frozen=True)
class Preset:
    """A named experiment; without a GPU it is `small`, where there is one, and `scaled` says so."""

    title: str
    shows: str
    experiment: Experiment
    small: Experiment | None = None
    scaled: str = ""


def _pair(depth: int, **fields: object) -> Experiment:
    knobs = DENSE | {"depth": depth}
    lanes = [
        Lane(family="resnet", knobs=knobs | {"plain_twin": True}),
        Lane(family="resnet", knobs=knobs),
    ]
    return Experiment(lanes=lanes, **({"lr": 0.03} | fields))


def _convolutional(depth: int, data: str, steps: int, batch_size: int) -> Experiment:
    knobs = {"backbone": "cifar", "depth": depth}
    lanes = [Lane(family="plain", knobs=knobs), Lane(family="resnet", knobs=knobs)]
    fields: dict[str, Any] = {"lr": 0.05, "weight_decay": 1e-4, "evaluate_every": 10}
    return Experiment(lanes=lanes, data=data, steps=steps, batch_size=batch_size, **fields)


NARROW = {"backbone": "cifar", "base_channels": 8}


SMALL_PICTURES: dict[str, Any] = {"data": "shapes", "pool": 2, "batch_size": 32, "lr": 0.02}
"""On which a lecture trains convolutional nets of half of the papers' channels while it watches."""


def _small_images() -> Experiment:
    """The papers' pair of nets with half of their channels, on pictures halved to 16×16: about a
    sixteenth of the papers' products a picture."""
    lanes = [Lane(family=family, knobs=NARROW | {"depth": 56}) for family in ("plain", "resnet")]
    return Experiment(lanes=lanes, steps=300, evaluate_every=50, **SMALL_PICTURES)


def _families_on_images() -> Experiment:
    """Four families on the same small pictures: some 56 layers, but 19 of the highway net, which
    with 55 of them was still at the loss of guessing after 200 steps."""
    lanes = [
        Lane(family="plain", knobs=NARROW | {"depth": 56}),
        Lane(family="resnet", knobs=NARROW | {"depth": 56}),
        Lane(family="highway", knobs=NARROW | {"depth": 19, "norm": "batch", "gate_bias": -1.0}),
        Lane(
            family="densenet",
            knobs={"backbone": "cifar", "depth": 58, "growth_rate": 4, "stem_width": 8},
        ),
    ]
    return Experiment(lanes=lanes, steps=300, evaluate_every=50, **SMALL_PICTURES)


def _four_families() -> Experiment:
    deep = DENSE | {"depth": 20}
    lanes = [
        Lane(family=family, knobs=deep) for family in ("plain", "resnet", "highway", "densenet")
    ]
    return Experiment(lanes=lanes, lr=0.1, evaluate_every=20)


def _stripes() -> Experiment:
    knobs = DENSE | {"depth": 21, "gate_bias": -1.0}
    return Experiment(lanes=[Lane(family="highway", knobs=knobs)], lr=0.1, steps=600)


PRESETS: dict[str, Preset] = {
    "vanishing": Preset(
        "Vanishing gradients",
        "50 layers, plain against residual: the gradient that reaches the first layers of the plain"
        " twin is lost; the same branches with shortcuts keep it.",
        _pair(50),
    ),
    "degradation": Preset(
        "Degradation",
        "With BatchNorm the plain net has the higher training loss, though its gradients do not"
        " vanish but grow towards the input: not overfitting, and not vanishing gradients alone"
        " (He et al. 2015, section 4.1).",
        _convolutional(56, "shapes", 400, 128),
        small=_convolutional(20, "digits", 150, 64),
        scaled="On a CPU: depth 20 instead of 56, 8×8 digits instead of 32×32 shapes.",
    ),
    "images": Preset(
        "Images in a lecture",
        "Plain-56 beside ResNet-56 on pictures of 16×16 with half of the papers' channels, a"
        " sixteenth of their products. The plain net stays at the loss of guessing, the residual"
        " one leaves it within 150 steps or so. Where the two would end after hours is not shown.",
        _small_images(),
    ),
    "image-families": Preset(
        "Four families on images",
        "Plain-56, ResNet-56, a highway net of 19 layers with BatchNorm and DenseNet-BC-58 on"
        " pictures of 16×16, at one learning rate. All but the plain net learn within 300 steps."
        " Sizes and depths differ: this shows who starts, not who wins.",
        _families_on_images(),
    ),
    "stripes": Preset(
        "Highway stripes",
        "Most cells of most layers are carried through: stripes in the units' outputs. They"
        " are there at init too: what training adds is which cells open for which sample.",
        _stripes(),
    ),
    "families": Preset(
        "Four families",
        "At depth 20 residual, highway and dense nets train from an init at which the plain net"
        " does not start.",
        _four_families(),
    ),
    "gate-bias": Preset(
        "Gate bias",
        "A gate bias of 0, −2 or −4 decides how much of the gradient reaches the first layer before"
        " anything is learned: at −2 and −4 about (1 − σ(b))^depth. At 0 far more arrives than"
        " that, through the half-open transformations, and still next to nothing.",
        Experiment(
            lanes=[
                Lane(family="highway", knobs=DENSE | {"depth": 50, "gate_bias": bias})
                for bias in (0.0, -2.0, -4.0)
            ],
            lr=0.1,
        ),
    ),
}
