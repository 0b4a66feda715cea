"""The sweeps about depth and gates: which experiments, and what they show when they are through.

figure1   final training loss against depth, plain and highway nets of equal parameters
bias      which depth trains with which gate bias
fixed     gates fixed at a T from 0 to 1, coupled (C = 1 − T) and not (C = 1)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from skipviz.core import knob_sweep
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError

DEPTHS = (10, 20, 50, 100)
BIASES = (0.0, -1.0, -2.0, -4.0)
FIXED = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)

HIGHWAY_TRIES = (
    *((-4.0, "tanh", 0.3), (-2.0, "tanh", 0.1), (-4.0, "tanh", 0.1)),
    *((-2.0, "tanh", 0.3), (-3.0, "tanh", 0.3), (-4.0, "relu", 0.003)),
)
PLAIN_TRIES = (
    *(("tanh", "glorot", 0.01), ("tanh", "glorot", 0.003), ("relu", "he", 0.003)),
    *(("relu", "he", 0.01), ("tanh", "glorot", 0.03), ("relu", "he", 0.03)),
)

DATA: dict[str, dict[str, Any]] = {
    "digits": {"data": "digits"},
    "mnist": {"data": "mnist", "pool": 2, "subset": 800, "batch_size": 100},
}
"""MNIST as 14×14 pixels, 800 images of each class."""


def highway(depth: int, bias: float, activation: str = "tanh") -> Lane:
    """50 units, as in the paper."""
    knobs = {"backbone": "dense", "depth": depth, "gate_bias": bias, "activation": activation}
    return Lane(family="highway", knobs=knobs)


def plain(depth: int, activation: str, init: str) -> Lane:
    """71 units: as many parameters as 50 with gates (Srivastava et al. 2015, section 3)."""
    knobs = {"backbone": "dense", "depth": depth, "width": 71}
    return Lane(family="plain", knobs=knobs | {"activation": activation, "init": init})


def figure1(options: Mapping[str, Any]) -> dict[str, Experiment]:
    """`tries` settings for each depth and family: learning rate, bias or init, activation."""
    tries, experiments = int(options["tries"]), {}
    for depth in DEPTHS:
        for bias, activation, lr in HIGHWAY_TRIES[:tries]:
            name = f"Highway-{depth}, b_T = {bias:g}, {activation}, lr {lr:g}"
            experiments[name] = _short(highway(depth, bias, activation), lr, options)
        for activation, init, lr in PLAIN_TRIES[:tries]:
            name = f"Plain-{depth}, {activation}, {init}, lr {lr:g}"
            experiments[name] = _short(plain(depth, activation, init), lr, options)
    return experiments


def bias(options: Mapping[str, Any]) -> dict[str, Experiment]:
    """Every depth with every gate bias, 200 steps at one learning rate; a run for each depth."""
    return {
        f"Highway-{depth}": Experiment(
            lanes=[highway(depth, value) for value in BIASES],
            lr=0.1,
            steps=200,
            seeds=3,
            record_every=5,
            **DATA[options["data"]],
        )
        for depth in DEPTHS
    }


def fixed_gates(options: Mapping[str, Any]) -> dict[str, Experiment]:
    """20 gated layers whose T is fixed, lanes coupled and uncoupled."""
    knobs = {"backbone": "dense", "depth": 21}
    experiments = {}
    for value in FIXED:
        lanes = [
            Lane(family="highway", knobs=knobs | {"gate": value, "carry": carry})
            for carry in ("coupled", 1.0)
        ]
        lr = float(options["lr"])
        experiments[f"T = {value:g}"] = Experiment(
            lanes=lanes, lr=lr, steps=300, seeds=3, record_every=10, **DATA[options["data"]]
        )
    return experiments


def _short(lane: Lane, lr: float, options: Mapping[str, Any]) -> Experiment:
    fields = {"lr": lr, "steps": 400, "seeds": 3, "record_every": 5} | DATA[options["data"]]
    return Experiment(lanes=[lane], **fields)


KINDS: dict[str, Callable[[Mapping[str, Any]], dict[str, Experiment]]] = {
    "figure1": figure1,
    "bias": bias,
    "fixed": fixed_gates,
}


TITLES = {
    "figure1": "Depth: plain against highway",
    "bias": "Which gate bias trains",
    "fixed": "Gates fixed from 0 to 1",
}


def title(kind: str, options: Mapping[str, Any]) -> str:
    """What a sweep is called; of another version's, its kind's key."""
    if kind == knob_sweep.KIND:
        with suppress(SpecError):
            return knob_sweep.title(options)
    return TITLES.get(kind, kind)


def experiments(kind: str, options: Mapping[str, Any]) -> dict[str, Experiment]:
    """The experiments of a kind of sweep by name; SpecError where there is no such kind."""
    if kind not in KINDS:
        raise SpecError(f"sweep '{kind}': must be one of {', '.join(KINDS)}")
    return KINDS[kind](options)
