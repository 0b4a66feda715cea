"""Nets read early, with units swapped and shuffled: beside the modules called by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import probe
from skipviz.datafiles.class_samples import spread
from skipviz.engine.trained import Trained, restore
from skipviz.engine.training import Training
from skipviz.figures import answers
from skipviz.probes import unrolled
from skipviz.store.lane_axes import families, labels

DENSE = {"backbone": "dense", "width": 12, "depth": 7}
BATCHED = {"variant": "relu_before_add", "branch_layers": 1, "norm": "batch"}
LANES = (
    Lane(family="plain", knobs=DENSE | {"init": "he"}),
    Lane(family="resnet", knobs=DENSE | BATCHED),
    Lane(family="highway", knobs=DENSE),
    Lane(family="densenet", knobs={"backbone": "dense", "depth": 5, "growth_rate": 4}),
)
PLAIN, RESIDUAL, HIGHWAY, GROWING = range(len(LANES))
UNITS = 6
SAMPLES = 150


def nets(*lanes: Lane, steps: int) -> Trained:
    training = Training(Experiment(lanes=lanes, steps=steps, lr=0.05, device="cpu"))
    for _ in training.frames():
        pass
    return restore(training.experiment, training.state(), training.batches, 0)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return nets(*LANES, steps=60)


def ask(trained: Trained, **options: Any) -> list[dict[str, Any]]:
    declared = probe("unrolled")
    value = declared.measure(trained, **declared.options({"samples": SAMPLES, **options}))
    lanes: list[dict[str, Any]] = value["lanes"]
    return lanes


def by_hand(trained: Trained, way: Callable[[Tensor], Tensor]) -> tuple[float, float]:
    """Loss and accuracy of some way from images to logits, on the samples that are asked for."""
    rows = torch.from_numpy(spread(len(trained.batches.labels), SAMPLES))
    with torch.no_grad():
        logits = way(trained.batches.pictures(rows)).double()
    labels = trained.batches.labels[rows]
    loss = -logits.log_softmax(1)[torch.arange(len(rows)), labels].mean()
    return float(loss), float((logits.argmax(1) == labels).double().mean())


def run(net: Any, units: Sequence[nn.Module]) -> Callable[[Tensor], Tensor]:
    """The stem, these units, and the head, of a net that is written down in `backbones.Net`."""

    def forward(x: Tensor) -> Tensor:
        x = net.stem(x)
        for unit in units:
            x = unit(x)
        logits: Tensor = net.head(x)
        return logits

    return forward


@pytest.mark.parametrize("lane", [PLAIN, RESIDUAL, HIGHWAY])
def test_early_readings_and_swaps_are_those_of_the_modules_called_by_hand(
    lane: int, trained: Trained
) -> None:
    net: Any = trained.nets[lane]
    units = list(net.stages[0])
    found = ask(trained)[lane]
    whole = by_hand(trained, net)
    assert (found["base"]["loss"], found["base"]["accuracy"]) == pytest.approx(whole, rel=1e-5)
    assert (found["samples"], found["of"]) == (SAMPLES, len(trained.batches.labels))
    assert found["depth"] == list(range(1, UNITS + 2)) and len(units) == UNITS
    for place in range(len(units) + 1):
        right = by_hand(trained, run(net, units[:place]))
        shown = found["loss"][place], found["accuracy"][place]
        assert shown == pytest.approx(right, rel=1e-5)
    swapped = found["swapped"]
    assert swapped["depth"] == found["depth"][2:]
    for first in range(len(units) - 1):
        order = [*units[:first], units[first + 1], units[first], *units[first + 2 :]]
        right = by_hand(trained, run(net, order))
        shown = swapped["loss"][first], swapped["accuracy"][first]
        assert shown == pytest.approx(right, rel=1e-5)
    mean = sum(swapped["accuracy"]) / len(swapped["accuracy"])
    assert found["mean"] == pytest.approx(mean, rel=1e-5)
    assert found["worst"] == min(swapped["accuracy"])
    assert len({*swapped["loss"], *found["loss"]}) == len(swapped["loss"]) + len(found["loss"])


def test_a_shuffled_stretch_is_the_middle_in_an_order_that_is_not_its_own(
    trained: Trained,
) -> None:
    net: Any = trained.nets[RESIDUAL]
    units = list(net.stages[0])
    found = ask(trained, stretch=3, orders=5)[RESIDUAL]["shuffled"]
    assert found["units"] == 3 and len(found["loss"]) == 5
    possible = {
        round(by_hand(trained, run(net, [units[i] for i in (0, *middle, 4, 5)]))[0], 4)
        for middle in ((1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))
    }
    shown = {round(loss, 4) for loss in found["loss"]}
    assert len(possible) == 5 and len(shown) > 1 and shown <= possible
    again = ask(replace(trained, seed_index=1), stretch=3, orders=5)[RESIDUAL]["shuffled"]
    assert again["loss"] != found["loss"]


def test_no_order_that_is_drawn_is_the_trained_one() -> None:
    whole, middle = list(range(6)), [2, 3, 4]
    orders = [unrolled._shuffled(whole, middle, seed=0, number=i) for i in range(100)]
    assert whole not in orders and all(sorted(order) == whole for order in orders)
    assert {tuple(order[2:5]) for order in orders} == {
        (2, 4, 3), (3, 2, 4), (3, 4, 2), (4, 2, 3), (4, 3, 2),
    }  # fmt: skip
    assert all(order[:2] == [0, 1] and order[5] == 5 for order in orders)


def test_a_net_that_grows_is_read_at_its_end_alone_and_no_unit_moves(trained: Trained) -> None:
    found = ask(trained)[GROWING]
    assert len(found["depth"]) == 1 and found["accuracy"] == [found["base"]["accuracy"]]
    assert found["swapped"]["accuracy"] == [] and found["shuffled"] is None
    assert found["mean"] is None and found["worst"] is None


@pytest.mark.slow
def test_units_move_within_a_stage_and_the_head_reads_in_the_last_one() -> None:
    """Three stages of three units: the first of the second and third changes the shape."""
    narrow = {"backbone": "cifar", "depth": 20, "base_channels": 4}
    trained = nets(Lane(family="resnet", knobs=narrow), steps=3)
    (found,) = ask(trained, orders=1)
    assert found["depth"] == [15, 17, 19]
    assert found["swapped"]["depth"] == [5, 7, 13, 19]
    assert found["shuffled"]["units"] == 3
    net: Any = trained.nets[0]
    first, second, third = map(list, net.stages)
    early = by_hand(trained, run(net, [*first, *second, third[0]]))
    assert (found["loss"][0], found["accuracy"][0]) == pytest.approx(early, rel=1e-4)
    moved = [*first, second[0], second[2], second[1], *third]
    assert found["swapped"]["loss"][2] == pytest.approx(by_hand(trained, run(net, moved))[0], 1e-4)


def test_its_figure_draws_every_kind_of_net_and_every_seed(trained: Trained) -> None:
    answer = {"step": trained.step, "lanes": ask(trained, orders=4)}
    names = list(zip(labels(trained.experiment), families(trained.experiment), strict=True))
    figure = answers.of("unrolled")([answer, answer], names, True)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [len(trace.y) for trace in dots] == [2 * 4] * 3
    thick = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert len(thick) == 4 + 3
    assert list(thick[0].y) == pytest.approx(answer["lanes"][0]["accuracy"])
