"""What a CUDA graph records, run here as the step that it repeats; on CUDA, as the graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame
from skipviz.engine import cuda_graph
from skipviz.engine.cuda_graph import ROWS, WARM_STEPS, GraphedSteps
from skipviz.engine.instruments import Instruments

PLAIN = Lane(family="plain", knobs={"backbone": "cifar", "depth": 8})
RESNET = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})
DENSENET = Lane(family="densenet", knobs={"backbone": "cifar", "depth": 10})
HIGHWAY = Lane(family="highway", knobs={"backbone": "cifar", "depth": 10})
FITNET, DROPPING = (
    Lane(family="highway", knobs={"backbone": "fitnet", "depth": 10, "dropout": dropout})
    for dropout in (False, True)
)
BRIEF = [RESNET, HIGHWAY]
STEPS = WARM_STEPS + 4
LR = 2.0**-6
"""A learning rate that float32 holds exactly, as the device holds it."""

WAYS: list[dict[str, Any]] = [
    {},
    {"optimiser": "nesterov", "weight_decay": 0.01},
    {"momentum": 0.0},
    {"optimiser": "adam", "weight_decay": 0.01, "lr": 2.0**-10},
    {"optimiser": "adamw", "weight_decay": 0.1, "lr": 2.0**-10, "clip": 0.5},
    {"clip": 0.5},
    {"seeds": 2, "label_noise": 0.3},
    {"augment": "both"},
    {"record_every": 3},
]


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on CUDA, where convolutional nets are modules."""
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")


def experiment(**fields: Any) -> Experiment:
    values = {"lanes": BRIEF, "steps": STEPS, "batch_size": 16, "device": "cpu", "lr": LR}
    return Experiment(**(values | fields))


def same(body: cuda_graph.Body) -> cuda_graph.Body:
    return body


def made(
    record: Callable[[cuda_graph.Body], cuda_graph.Body] | None = None, **fields: Any
) -> engine.Training:
    """A training whose module lanes are recorded by `record`, or not at all."""
    training = engine.Training(experiment(**fields))
    training._graphed = record and GraphedSteps(training._module_trainers, training.batches, record)
    return training


def exact(training: engine.Training) -> engine.Training:
    """The same in float64, from the same first weights."""
    for trainer in training._module_trainers:
        trainer.net.double()
        vars(trainer).pop("optimiser", None)  # made anew of these weights
    single = training.batches.standardise
    training.batches.standardise = lambda images: single(images).double()  # type: ignore[method-assign]
    return training


def losses(frames: list[Frame]) -> np.ndarray:
    """(steps, lanes, seeds)."""
    return np.array([[np.ravel(lane.loss) for lane in frame.lanes] for frame in frames])


def agree(ours: engine.Training, theirs: engine.Training, *, to: float) -> None:
    for mine, other in zip(ours._module_trainers, theirs._module_trainers, strict=True):
        for name, value in mine.net.state_dict().items():
            torch.testing.assert_close(value, other.net.state_dict()[name], rtol=to, atol=to)


