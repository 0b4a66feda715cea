"""The module engine: what its frames mean, and that nothing but the seed decides them."""

from __future__ import annotations

import io
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane, twin
from skipviz.core.frame import Frame
from skipviz.core.registry import architecture
from skipviz.engine import fused
from skipviz.engine.batches import Batches
from skipviz.engine.exact_sums import norms
from skipviz.engine.nets import make_net

DENSE = {"backbone": "dense", "depth": 6}


def lane(family: str, **knobs: Any) -> Lane:
    return Lane(family=family, knobs=DENSE | knobs)


def run(*lanes: Lane, **fields: Any) -> list[Frame]:
    return list(engine.train(Experiment(lanes=lanes, **({"steps": 5, "device": "cpu"} | fields))))


def flat(frames: list[Frame]) -> np.ndarray:
    """Everything in the frames as one vector."""
    parts = []
    for frame in frames:
        for part in frame.lanes:
            parts += [np.atleast_1d(part.loss), np.atleast_1d(part.error)]
            parts += [part.signal_gradient_norm, part.weight_gradient_norm]
            parts += [part.activation_scale, part.gate_mean]
    return np.concatenate([np.ravel(part) for part in parts])


@pytest.mark.parametrize("family", ["plain", "resnet", "highway", "densenet"])
def test_two_runs_of_one_experiment_give_identical_frames(family: str) -> None:
    np.testing.assert_array_equal(flat(run(lane(family))), flat(run(lane(family))))


def test_another_seed_gives_other_frames() -> None:
    assert not np.array_equal(flat(run(lane("resnet"))), flat(run(lane("resnet"), seed=1)))


def test_frame_zero_is_the_net_at_init_and_steps_follow_each_other() -> None:
    frames = run(lane("plain"), steps=4)
    assert [frame.step for frame in frames] == [0, 1, 2, 3]


def test_a_frame_holds_what_autograd_says_of_the_same_batch() -> None:
    chosen = lane("resnet")
    frame = run(chosen, steps=1)[0].lanes[0]
    net = make_net(chosen, "digits", 0)
    x, y = Batches(Experiment(lanes=[lane("plain")]), torch.device("cpu")).batch(0, 0)
    wiring = architecture("resnet").wiring(chosen.settings("digits"))
    seen: dict[str, torch.Tensor] = {}
    for point in wiring.points:
        net.get_submodule(point.path).register_forward_hook(
            lambda module, args, out, path=point.path: (
                out.retain_grad(),
                seen.update({path: out}),
            )[0]
        )
    logits = net(x)
    loss = torch.nn.functional.cross_entropy(logits, y)
    loss.backward()
    assert frame.loss == pytest.approx(loss.item(), rel=1e-6)
    assert frame.error == pytest.approx((logits.argmax(1) != y).float().mean().item())
    signals = [seen[point.path].grad.double().norm().item() for point in wiring.points]
    np.testing.assert_allclose(frame.signal_gradient_norm, signals, rtol=1e-6)
    weights = [
        net.get_submodule(at.path).weight.grad.double().norm().item() for at in wiring.layers
    ]
    np.testing.assert_allclose(frame.weight_gradient_norm, weights, rtol=1e-6)
    scales = [seen[p.path].double().pow(2).mean().sqrt().item() for p in wiring.points]
    np.testing.assert_allclose(frame.activation_scale, scales, rtol=1e-6)


def test_norms_below_the_square_root_of_float32_are_shown_as_themselves() -> None:
    small = [torch.full((2500,), value / 50) for value in (3.5e-21, 1e-30, 1e-36)]
    assert abs(float(small[1].norm(dtype=torch.float32)) - 1e-30) > 1e-31  # the trap
    np.testing.assert_allclose(norms(small).numpy(), [3.5e-21, 1e-30, 1e-36], rtol=1e-5)


def test_the_plain_net_at_depth_50_loses_its_signal_at_init_and_its_residual_twin_does_not() -> (
    None
):
    deep = Lane(family="resnet", knobs={"backbone": "dense", "depth": 50})
    shared = twin(deep, "digits")
    assert shared is not None and shared[1]
    frame = run(deep, shared[0], steps=1)[0]
    residual, plain = (
        part.signal_gradient_norm[0] / part.signal_gradient_norm[-1] for part in frame.lanes
    )
    assert 0 < plain < 1e-15
    assert residual > 1e-2


