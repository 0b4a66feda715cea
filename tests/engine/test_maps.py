"""Gates and outputs cell by cell: the recorded maps are what the modules compute, and gates made by
hand give the maps that they must."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.map_plan import MAPS_PER_RUN, every, pictures
from skipviz.datafiles.class_samples import sample_of_each_class
from skipviz.engine.maps import Maps

DENSE = {"backbone": "dense", "depth": 6, "width": 12}
NAMES = ("gate_bias_map", "gate_mean_map", "gate_map", "output_map")


def experiment(*twins: bool, **fields: Any) -> Experiment:
    knobs = DENSE | fields.pop("knobs", {})
    lanes = [
        Lane(family="highway", knobs=knobs | ({"plain_twin": True} if twin else {}))
        for twin in twins
    ]
    return Experiment(lanes=lanes, **({"steps": 7, "lr": 0.3, "device": "cpu"} | fields))


def dict_of(lane: Any) -> dict[str, Any]:
    return {name: getattr(lane, name) for name in NAMES if getattr(lane, name) is not None}


def seen_by_hooks(net: Any, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """T and y of every gated unit, (B, U, C), from the module's own forward."""
    found: dict[str, list[torch.Tensor]] = {"gate": [], "output": []}
    hooks = []
    for unit in net.stages[0]:
        keep = lambda name: lambda m, a, out: found[name].append(out.detach())  # noqa: E731
        hooks.append(unit.transform_gate.register_forward_hook(keep("gate")))
        hooks.append(unit.register_forward_hook(keep("output")))
    net(images)
    for hook in hooks:
        hook.remove()
    return tuple(torch.stack(found[name], 1).numpy() for name in ("gate", "output"))


def test_recorded_maps_are_what_the_module_computes_after_some_training() -> None:
    training = engine.Training(experiment(False))
    frames = list(training.frames())
    with_maps = [frame for frame in frames if frame.lanes[0].gate_map is not None]
    assert [frame.step for frame in with_maps] == [0, 5, 6]
    again = engine.Training(experiment(False))
    for _ in zip(range(6), again.frames(), strict=False):
        pass  # as frame 6 is measured: before the update of step 6
    again.state()  # gives the modules their weights
    net, batches, picture = again.lanes[0][0].net, again.batches, again._maps.pictures[0]
    assert picture is not None and again.step == 6
    rows = sample_of_each_class(again.experiment, picture.samples)[0]
    gates, outputs = seen_by_hooks(net, batches.pictures(torch.from_numpy(rows)))
    lane = with_maps[-1].lanes[0]
    assert lane.gate_map is not None and lane.gate_map.shape == (10, 5, 12)
    np.testing.assert_allclose(lane.gate_map, gates, atol=1e-3)
    np.testing.assert_allclose(lane.output_map, outputs, atol=1e-3)
    images = again._maps._samples(picture)
    assert len(images) == 10 + picture.averaged
    mean = seen_by_hooks(net, images[10:])[0].mean(0)
    np.testing.assert_allclose(lane.gate_mean_map, mean, atol=1e-3)
    for row, unit in zip(lane.gate_bias_map, net.stages[0], strict=True):
        np.testing.assert_array_equal(row, unit.transform_gate.linear1.bias.detach().numpy())
    assert (lane.gate_bias_map != -2).any() and (with_maps[0].lanes[0].gate_bias_map == -2).all()


def test_maps_leave_no_trace_in_the_training() -> None:
    few, many = experiment(False, True, steps=7), experiment(False, True, steps=7)
    without = engine.Training(few)
    without._maps.due = lambda *_: False  # type: ignore[method-assign]
    plain = [frame.lanes[0].loss for frame in without.frames()]
    assert plain == [frame.lanes[0].loss for frame in engine.train(many)]


