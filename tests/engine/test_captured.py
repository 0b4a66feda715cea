"""What a CUDA graph records, run here as the step that it repeats; on CUDA, as the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.engine import captured
from skipviz.engine.captured import WARM_STEPS, Captured
from skipviz.engine.optimise import Sgd
from skipviz.spec import Experiment, Lane

RESNET = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})
HIGHWAY = Lane(family="highway", knobs={"backbone": "cifar", "depth": 10})
STEPS = WARM_STEPS + 4


def experiment(**fields: Any) -> Experiment:
    values = {"lanes": [RESNET, HIGHWAY], "steps": STEPS, "batch_size": 16, "device": "cpu"}
    return Experiment(**(values | {"lr": 0.02} | fields))


def run(record: Callable[[captured.Body], captured.Body] | None, **fields: Any) -> tuple[Any, Any]:
    """Losses of each lane, (steps, lanes), and the training."""
    training = engine.Training(experiment(**fields))
    if record is not None:
        training._captured = Captured(training._alone, record)
    frames = list(training.frames())
    return np.array([[np.ravel(lane.loss) for lane in f.lanes] for f in frames]), training


def same(body: captured.Body) -> captured.Body:
    return body


@pytest.mark.parametrize(
    "fields",
    [{}, {"optimiser": "nesterov", "weight_decay": 0.01}, {"seeds": 2}, {"schedule": "cosine"}],
)
def test_a_recorded_step_gives_the_numbers_of_the_eager_one(fields: dict[str, Any]) -> None:
    expected, eager = run(None, **fields)
    found, training = run(same, **fields)
    assert training._captured.captured
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for ours, theirs in zip(training._alone, eager._alone, strict=True):
        for name, value in ours.net.state_dict().items():
            torch.testing.assert_close(value, theirs.net.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_nothing_is_given_to_a_recorded_step_but_through_its_tensors() -> None:
    """The body runs again with other batches, rates and steps in the tensors that it was made of:
    were one of them copied into Python, the losses would differ."""
    addresses: list[tuple[int, ...]] = []

    def record(body: captured.Body) -> captured.Body:
        made = body.__self__  # type: ignore[attr-defined]

        def replay() -> None:
            held = [made.lr, made.step, *made.ended, *(t for pair in made.batches for t in pair)]
            addresses.append(tuple(t.data_ptr() for t in held))
            body()

        return replay

    run(record)
    assert len(addresses) == STEPS - WARM_STEPS and len(set(addresses)) == 1


def test_a_recording_that_fails_leaves_the_eager_steps_and_says_why() -> None:
    def fails(body: captured.Body) -> captured.Body:
        body_of_a_graph = "operation not permitted when stream is capturing"
        raise RuntimeError(f"{body_of_a_graph}\nmore of it")

    expected, _ = run(None)
    with pytest.warns(UserWarning, match="CUDA graph: operation not permitted"):
        found, training = run(fails)
    assert not training._captured.captured
    assert training._captured.failure == "operation not permitted when stream is capturing"
    np.testing.assert_array_equal(found, expected)
    assert training.engines == ["modules", "modules"]


def test_a_net_that_diverges_in_a_recorded_step_keeps_its_weights() -> None:
    training = engine.Training(experiment(lanes=[RESNET]))
    training._captured = Captured(training._alone, same)
    frames, (pupil,) = training.frames(), training._alone
    for _ in range(WARM_STEPS + 2):
        next(frames)
    with torch.no_grad():
        pupil.net.get_parameter("head.classifier.weight").fill_(float("inf"))
    before = [weight.clone() for weight in pupil.net.parameters()]
    assert not np.isfinite(next(frames).lanes[0].loss)
    assert next(frames).lanes[0].diverged_at == WARM_STEPS + 2
    for weight, kept in zip(pupil.net.parameters(), before, strict=True):
        torch.testing.assert_close(weight, kept, rtol=0, atol=0)


def test_where_the_net_no_longer_learns_no_weight_moves() -> None:
    weight = torch.ones(3, requires_grad=True)
    weight.grad = torch.tensor([1.0, float("nan"), 2.0])
    optimiser = Sgd([weight], 0.1, 0.0, 0.9)
    captured.update(optimiser, torch.tensor(0.1), torch.tensor(False))
    assert weight.tolist() == [1, 1, 1]


def test_adam_and_clipping_are_not_recorded() -> None:
    cuda = torch.device("cuda")
    assert captured.claims(experiment(), cuda)
    assert not captured.claims(experiment(), torch.device("cpu"))
    assert not captured.claims(experiment(optimiser="adam"), cuda)
    assert not captured.claims(experiment(clip=1.0), cuda)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("fields", [{}, {"seeds": 2}, {"schedule": "cosine", "augment": "both"}])
def test_a_cuda_graph_gives_the_numbers_of_the_eager_steps(fields: dict[str, Any]) -> None:
    found, training = run(None, device="cuda", **fields)
    assert training._captured.captured, training._captured.failure
    again, _ = run(None, device="cuda", **fields)
    np.testing.assert_array_equal(found, again)
    eager = engine.Training(experiment(device="cuda", **fields))
    eager._captured = None
    expected = [[np.ravel(lane.loss) for lane in frame.lanes] for frame in eager.frames()]
    np.testing.assert_allclose(found, np.array(expected), rtol=1e-3)
