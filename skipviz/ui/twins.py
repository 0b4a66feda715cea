"""Controls of the plain-against-residual demonstration: a residual net and its plain twin."""

from __future__ import annotations

from collections.abc import Sequence

from streamlit.delta_generator import DeltaGenerator

from skipviz.spec import Experiment, Lane

DEFAULT_DEPTH = 50


def pair(
    depth: int, activation: str = "relu", init: str = "torch_default", **fields: object
) -> Experiment:
    """A dense residual net and its plain twin: the twin first, as the baseline."""
    knobs = {"backbone": "dense", "depth": depth, "activation": activation, "init": init}
    lanes = [
        Lane(family="resnet", knobs=knobs | {"plain_twin": True}),
        Lane(family="resnet", knobs=knobs),
    ]
    return Experiment(lanes=lanes, **({"lr": 0.03, "steps": 400} | fields))


def controls(start: Experiment, boxes: Sequence[DeltaGenerator]) -> Experiment:
    """The demonstration's few knobs in four boxes, beginning with the values of `start`."""
    settings = start.lanes[-1].settings()
    depth_box, activation_box, init_box, steps_box = boxes
    depth = depth_box.slider(
        "Depth: hidden layers",
        min_value=3,
        max_value=150,
        value=min(150, max(3, settings["depth"])),
        key="twins_depth",
        help="The residual net has a shortcut around every two layers after the first.",
    )
    activations = ["relu", "tanh", "sigmoid"]
    activation = activation_box.selectbox(
        "Activation",
        activations,
        index=activations.index(settings["activation"]),
        key="twins_activation",
    )
    inits = ["torch_default", "he", "glorot", "orthogonal"]
    init = init_box.selectbox(
        "Initial weights",
        inits,
        index=inits.index(settings["init"]),
        key="twins_init",
        format_func=lambda key: {
            "torch_default": "PyTorch default",
            "he": "He",
            "glorot": "Glorot",
            "orthogonal": "orthogonal",
        }[key],
        help="PyTorch's default draws from ±1/√fan-in and has biases. With He weights a plain ReLU"
        " net keeps its gradient, and a residual net without normalisation explodes.",
    )
    steps = steps_box.number_input(
        "Steps", min_value=10, max_value=5000, value=start.steps, step=100, key="twins_steps"
    )
    return pair(
        int(depth), str(activation), str(init), steps=int(steps), lr=start.lr, seed=start.seed
    )


def is_pair(experiment: Experiment) -> bool:
    """Can the demonstration's controls show this experiment?"""
    if len(experiment.lanes) != 2 or any(lane.family != "resnet" for lane in experiment.lanes):
        return False
    first, second = experiment.lanes
    return (
        first.knobs.get("plain_twin") is True
        and second.knobs.get("backbone") == "dense"
        and {**second.knobs, "plain_twin": True} == first.knobs
    )
