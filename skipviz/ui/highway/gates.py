"""The Gates page: its recipes and controls, and samples that are asked for by their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.server.run import Run
from skipviz.ui import manager
from skipviz.ui.highway.sections import gated_lane, plain_lane
from skipviz.ui.notes import absent, complain, name_with_mark
from skipviz.ui.run import choices

SEEDS = (1, 3, 5)
OWN = "as in the address"


@dataclass(frozen=True)
class Recipe:
    """A start that was measured: the knobs of the highway net, and how it is trained."""

    knobs: dict[str, Any]
    fields: dict[str, Any]
    depths: tuple[int, ...]


def _dense(depth: int, bias: float, **fields: Any) -> Recipe:
    knobs = {"backbone": "dense", "depth": depth, "gate_bias": bias}
    return Recipe(knobs, {"steps": 600, "lr": 0.3} | fields, (11, 21, 31, 51, 71, 101))


_MNIST = {"data": "mnist", "pool": 2, "subset": 800, "batch_size": 100, "steps": 500}
_CIFAR = {"data": "cifar100", "pool": 2, "subset": 100, "batch_size": 100}

RECIPES = {
    "Digits, 20 highway layers, b_T = −1": _dense(21, -1.0, lr=0.1),
    "Digits, 50 highway layers, b_T = −2": _dense(51, -2.0),
    "Digits, 50 highway layers, b_T = −4": _dense(51, -4.0),
    "MNIST at 14×14, 50 highway layers, b_T = −2": _dense(51, -2.0, **_MNIST),
    "CIFAR-100 at 16×16, 50 highway layers, b_T = −4": _dense(51, -4.0, **_CIFAR),
    "Digits, convolutional highway, 19 layers": Recipe(
        {"backbone": "cifar", "depth": 19, "gate_bias": -2.0},
        {"steps": 100, "lr": 0.03},
        (10, 19, 31),
    ),
}
"""By name. Their depths count the first, plain layer: 50 highway layers are depth 51."""


def lanes(knobs: dict[str, Any]) -> list[Lane]:
    """A highway net and, before it, its plain twin: the same layers and first weights."""
    return [
        Lane(family="highway", knobs=knobs | {"plain_twin": True}),
        Lane(family="highway", knobs=knobs),
    ]


def default() -> Experiment:
    recipe = next(iter(RECIPES.values()))
    return Experiment(lanes=lanes(recipe.knobs), **recipe.fields)


def fits(experiment: Experiment) -> bool:
    """Can the page's controls show this experiment?"""
    if [lane.family for lane in experiment.lanes] != ["highway", "highway"]:
        return False
    knobs = dict(experiment.lanes[1].knobs)
    return "depth" in knobs and list(experiment.lanes) == lanes(knobs)


def controls(start: Experiment, boxes: Sequence[DeltaGenerator]) -> Experiment | None:
    """Recipe, depth, gate bias and seeds, beginning with `start`; None where they do not fit."""
    names = list(RECIPES)
    begins = next((name for name in names if _made(name, start) == start), OWN)
    names += [OWN] if begins == OWN else []
    name = boxes[0].selectbox(
        "Recipe",
        names,
        index=names.index(begins),
        key="gates_recipe",
        format_func=lambda name: name_with_mark(name, _data(name, start)),
        help="Measured starts. ⤓: the data set is not on this machine yet; the Data page gets it.",
    )
    base = start if name == begins else _made(name, start)
    knobs = dict(base.lanes[1].knobs) | _knobs(name, base, boxes[1], boxes[2])
    choices = sorted({*SEEDS, base.seeds})
    seeds = boxes[3].selectbox(
        "Seeds",
        choices,
        index=choices.index(base.seeds),
        key=f"gates_seeds_{name}",
        help="The maps are those of the first; every number below has all.",
    )
    try:
        experiment = base.as_planned().with_(lanes=lanes(knobs), seeds=seeds)
    except SpecError as error:
        complain(error)
        return None
    return None if absent(experiment.data) else experiment


def _knobs(name: str, base: Experiment, left: DeltaGenerator, right: DeltaGenerator) -> Any:
    settings = base.lanes[1].settings(base.dataset)
    depths = sorted({*(RECIPES[name].depths if name in RECIPES else ()), settings["depth"]})
    depth = left.selectbox(
        "Depth",
        depths,
        index=depths.index(settings["depth"]),
        key=f"gates_depth_{name}",
        help="Layers with weights. The first is plain: depth 51 has 50 highway layers.",
    )
    bias = right.number_input(
        "Gate bias b_T",
        -10.0,
        3.0,
        float(settings["gate_bias"]),
        0.5,
        format="%g",
        key=f"gates_bias_{name}",
        help="Where the biases of the transform gates begin: T = σ(b_T) at first.",
    )
    return {"depth": depth, "gate_bias": bias}


def _data(name: str, start: Experiment) -> str:
    """The data set of a recipe; of one's own, that of the address."""
    return str(RECIPES[name].fields.get("data", "digits")) if name in RECIPES else start.data


def _made(name: str, like: Experiment) -> Experiment:
    """A recipe as an experiment; `like` gives the seeds."""
    recipe = RECIPES[name]
    return Experiment(lanes=lanes(recipe.knobs), seeds=like.seeds, **recipe.fields)


def by_number(run: Run) -> dict[str, Any] | None:
    """A training sample asked for by its number: its maps now, at init and of the plain twin."""
    lane, twin = gated_lane(run), plain_lane(run)
    box, note = st.columns([1.2, 4], vertical_alignment="bottom")
    number = choices.whole_number(
        box, "Another training sample", 0, 100_000, "sample", key=f"gates_sample_{run.id}",
        usual=None, placeholder="its number",
    )  # fmt: skip
    if number is None or lane is None:
        note.caption("Samples to pick: the first of each class. Any other is measured on request.")
        return None
    try:
        with note, st.spinner("Measuring …"):
            now, init = (_maps(run, lane, number, when) for when in ("now", "init"))
            plain = _maps(run, twin, number, "now") if twin is not None else None
    except SpecError as error:
        complain(error)
        return None
    note.caption(f"Sample {number}: measured on the weights saved after {now['step']} steps.")
    image, label = now.pop("image"), now.pop("label")
    return {
        "lane": lane,
        "row": number,
        "step": now["step"],
        "name": str(run.experiment.dataset.classes[label]),
        "shape": [len(image), len(image[0]), len(image[0][0])],
        "pixels": [value for channel in image for line in channel for value in line],
        "now": now,
        "init": init,
        "twin": plain,
    }


def _maps(run: Run, lane: int, sample: int, when: str) -> dict[str, Any]:
    """What the probe `gates` says, in the words of the panel."""
    options = {"lane": lane, "sample": sample, "when": when}
    answer = manager.current().measure(run.id, "gates", options)
    return {
        "step": answer["step"],
        "samples": answer["samples"],
        "image": answer["image"],
        "label": answer["label"],
        "bias": answer["bias"],
        "mean": answer["mean"],
        "gate": answer["sample_gate"],
        "output": answer["sample_output"],
    }
