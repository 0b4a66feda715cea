"""Convolutional nets side by side, their layout and their precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.engine import device as devices
from skipviz.engine.nets import make_net
from skipviz.engine.thread_pool import NetThreads

CPU = torch.device("cpu")
RESNET = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})
PLAIN = Lane(family="plain", knobs={"backbone": "cifar", "depth": 8})
HIGHWAY = Lane(family="highway", knobs={"backbone": "cifar", "depth": 10})


def losses(*lanes: Lane, **fields: Any) -> list[list[float]]:
    values = {"steps": 4, "batch_size": 16, "device": "cpu", "lr": 0.02} | fields
    frames = list(engine.train(Experiment(lanes=lanes, **values)))
    return [[frame.lanes[i].loss for frame in frames] for i in range(len(lanes))]


def test_lanes_side_by_side_have_the_numbers_that_each_has_alone() -> None:
    together = losses(RESNET, PLAIN, HIGHWAY)
    assert together == losses(RESNET, PLAIN, HIGHWAY)
    assert together == [losses(lane)[0] for lane in (RESNET, PLAIN, HIGHWAY)]


def test_only_convolutional_nets_that_draw_nothing_at_random_go_abreast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 2)

    def abreast(*lanes: Lane) -> bool:
        nets = [make_net(lane, "digits", 0) for lane in lanes]
        return NetThreads(nets, 1).pool is not None

    assert abreast(RESNET, PLAIN)
    assert not abreast(RESNET)
    drawing = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.2))
    assert NetThreads([drawing, drawing], 1).pool is None
    assert not abreast(RESNET, Lane(family="densenet", knobs={"backbone": "dense", "depth": 4}))
    monkeypatch.setattr(devices, "cores", lambda: 1)
    assert not abreast(RESNET, PLAIN)


def test_an_error_of_one_job_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: 2)
    both = NetThreads([nn.Sequential(nn.Conv2d(1, 1, 1)) for _ in range(2)], 1)
    assert both.results([lambda: 1, lambda: 2]) == [1, 2]
    with pytest.raises(ZeroDivisionError):
        both.results([lambda: 1, lambda: 1 // 0])


def test_feature_maps_lie_channels_last_where_that_is_faster() -> None:
    kinds = [(False, False), (True, False), (True, True)]
    last = [devices.layout(CPU, gated=g, half=h) == torch.channels_last for g, h in kinds]
    assert last == [True, False, True]


@pytest.mark.parametrize(
    ("data", "expected"), [("shapes", (True, False)), ("digits", (False, False))]
)
def test_small_pictures_lie_channels_first_whatever_the_net(
    data: str, expected: tuple[bool, ...]
) -> None:
    training = engine.Training(Experiment(lanes=[RESNET, HIGHWAY], data=data, device="cpu"))
    for trainers, last in zip(training.lanes, expected, strict=True):
        weights = [m.weight for m in trainers[0].net.modules() if isinstance(m, nn.Conv2d)]
        wide = [w for w in weights if w.shape[1] > 1 and w.shape[2] > 1]
        assert {w.is_contiguous(memory_format=torch.channels_last) for w in wide} == {last}


@pytest.mark.skipif(not devices.bfloat16(CPU), reason="the processor has no bfloat16")
def test_bfloat16_bends_a_convolutional_net_a_little_and_a_dense_one_not_at_all() -> None:
    dense = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6, "norm": "batch"})
    full, half = (losses(RESNET, dense, precision=p) for p in ("float32", "bfloat16"))
    assert full[0] != half[0]
    np.testing.assert_allclose(half[0], full[0], rtol=0.05)
    assert full[1] == half[1]


def test_bfloat16_is_refused_in_one_sentence_where_the_device_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "bfloat16", lambda device: False)
    with pytest.raises(SpecError, match="precision 'bfloat16': the cpu here does not"):
        engine.Training(Experiment(lanes=[RESNET], device="cpu", precision="bfloat16"))


def test_every_lane_says_which_engine_trains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    dense = Lane(family="plain", knobs={"backbone": "dense", "depth": 3})
    training = engine.Training(Experiment(lanes=[dense, RESNET], device="cpu"))
    assert training.engines == ["stacked", "modules"]