@pytest.mark.slow
@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_a_recorded_step_gives_the_numbers_of_the_eager_one_to_nine_digits(
    fields: dict[str, Any],
) -> None:
    eager, training = exact(made(**fields)), exact(made(same, **fields))
    expected, found = list(eager.frames()), list(training.frames())
    assert training._graphed is not None and training._graphed.is_recorded
    assert [frame.step for frame in found] == [frame.step for frame in expected]
    np.testing.assert_allclose(losses(found), losses(expected), rtol=1e-9)
    for ours, theirs in zip(found, expected, strict=True):
        for lane, other in zip(ours.lanes, theirs.lanes, strict=True):
            np.testing.assert_array_equal(lane.error, other.error)
            for name in ("signal_gradient_norm", "weight_gradient_norm", "activation_scale"):
                np.testing.assert_allclose(getattr(lane, name), getattr(other, name), rtol=1e-8)
    agree(training, eager, to=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("lane", [PLAIN, RESNET, DENSENET, HIGHWAY], ids=lambda lane: lane.family)
def test_every_family_is_recorded_with_a_learning_rate_that_changes(lane: Lane) -> None:
    fields = {"lanes": [lane], "schedule": "cosine"}
    eager, training = exact(made(**fields)), exact(made(same, **fields))
    np.testing.assert_allclose(  # the device holds the rate in float32
        losses(list(training.frames())), losses(list(eager.frames())), rtol=1e-6
    )
    agree(training, eager, to=1e-6)


def test_nothing_is_given_to_a_recorded_step_but_through_its_tensors() -> None:
    """The body runs again with other batches, rates and steps in the tensors that it was made of:
    were one of them copied into Python, the losses would differ."""
    addresses: list[tuple[int, ...]] = []

    def record(body: cuda_graph.Body) -> cuda_graph.Body:
        of: GraphedSteps = body.__self__  # type: ignore[attr-defined]

        def replay() -> None:
            held = (of.indices, of.lr, of.step, of.row, of.table, of.ended)
            weights = [w for p in of.trainers for w in p.net.parameters()]
            addresses.append(tuple(t.data_ptr() for t in (*held, *weights)))
            body()

        return replay

    list(made(record, augment="both", seeds=2).frames())
    assert len(addresses) == STEPS - WARM_STEPS and len(set(addresses)) == 1


class Stays(TorchDispatchMode):
    """Carries every operation out on a device without data, those of the backward pass too: what
    asks it for a number fails there, as it would while a graph is recorded. `left`: operations that
    had a tensor elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.left = 0, set[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        fused = str(func).startswith("aten._fused")  # torch has none without data
        found = None if fused else func(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, found)) if isinstance(t, torch.Tensor)]
        if {t.device.type for t in tensors} - {"meta"}:
            self.left.add(str(func))
        self.count += 1
        return found


@pytest.mark.slow
@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_a_recorded_step_asks_the_device_for_nothing_and_takes_nothing_from_the_host(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = made(lanes=[PLAIN, RESNET, DENSENET, HIGHWAY], **fields)
    feed, nowhere = training.batches, torch.device("meta")
    feed._noisy = {
        seed: feed.training_labels(seed).to(nowhere) for seed in range(feed.experiment.seeds)
    }
    feed.device = nowhere
    for name in ("images", "labels", "mean", "std"):
        setattr(feed, name, getattr(feed, name).to(nowhere))
    for trainer in training._module_trainers:
        trainer.net.to(nowhere)
        trainer.instruments = Instruments(trainer.net, trainer.instruments.wiring)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it knows no such place
    step = GraphedSteps(training._module_trainers, feed, same)
    with Stays():
        step._tell(0)
        step._body()  # the first finds what readings are divided by
    with Stays() as seen:
        step._body()
    assert seen.count > 500 and not seen.left


def test_what_looks_on_sees_a_number_that_is_asked_for_and_a_tensor_of_the_host() -> None:
    nowhere = torch.zeros(3, device="meta")
    with Stays() as seen:
        nowhere.sum()
        assert not seen.left
        nowhere.mul_(torch.tensor(2.0))
        assert "aten.mul_.Tensor" in seen.left
        with pytest.raises(RuntimeError, match="item"):
            nowhere.sum().item()
        with pytest.raises(RuntimeError, match="no data"):
            nowhere.cpu()


def test_the_host_reads_many_steps_at_once_and_every_frame_comes_in_its_turn() -> None:
    training = made(same, steps=2 * ROWS + 3, lanes=[RESNET], batch_size=4)
    told = [[frame.step for frame in frames] for frames in training.steps()]
    assert [len(steps) for steps in told if steps] == [ROWS, ROWS, 3]
    assert sum(told, []) == list(range(2 * ROWS + 3))


def test_who_wants_to_see_is_shown_all_steps_that_were_made() -> None:
    training = made(same, lanes=[RESNET])
    steps = training.steps()
    assert [next(steps) for _ in range(3)] == [[], [], []]
    assert [frame.step for frame in training.read()] == [0, 1, 2]
    assert training.read() == []
    next(steps)
    training.state()  # looks at the nets; the frame is kept
    assert [frame.step for frame in training.read()] == [3]
    assert [frame.step for frames in steps for frame in frames] == [4, 5, 6, 7]


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"optimiser": "adam", "lr": 2.0**-10}], ids=str)
def test_a_recorded_run_goes_on_where_its_checkpoint_was_made(fields: dict[str, Any]) -> None:
    whole = list(made(same, **fields).frames())
    first, second = made(same, **fields), made(same, **fields)
    steps = first.steps()
    for _ in range(5):
        next(steps)
    second.load(first.state())
    np.testing.assert_array_equal(
        losses(whole), losses([*first.read(), *(f for fs in second.steps() for f in fs)])
    )


def test_a_recording_that_fails_leaves_the_same_steps_to_run_eagerly_and_says_why() -> None:
    def fails(body: cuda_graph.Body) -> cuda_graph.Body:
        body_of_a_graph = "operation not permitted when stream is capturing"
        raise RuntimeError(f"{body_of_a_graph}\nmore of it")

    expected = losses(list(made(same).frames()))
    training = made(fails)
    assert training.engines == ["CUDA graph", "CUDA graph"]
    with pytest.warns(UserWarning, match="CUDA graph: operation not permitted"):
        found = losses(list(training.frames()))
    assert training._graphed is not None and not training._graphed.is_recorded
    np.testing.assert_array_equal(found, expected)
    why = "operation not permitted when stream is capturing"
    assert training.engines == [f"modules (no CUDA graph: {why})"] * 2


def test_lanes_beside_stacked_ones_see_the_same_batches() -> None:
    dense = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})
    eager, training = made(lanes=[dense, RESNET]), made(same, lanes=[dense, RESNET])
    expected, found = losses(list(eager.frames())), losses(list(training.frames()))
    np.testing.assert_array_equal(found[:, 0], expected[:, 0])
    np.testing.assert_allclose(found[:, 1], expected[:, 1], rtol=1e-4)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_net_that_diverges_in_a_recorded_step_keeps_its_weights(optimiser: str) -> None:
    training = made(same, lanes=[RESNET], optimiser=optimiser)
    (trainer,), steps = training._module_trainers, training.steps()
    for _ in range(WARM_STEPS + 2):
        next(steps)
    with torch.no_grad():
        trainer.net.get_parameter("head.classifier.weight").fill_(float("inf"))
    before = [weight.clone() for weight in trainer.net.parameters()]
    frames = [frame for frames in steps for frame in frames]
    ends = [frame.lanes[0].diverged_at for frame in frames]
    assert ends == [None] * (WARM_STEPS + 2) + [WARM_STEPS + 2] * 2
    assert not np.isfinite(frames[-1].lanes[0].loss)
    for weight, kept in zip(trainer.net.parameters(), before, strict=True):
        torch.testing.assert_close(weight, kept, rtol=0, atol=0)
    again = made(same, lanes=[RESNET], optimiser=optimiser)
    again.load(training.state() | {"over": False, "step": STEPS - 1})
    assert [frame.lanes[0].diverged_at for frame in again.frames()] == [WARM_STEPS + 2]


def test_on_cuda_every_optimiser_is_recorded_and_on_the_cpu_none() -> None:
    assert cuda_graph.claims(torch.device("cuda"))
    assert not cuda_graph.claims(torch.device("cpu")) and not cuda_graph.claims(torch.device("mps"))


# --- on CUDA

gpu = pytest.mark.gpu
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def on_cuda(eager: bool = False, **fields: Any) -> tuple[list[Frame], engine.Training]:
    training = engine.Training(experiment(**({"device": "cuda", "steps": 20} | fields)))
    if eager:
        training._graphed = None
    return list(training.frames()), training


@gpu
@needs_cuda
@pytest.mark.parametrize("fields", [*WAYS, {"schedule": "cosine"}], ids=str)
@pytest.mark.parametrize(
    "lane", [PLAIN, RESNET, DENSENET, HIGHWAY], ids=lambda lane: str(lane.family)
)
def test_a_cuda_graph_gives_the_numbers_of_the_eager_steps(
    lane: Lane, fields: dict[str, Any]
) -> None:
    frames, training = on_cuda(lanes=[lane], **fields)
    assert training._graphed is not None
    assert training._graphed.is_recorded, training._graphed.failure
    expected, eager = on_cuda(eager=True, lanes=[lane], **fields)
    assert [frame.step for frame in frames] == [frame.step for frame in expected]
    np.testing.assert_allclose(losses(frames), losses(expected), rtol=2e-3)
    agree(training, eager, to=5e-3)


@gpu
@needs_cuda
@pytest.mark.parametrize("fields", WAYS, ids=str)
def test_two_runs_in_cuda_graphs_are_identical_and_lanes_do_not_touch_each_other(
    fields: dict[str, Any],
) -> None:
    together, again = on_cuda(**fields)[0], on_cuda(**fields)[0]
    np.testing.assert_array_equal(losses(together), losses(again))
    alone, _ = on_cuda(lanes=[RESNET], **fields)
    np.testing.assert_array_equal(losses(alone)[:, 0], losses(together)[:, 0])


@gpu
@needs_cuda
def test_a_run_on_cuda_goes_on_where_its_checkpoint_was_made() -> None:
    fields: dict[str, Any] = {"augment": "both", "lanes": [RESNET, DROPPING], "data": "shapes"}
    whole, _ = on_cuda(**fields)
    parts = [engine.Training(experiment(device="cuda", steps=20, **fields)) for _ in range(2)]
    steps = parts[0].steps()
    for _ in range(9):
        next(steps)
    parts[1].load(parts[0].state())
    found = [*parts[0].read(), *parts[1].frames()]
    np.testing.assert_array_equal(losses(found), losses(whole))


@gpu
@needs_cuda
def test_dropout_is_drawn_anew_in_every_replay() -> None:
    """Every batch is the whole set, and the weights hardly move: only dropout tells steps apart."""
    all_of_it: dict[str, Any] = {"data": "shapes", "subset": 2, "batch_size": 20, "lr": 1e-9}
    found, training = on_cuda(lanes=[DROPPING], **all_of_it)
    assert training._graphed is not None and training._graphed.is_recorded
    assert len(set(losses(found).ravel()[WARM_STEPS:])) > 10
    np.testing.assert_array_equal(losses(found), losses(on_cuda(lanes=[DROPPING], **all_of_it)[0]))
    eager, _ = on_cuda(eager=True, lanes=[DROPPING], **all_of_it)
    np.testing.assert_allclose(losses(found), losses(eager), rtol=1e-3)
    without = losses(on_cuda(lanes=[FITNET], **all_of_it)[0]).ravel()
    np.testing.assert_allclose(without, without[0], rtol=1e-4)


@gpu
@needs_cuda
def test_bfloat16_is_recorded_too() -> None:
    fields: dict[str, Any] = {"precision": "bfloat16", "lanes": [RESNET, DENSENET]}
    found, training = on_cuda(**fields)
    assert training._graphed is not None and training._graphed.is_recorded
    np.testing.assert_array_equal(losses(found), losses(on_cuda(**fields)[0]))
    expected = losses(on_cuda(eager=True, **fields)[0])
    np.testing.assert_allclose(losses(found)[:5], expected[:5], rtol=0.02)


@gpu
@needs_cuda
def test_held_out_looks_between_replays_leave_no_trace() -> None:
    looked, training = on_cuda(evaluate_every=5)
    assert training._graphed is not None and training._graphed.is_recorded
    np.testing.assert_array_equal(losses(looked), losses(on_cuda()[0]))
    assert looked[5].lanes[0].held_out_loss is not None


@gpu
@needs_cuda
def test_a_recorded_step_does_not_wait_for_the_device() -> None:
    fields = {"lanes": [PLAIN, RESNET], "steps": 4 * ROWS, "augment": "both"}  # no maps are indices
    training = engine.Training(experiment(device="cuda", **fields))
    steps = training.steps()
    for _ in range(ROWS + 1):
        next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):  # no new epoch, no new throws, and the table is not full
            assert next(steps) == []
    finally:
        torch.cuda.set_sync_debug_mode("default")


@gpu
@needs_cuda
def test_what_cannot_be_recorded_runs_eagerly_on_cuda_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = GraphedSteps._body

    def waits(self: GraphedSteps) -> None:
        body(self)
        if torch.cuda.is_current_stream_capturing():
            self.lr.item()

    expected, _ = on_cuda()
    monkeypatch.setattr(GraphedSteps, "_body", waits)
    with pytest.warns(UserWarning, match="CUDA graph"):
        frames, training = on_cuda()
    assert training._graphed is not None and training._graphed.failure
    assert training.engines[0].startswith("modules (no CUDA graph")
    np.testing.assert_allclose(losses(frames), losses(expected), rtol=1e-5)
