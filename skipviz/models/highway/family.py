"""y = H(x)·T(x) + x·C(x): gates decide, cell by cell, what is transformed and what is carried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from skipviz.core.declarations import Architecture, StackedUnits
from skipviz.core.knob import Knob, SpecError
from skipviz.core.wiring import Wiring
from skipviz.models import knobs, plans
from skipviz.models.highway.plan import RECONSTRUCTED, RELEASED, plan

_PRESETS: dict[str, dict[str, Any]] = {
    "units25": {"backbone": "uniform"},
    **{f"thin{depth}": {"backbone": "dense", "depth": depth} for depth in (10, 20, 50, 100)},
    "cifar19": {"backbone": "fitnet", "depth": 19},
    "mnist10": {"backbone": "fitnet", "depth": 10},
    **{key: {"backbone": "fitnet", "depth": net.depth} for key, net in RECONSTRUCTED.items()},
}


def defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    preset_settings = _PRESETS.get(given.get("preset", "none"), {})
    settings = {**preset_settings, **given}
    on = settings.get("backbone", "dense")
    depth = settings.get("depth", {"dense": 20, "uniform": plans.uniform_depth(1)}.get(on, 19))
    mnist = on == "fitnet" and depth == 10
    dense = on == "dense"
    return {
        **knobs.common(on),
        "depth": depth,
        "norm": "none",
        "init": "glorot" if dense else "he",
        "activation": "tanh" if dense else "relu",
        "width": 32 if mnist else 50,
        "base_channels": 16,
        **({"input_shape": (1, 28, 28)} if mnist else {}),
        "gate_bias": -1.0 if mnist or on == "uniform" else -2.0,
        "gate": "learned",
        "carry": "coupled",
        "dropout": on == "fitnet",
        **preset_settings,
    }


def check(settings: Mapping[str, Any]) -> None:
    knobs.check_input(settings)
    preset, depth, on = (settings[key] for key in ("preset", "depth", "backbone"))
    if preset in RECONSTRUCTED:
        if on != "fitnet":
            raise SpecError(f"backbone '{on}': the preset {preset} is a fitnet")
        knobs.check_listed_depth(depth, (RECONSTRUCTED[preset].depth,), f"the preset {preset}")
    elif on == "fitnet":
        knobs.check_listed_depth(depth, tuple(RELEASED), "a released convolutional highway net")
    elif on == "uniform":
        knobs.check_listed_depth(depth, (plans.uniform_depth(1),), "a highway net of 25 units")
    elif on == "cifar":
        knobs.check_linear_depth(depth, 3, 4, "a CIFAR highway net")


def name(settings: Mapping[str, Any]) -> str:
    plain = "plain twin of " if settings["plain_twin"] else ""
    if settings["preset"] in RECONSTRUCTED:
        return f"{plain}{RECONSTRUCTED[settings['preset']].title} (reconstruction)"
    return f"{plain}Highway-{settings['depth']}"


def wiring(settings: Mapping[str, Any]) -> Wiring:
    return plan(settings).wiring(settings, "highway", name(settings), "stage")


def twin(settings: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool] | None:
    return knobs.without_skips(ARCHITECTURE, "highway", settings)


def stacked(settings: Mapping[str, Any]) -> StackedUnits:
    """Learned gates that are coupled, gates that are both numbers, and twins, which have none, have
    forms of their own; all others are computed as they are drawn."""
    gate, carry = settings["gate"], settings["carry"]
    if settings["plain_twin"]:
        return "chain"
    if gate == "learned" or carry == "learned":
        return "gated" if (gate, carry) == ("learned", "coupled") else "drawn"
    return float(gate), 1 - float(gate) if carry == "coupled" else float(carry)


ARCHITECTURE = Architecture(
    title="Highway",
    formula=r"y = H(x) \cdot T(x) + x \cdot C(x), \qquad C = 1 - T",
    symbols={
        r"x": "the signal that enters the unit",
        r"H": "the transformation: a weight layer and its activation",
        r"T": "the transform gate: sigmoid of a weight layer, one value in (0, 1) for each cell",
        r"C": "the carry gate: 1 − T when coupled",
        r"b_T": "the gate bias; it starts negative, so that the unit starts by carrying",
    },
    backward=r"\frac{\partial y}{\partial x} = "
    r"C + T \cdot H'(x) + \bigl(H(x) - x\bigr) \cdot T'(x)",
    join="gate",
    summary="Each cell of a unit mixes its transformation with its own input. Where T is near 0 "
    "the signal and its gradient pass as they are; where T is near 1 the unit is a plain layer.",
    paper="Srivastava, Greff & Schmidhuber 2015, Highway Networks (arXiv 1505.00387) and Training "
    "Very Deep Networks (arXiv 1507.06228), sections 2 and 3.",
    departures="fitnet 19 and 10 are the nets of the authors' published code. Highway 1 to 4 are "
    "reconstructions: the paper gives their depth and parameter count only; for Highway 4 it says "
    "32 layers, the simplest net of its size has 31. The stack with 3 stages (cifar) is ours.",
    knobs=(
        knobs.backbone("dense", "cifar", "fitnet", "uniform", default="dense"),
        knobs.depth("dense: any. cifar: 3n+4. fitnet: 19 (CIFAR) or 10 (MNIST). uniform: 32."),
        Knob(
            "width",
            "int",
            "Width",
            "Units of a dense layer; channels of the 10-layer fitnet.",
            50,
            low=1,
            high=4096,
            backbones=("dense", "fitnet"),
        ),
        replace(knobs.BASE_CHANNELS, backbones=("cifar",)),
        Knob(
            "gate_bias",
            "float",
            "Gate bias b_T",
            "Where the transform gates' biases start; negative: the unit starts by carrying. "
            "Learned carry gates start at the opposite.",
            -2.0,
            low=-100,
            high=100,
        ),
        Knob(
            "gate",
            "float",
            "Transform gate T",
            "learned, or the same fixed T for all cells.",
            "learned",
            ("learned",),
            low=0,
            high=1,
        ),
        Knob(
            "carry",
            "float",
            "Carry gate C",
            "coupled: 1 − T. learned: a gate of its own. Or a fixed C.",
            "coupled",
            ("coupled", "learned"),
            low=0,
            high=1,
        ),
        knobs.ACTIVATION,
        knobs.NORM,
        knobs.INIT,
        Knob(
            "dropout",
            "bool",
            "Dropout",
            "The dropout layers of the released convolutional nets.",
            backbones=("fitnet",),
        ),
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
    colour=("#009E73", "#2FC49A"),
    presets={key: {"preset": key} for key in _PRESETS},
    order=3,
)