@pytest.mark.parametrize("family", ["resnet", "highway"])
def test_a_plain_twin_starts_from_the_weights_of_its_source(family: str) -> None:
    source = lane(family)
    shared = twin(source, "digits")
    assert shared is not None
    weights = make_net(source, "digits", 3).state_dict()
    for name, weight in make_net(shared[0], "digits", 3).state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=0, atol=0)


def test_lanes_see_the_same_batches_whatever_stands_beside_them() -> None:
    alone = run(lane("resnet"))
    beside = run(lane("highway"), lane("resnet"))
    assert [f.lanes[0].loss for f in alone] == [f.lanes[1].loss for f in beside]


def test_an_epoch_shows_every_sample_at_most_once_and_the_next_one_another_order() -> None:
    batches = Batches(Experiment(lanes=[lane("plain")]), torch.device("cpu"))
    per_epoch = len(batches.labels) // 64
    rows = torch.cat([batches._permutation(0, 0)[: per_epoch * 64]])
    assert len(rows.unique()) == per_epoch * 64
    assert not torch.equal(batches._permutation(0, 0), batches._permutation(0, 1))


def test_a_lane_that_diverges_is_marked_and_the_others_go_on() -> None:
    wild = lane("plain", init="he", activation="relu")
    calm = lane("resnet", branch_scale=0.0)
    frames = run(wild, calm, lr=90.0, steps=30)
    at = frames[-1].lanes[0].diverged_at
    assert at is not None and 0 < at < 30
    assert not np.isfinite(frames[at].lanes[0].loss)
    assert all(np.isfinite(frame.lanes[0].loss) for frame in frames[:at])
    assert len(frames) == 30


def test_seeds_become_an_axis_and_do_not_change_the_first_one() -> None:
    one = run(lane("highway"))
    three = run(lane("highway"), seeds=3)
    assert three[0].lanes[0].loss.shape == (3,)
    assert three[0].lanes[0].signal_gradient_norm.shape[0] == 3
    assert [f.lanes[0].loss for f in one] == [f.lanes[0].loss[0] for f in three]
    assert len(set(three[0].lanes[0].loss)) == 3


def test_only_every_nth_step_is_recorded_and_the_last_one() -> None:
    assert [f.step for f in run(lane("plain"), steps=8, record_every=3)] == [0, 3, 6, 7]


def test_a_training_that_was_saved_goes_on_as_if_nothing_had_happened() -> None:
    experiment = Experiment(lanes=[lane("resnet"), lane("highway")], steps=8, device="cpu")
    whole = list(engine.train(experiment))
    first = engine.Training(experiment)
    frames = first.frames()
    head = [next(frames) for _ in range(4)]
    buffer = io.BytesIO()
    torch.save(first.state(), buffer)
    buffer.seek(0)
    second = engine.Training(experiment)
    second.load(torch.load(buffer, weights_only=True))
    np.testing.assert_array_equal(flat(whole), flat(head + list(second.frames())))


@pytest.fixture
def half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step takes half a second by the engine's clock."""
    ticks = count()
    monkeypatch.setattr("skipviz.engine.training.time.perf_counter", lambda: next(ticks) / 2)


def test_a_budget_in_seconds_ends_a_run_with_a_last_step_that_is_recorded_and_evaluated(
    half_a_second: None,
) -> None:
    fields = {"steps": 50, "seconds": 2.0, "record_every": 3, "evaluate_every": 40}
    training = engine.Training(Experiment(lanes=[lane("plain")], device="cpu", **fields))
    frames = list(training.frames())
    assert [frame.step for frame in frames] == [0, 3, 4]
    assert training.over and training.step == 5
    assert frames[-1].lanes[0].held_out_error is not None
    whole = run(lane("plain"), steps=5, seconds=0.0, record_every=3)
    np.testing.assert_array_equal(flat(frames), flat(whole))
    assert not list(training.frames())


def test_the_steps_end_a_run_whose_seconds_are_not_over(half_a_second: None) -> None:
    assert [f.step for f in run(lane("plain"), steps=3, seconds=60)] == [0, 1, 2]


def test_the_seconds_that_were_spent_come_back_with_a_checkpoint(half_a_second: None) -> None:
    experiment = Experiment(lanes=[lane("plain")], steps=50, seconds=2.0, device="cpu")
    first = engine.Training(experiment)
    for frame in first.frames():
        if frame.step == 2:
            break
    second = engine.Training(experiment)
    second.load(first.state())
    assert second.spent_s == 1.5 and not second.over
    assert [frame.step for frame in second.frames()] == [3, 4]


