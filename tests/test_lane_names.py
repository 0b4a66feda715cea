"""Lanes of one name are told apart by what tells them apart."""

from __future__ import annotations

from typing import Any

import pytest

from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.lane_names import labels


def named(family: str, *knobs: dict[str, Any]) -> list[str]:
    dense = {"backbone": "dense", "depth": 21}
    return labels(Experiment(lanes=[Lane(family=family, knobs=dense | each) for each in knobs]))


@pytest.mark.parametrize(
    ("family", "knobs", "expected"),
    [
        (
            "highway",
            [{"gate_bias": -2.0}, {"gate_bias": -4.0}],
            ["Highway-21, gate bias −2", "Highway-21, gate bias −4"],
        ),
        (
            "plain",
            [{"init": "he"}, {"init": "glorot", "activation": "tanh"}],
            ["Plain-21, ReLU", "Plain-21, tanh"],
        ),
        ("plain", [{"norm": "batch"}, {}], ["Plain-21, BatchNorm", "Plain-21, no norm"]),
        ("plain", [{}, {}], ["Plain-21 (1)", "Plain-21 (2)"]),
        ("plain", [{}, {"depth": 20}], ["Plain-21", "Plain-20"]),
        ("resnet", [{}, {"branch_scale": 0.1}], ["ResNet-21", "ResNet-21, branch × 0.1"]),
    ],
)
def test_the_knob_that_differs_is_the_name(
    family: str, knobs: list[dict[str, Any]], expected: list[str]
) -> None:
    assert named(family, *knobs) == expected


def test_no_lane_of_a_scene_is_numbered() -> None:
    for key, scene in registry.scenes().items():
        for run, experiment in scene.runs.items():
            names = labels(experiment)
            assert len(set(names)) == len(names) and not any("(1)" in name for name in names), (
                key,
                run,
            )
