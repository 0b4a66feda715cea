"""Evaluation while training: what it measures, and that training does not notice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame
from skipviz.core.registry import probe
from skipviz.engine.batches import Batches
from skipviz.engine.evaluate import MOST_HELD_OUT, STATISTICS_BATCHES, Evaluator
from skipviz.engine.nets import make_net
from skipviz.engine.trained import restore
from tests.engine.test_training import flat

DENSE = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})
NORMED = Lane(family="plain", knobs={"backbone": "dense", "depth": 6, "norm": "batch"})
CONV = Lane(family="highway", knobs={"backbone": "cifar", "depth": 10, "norm": "batch"})


def run(*lanes: Lane, **fields: Any) -> list[Frame]:
    fields = {"steps": 9, "evaluate_every": 4, "lr": 0.05, "device": "cpu"} | fields
    return list(engine.train(Experiment(lanes=lanes, **fields)))


@pytest.mark.slow
@pytest.mark.parametrize("lanes", [(DENSE, NORMED), (CONV,)], ids=["dense", "convolutional"])
def test_curves_with_and_without_evaluation_are_identical(lanes: tuple[Lane, ...]) -> None:
    fields = {"steps": 6, "batch_size": 16}
    without = run(*lanes, evaluate_every=0, **fields)
    np.testing.assert_array_equal(flat(run(*lanes, evaluate_every=2, **fields)), flat(without))
    assert all(frame.lanes[0].held_out_loss is None for frame in without)


def test_every_kth_step_and_the_last_one_are_evaluated_and_recorded() -> None:
    frames = run(DENSE, NORMED, steps=11, record_every=5)
    assert [frame.step for frame in frames] == [0, 4, 5, 8, 10]
    for i in range(2):
        known = [f.step for f in frames if f.lanes[i].held_out_error is not None]
        assert known == [f.step for f in frames if f.lanes[i].held_out_loss is not None]
        assert known == [0, 4, 8, 10]


def test_at_step_zero_it_is_the_held_out_loss_of_the_net_at_init() -> None:
    frame = run(DENSE, steps=1)[0].lanes[0]
    batches = Batches(Experiment(lanes=[DENSE]), torch.device("cpu"))
    net = make_net(DENSE, "digits", 0).eval()
    with torch.no_grad():
        logits = net(batches.standardise(batches.held_images))
    expected = torch.nn.functional.cross_entropy(logits, batches.held_labels)
    assert frame.held_out_loss == pytest.approx(expected.item(), rel=1e-6)
    wrong = (logits.argmax(1) != batches.held_labels).double().mean().item()
    assert frame.held_out_error == pytest.approx(wrong)


def test_statistics_are_the_average_over_fixed_batches_and_nothing_else_changes() -> None:
    experiment = Experiment(lanes=[NORMED], device="cpu")
    batches = Batches(experiment, torch.device("cpu"))
    net = make_net(NORMED, "digits", 0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    evaluator = Evaluator(batches)
    evaluator.reestimate_batchnorm(net)
    norm = next(m for m in net.modules() if isinstance(m, torch.nn.BatchNorm1d))
    seen: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    for rows in evaluator._batches:
        net(batches.pictures(rows))
    assert len(seen) == STATISTICS_BATCHES and net.training and norm.momentum == 0.1
    means, variances = ([getattr(x, of)(0) for x in seen] for of in ("mean", "var"))
    evaluator.reestimate_batchnorm(net)
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack(variances).mean(0))
    for name, value in net.state_dict().items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_without_it_the_statistics_lag_and_held_out_error_reads_too_high() -> None:
    training = engine.Training(
        Experiment(lanes=[NORMED], steps=12, lr=0.05, batch_size=128, device="cpu")
    )
    steps = training.steps()
    for _ in range(12):
        next(steps)
    training.state()  # gives the modules what the stack holds
    net = training.lanes[0][0].net
    evaluator = Evaluator(training.batches)
    images, labels = evaluator._held
    net.eval()
    with torch.no_grad():
        lagging = torch.nn.functional.cross_entropy(
            net(training.batches.standardise(images)), labels
        )
    assert lagging.item() > 1.2 * evaluator.evaluate(net)[0]


def test_what_is_measured_afterwards_has_the_statistics_of_the_last_weights() -> None:
    training = engine.Training(
        Experiment(lanes=[NORMED], steps=10, evaluate_every=5, lr=0.05, device="cpu")
    )
    list(training.frames())
    now = Evaluator(training.batches).evaluate(training.lanes[0][0].net)
    trained = restore(training.experiment, training.state(), training.batches, 0)
    found = probe("predictions").measure(trained, pictures=1)["lanes"][0]
    assert found["error"] == pytest.approx(now[1])


def test_every_seed_is_evaluated_and_the_first_as_if_it_were_alone() -> None:
    one, three = run(NORMED), run(NORMED, seeds=3)
    for alone, beside in zip(one, three, strict=True):
        if alone.lanes[0].held_out_loss is not None:
            assert beside.lanes[0].held_out_loss.shape == (3,)
            assert beside.lanes[0].held_out_loss[0] == alone.lanes[0].held_out_loss
            assert beside.lanes[0].held_out_error[0] == alone.lanes[0].held_out_error


def test_of_a_large_split_an_even_spread_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skipviz.engine.evaluate.MOST_HELD_OUT", 36)
    batches = Batches(Experiment(lanes=[DENSE]), torch.device("cpu"))
    assert len(batches.held_labels) == 360 < MOST_HELD_OUT
    images, labels = Evaluator(batches)._held
    assert len(labels) == 36 and len(set(labels.tolist())) > 8
    torch.testing.assert_close(images[[0, -1]], batches.held_images[[0, -1]])
