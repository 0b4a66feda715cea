"""The input–output Jacobian beside one of finite differences, and what it says of known nets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import probe
from skipviz.engine.hooks import capture_outputs, sample_batch
from skipviz.engine.trained import Trained, restore
from skipviz.engine.training import Training

DENSE = {"backbone": "dense", "depth": 6}
LANES = [
    Lane(family="plain", knobs=DENSE | {"activation": "tanh", "init": "orthogonal"}),
    Lane(family="resnet", knobs=DENSE | {"depth": 7, "norm": "batch"}),
    Lane(family="densenet", knobs=DENSE),
    Lane(family="plain", knobs={"backbone": "cifar", "depth": 8}),
]
STEP = 1e-6


@pytest.fixture(scope="module")
def trained() -> Trained:
    training = Training(Experiment(lanes=LANES, steps=5, lr=0.01, device="cpu"))
    for _ in training.frames():
        pass
    return restore(training.experiment, training.state(), training.batches, 0)


def _by_differences(trained: Trained, lane: int, x: torch.Tensor) -> np.ndarray:
    """Singular values of the last signal by the first for one sample, from changed signals."""
    points = trained.wirings[lane].points
    first, last = points[0].path, points[-1].path
    net = trained.nets[lane].double()
    change = torch.zeros(0)

    def last_signal() -> torch.Tensor:
        hook = net.get_submodule(first).register_forward_hook(
            lambda module, args, out: out + change.reshape(out.shape) if len(change) else None
        )
        with torch.no_grad(), capture_outputs(net, [last]) as outputs:
            net(x)
        hook.remove()
        return outputs[last].flatten()

    with torch.no_grad(), capture_outputs(net, [first]) as outputs:
        net(x)
    columns = []
    for direction in torch.eye(outputs[first].numel(), dtype=torch.float64):
        change = STEP * direction
        above = last_signal()
        change = -STEP * direction
        columns.append((above - last_signal()) / (2 * STEP))
    return np.linalg.svd(torch.stack(columns, 1).numpy(), compute_uv=False)


@pytest.mark.parametrize("lane", [0, 1, 2])
def test_singular_values_are_those_of_finite_differences(trained: Trained, lane: int) -> None:
    answer = probe("jacobian").measure(trained, when="now", samples=1)["lanes"][lane]
    x, _ = sample_batch(trained, 1)
    by_differences = _by_differences(trained, lane, x.double())
    np.testing.assert_allclose(answer["singular"], by_differences, rtol=2e-4, atol=1e-7)
    assert len(answer["singular"]) == min(answer["values"])


def test_orthogonal_layers_and_tanh_stretch_no_direction_at_init(trained: Trained) -> None:
    answer = probe("jacobian").measure(trained, when="init", samples=4)["lanes"][0]
    assert 0 < answer["singular"][-1] <= answer["singular"][0] <= 1
    assert answer["spread"] == pytest.approx(answer["log10"][0] - answer["middle"], rel=1e-4)


def test_a_signal_of_too_many_values_gets_a_sentence(trained: Trained) -> None:
    answer = probe("jacobian").measure(trained, when="init", samples=2)["lanes"][3]
    assert answer["singular"] == [] and answer["middle"] is None
    assert answer["why"].endswith("at most 400 are measured")