def by_hand(bias: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """The maps of a net whose gates do not look at x, and of its plain twin."""
    training = engine.Training(experiment(False, True))
    for _ in zip(range(1), training.frames(), strict=False):
        pass
    training.state()
    nets: list[Any] = [trainers[0].net for trainers in training.lanes]
    with torch.no_grad():
        for unit in nets[0].stages[0]:
            unit.transform_gate.linear1.weight.zero_()
            unit.transform_gate.linear1.bias.fill_(bias)
        nets[1].load_state_dict(nets[0].state_dict(), strict=False)
    maps = [training._maps.of(i, net) for i, net in enumerate(nets)]
    return maps[0], maps[1]


def test_closed_gates_carry_every_cell_through_all_layers() -> None:
    maps, _ = by_hand(-100)
    assert (maps["gate_map"] == 0).all() and (maps["gate_mean_map"] == 0).all()
    outputs = maps["output_map"]
    np.testing.assert_array_equal(outputs, np.broadcast_to(outputs[:, :1], outputs.shape))
    assert np.ptp(outputs) > 0.5 and (maps["gate_bias_map"] == -100).all()


def test_open_gates_are_the_plain_twin() -> None:
    maps, twin = by_hand(100)
    assert (maps["gate_map"] == 1).all()
    np.testing.assert_allclose(maps["output_map"], twin["output_map"], atol=1e-3)
    assert set(twin) == {"output_map"}


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_weights_in_a_stack_and_modules_with_hooks_give_the_same(
    activation: str, seeds: int
) -> None:
    training = engine.Training(
        experiment(True, False, knobs={"activation": activation}, seeds=seeds, lr=0.05)
    )
    for _ in zip(range(3), training.frames(), strict=False):
        pass
    assert set(training._chains) == {0, 1}
    quick = training._drawn()
    training.state()
    for i, trainers in enumerate(training.lanes):
        slow = training._maps.of(i, trainers[0].net)
        assert set(slow) == set(quick[i])
        for name in slow:
            np.testing.assert_allclose(quick[i][name], slow[name], atol=2e-3)


def test_a_net_with_a_carry_gate_of_its_own_is_drawn_by_its_module() -> None:
    training = engine.Training(experiment(False, knobs={"carry": "learned"}))
    assert not training._chains
    assert training._drawn()[0]["gate_map"].shape == (10, 5, 12)


def test_convolutional_highways_draw_one_cell_a_channel_and_narrow_units_end_with_nan() -> None:
    knobs = {"backbone": "cifar", "depth": 10}
    lanes = [
        Lane(family="highway", knobs=knobs | ({"plain_twin": True} if t else {}))
        for t in (True, False)
    ]
    few = Experiment(lanes=lanes, steps=1, batch_size=8, device="cpu")
    twin, lane = next(engine.train(few)).lanes
    assert lane.gate_map is not None and lane.gate_map.shape == (10, 6, 64)
    assert twin.output_map is not None and twin.output_map.shape == (10, 6, 64)
    assert np.isnan(lane.gate_map[:, :2, 16:]).all()
    assert np.isfinite(lane.gate_map[:, 4:]).all() and np.isfinite(lane.gate_map[:, 0, :16]).all()
    np.testing.assert_array_equal(np.isnan(lane.gate_map), np.isnan(twin.output_map))


def test_gates_that_are_not_learned_have_no_biases() -> None:
    frame = next(engine.train(experiment(False, knobs={"gate": "0.25"}, steps=1)))
    lane = frame.lanes[0]
    assert np.isnan(lane.gate_bias_map).all()
    np.testing.assert_allclose(lane.gate_map, 0.25)


def test_gates_that_are_fixed_are_drawn_as_they_are_where_a_stack_trains_them() -> None:
    """Their maps come from the module, which must have the weights of the stack."""
    knobs = {"backbone": "dense", "depth": 4, "width": 8, "gate": 0.25, "carry": 1.0}
    training = engine.Training(
        Experiment(lanes=[Lane(family="highway", knobs=knobs)], steps=12, lr=0.1, device="cpu")
    )
    assert training.stacks[0][0].shape.fixed == (0.25, 1.0)
    lane = list(training.frames())[-1].lanes[0]
    assert lane.gate_map is not None and (lane.gate_map == 0.25).all()
    np.testing.assert_allclose(lane.gate_mean, 0.25, rtol=1e-6)
    again = engine.Training(training.experiment)  # the last maps are those before the last update
    for _ in zip(range(11), again.frames(), strict=False):
        pass
    again.state()
    net: Any = again.lanes[0][0].net
    rows = sample_of_each_class(again.experiment, 10)[0]
    with torch.no_grad():
        x = net.stem(again.batches.pictures(torch.from_numpy(rows)))
        for row, unit in enumerate(net.stages[0]):
            x = unit.transform(x) * 0.25 + x
            np.testing.assert_allclose(lane.output_map[:, row], x, atol=2e-3)


def test_lanes_without_gates_are_drawn_only_beside_gated_ones() -> None:
    assert pictures(experiment(True)) == [None]
    pair = pictures(experiment(True, False))
    assert pair[0] is not None and pair[1] is not None
    assert [u.path for u in pair[0].units] == [u.path for u in pair[1].units]
    assert (pair[0].averaged, pair[0].bias, pair[1].bias) == (0, None, -2.0)
    residual = Lane(family="resnet", knobs={"backbone": "dense", "depth": 5})
    assert pictures(Experiment(lanes=[residual])) == [None]


def test_very_large_nets_show_fewer_samples() -> None:
    sizes = [(20, 50), (100, 50), (1000, 50)]
    shown = [pictures(experiment(False, knobs={"depth": d, "width": w}))[0] for d, w in sizes]
    assert [picture.samples for picture in shown if picture] == [10, 5, 1]


@pytest.mark.parametrize(("steps", "record_every"), [(1, 1), (40, 1), (600, 1), (600, 7), (999, 1)])
def test_maps_are_spread_evenly_and_the_last_step_has_some(steps: int, record_every: int) -> None:
    of = experiment(False, steps=steps, record_every=record_every)
    maps = Maps(of, engine.Training(of).batches)
    recorded = [s for s in range(steps) if s % record_every == 0 or s == steps - 1]
    due = [s for s in recorded if maps.due(s, s == steps - 1, 0.0)]
    assert due[0] == 0 and due[-1] == steps - 1 and len(due) <= MAPS_PER_RUN + 1
    assert max(np.diff(due), default=0) <= every(of) + record_every


def test_a_long_run_shows_maps_early() -> None:
    of = experiment(False, steps=200_000, record_every=2)
    maps = Maps(of, engine.Training(of).batches)
    due = [s for s in range(0, 14_000, 2) if maps.due(s, False, 0.0)]
    assert due == [0, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 6668, 13334]


def test_a_budget_of_seconds_is_divided_into_as_many_parts() -> None:
    of = experiment(False, steps=10_000, seconds=10)
    maps = Maps(of, engine.Training(of).batches)
    due = [s for s in range(1000) if maps.due(s, s == 999, s / 100)]
    assert due[:3] == [0, 34, 67] and len(due) == MAPS_PER_RUN + 1