def changed_halfway(lanes: list[Lane]) -> tuple[engine.Training, list[Frame]]:
    """A training of ten steps whose learning rate was changed at steps 3 and 6, and its frames."""
    training = engine.Training(Experiment(lanes=lanes, steps=10, device="cpu"))
    found = []
    for frame in training.frames():
        found.append(frame)
        if frame.step == 2:
            training.change(0.5)
            training.change(0.02)
        if frame.step == 5:
            training.change(0.0)
    return training, found


STACKED_AND_NOT = [lane("resnet"), lane("plain", norm="batch")]


def test_a_run_whose_learning_rate_was_changed_by_hand_is_repeated_from_its_spec() -> None:
    training, frames = changed_halfway(STACKED_AND_NOT)
    spec = Experiment.from_json(training.experiment.to_json())
    assert [change.text() for change in spec.changes] == ["3:lr=0.02", "6:lr=0.0"]
    np.testing.assert_array_equal(flat(frames), flat(list(engine.train(spec))))
    untouched = list(engine.train(spec.with_(changes=())))
    np.testing.assert_array_equal(flat(frames[:4]), flat(untouched[:4]))
    assert not np.array_equal(flat(frames[4:5]), flat(untouched[4:5]))


def test_changes_by_hand_come_back_with_a_checkpoint() -> None:
    training, frames = changed_halfway(STACKED_AND_NOT)
    first = engine.Training(training.experiment.with_(changes=()))
    head = []
    for frame in first.frames():
        head.append(frame)
        if frame.step == 2:
            first.change(0.02)
        if frame.step == 3:
            break
    second = engine.Training(first.experiment.with_(changes=()))
    second.load(first.state())
    assert [change.text() for change in second.experiment.changes] == ["3:lr=0.02"]
    rest = []
    for frame in second.frames():
        rest.append(frame)
        if frame.step == 5:
            second.change(0.0)
    np.testing.assert_array_equal(flat(frames), flat(head + rest))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_identical_frames_and_nearly_those_of_the_cpu() -> None:
    gpu = flat(run(lane("resnet"), device="cuda"))
    np.testing.assert_array_equal(gpu, flat(run(lane("resnet"), device="cuda")))
    np.testing.assert_allclose(gpu, flat(run(lane("resnet"))), rtol=1e-3)


def test_what_dropout_drops_depends_on_the_seed_and_the_step_alone() -> None:
    knobs = {"backbone": "fitnet", "depth": 10, "dropout": True}
    dropping = Lane(family="highway", knobs=knobs)
    fields = {"data": "shapes", "batch_size": 4, "steps": 4, "lr": 1e-4, "device": "cpu"}
    experiment = Experiment(lanes=[dropping], **fields)  # type: ignore[arg-type]
    whole = [frame.lanes[0].loss for frame in engine.train(experiment)]
    one, other = engine.Training(experiment), engine.Training(experiment)
    steps = one.frames()
    head = [next(steps).lanes[0].loss for _ in range(2)]
    torch.rand(7)  # somebody else draws
    other.load(one.state())
    assert head + [frame.lanes[0].loss for frame in other.frames()] == whole
    assert [frame.lanes[0].loss for frame in engine.train(experiment.with_(seed=1))] != whole


def test_what_a_lane_drops_does_not_depend_on_what_is_trained_beside_it() -> None:
    knobs = {"backbone": "dense", "depth": 4, "norm": "batch"}
    lanes = [Lane(family="plain", knobs=knobs | {"drop_rate": rate}) for rate in (0.1, 0.3)]
    fields = {"data": "digits", "batch_size": 16, "steps": 4, "lr": 0.01, "device": "cpu"}
    pair = list(engine.train(Experiment(lanes=lanes, seeds=2, **fields)))  # type: ignore[arg-type]
    for i, lane_alone in enumerate(lanes):
        alone = list(engine.train(Experiment(lanes=[lane_alone], **fields)))  # type: ignore[arg-type]
        assert [frame.lanes[i].loss[0] for frame in pair] == [
            frame.lanes[0].loss for frame in alone
        ]


@pytest.mark.parametrize("on", ["0", "1"])
def test_nets_with_stochastic_depth_stand_in_stacks_and_those_of_maps_in_the_kernels(
    on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_FUSED", on)
    knobs = {"backbone": "dense", "depth": 7, "survival": 0.5}
    lanes = [
        Lane(family="resnet", knobs=knobs),
        Lane(family="resnet", knobs={"depth": 8, "survival": 0.5}),
    ]
    of = Experiment(lanes=lanes, data="shapes", steps=1, batch_size=4, device="cpu")
    expected = ["fused", "fused"] if fused.available() else ["stacked", "modules"]
    assert engine.Training(of).engines == expected
