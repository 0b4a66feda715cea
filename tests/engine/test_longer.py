"""A run that is trained for more steps has the very frames of one that was to be so long from the
start, on every engine."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame
from skipviz.core.schedule import longer
from skipviz.engine.training import Training

DENSE = {"backbone": "dense", "depth": 6}
THIN = {"backbone": "cifar", "depth": 8, "width": 4}
GATED = Lane(family="highway", knobs=DENSE | {"gate": "learned"})
ENGINES: dict[str, tuple[str, list[Lane], dict[str, Any]]] = {
    "modules": ("modules", [Lane(family="resnet", knobs=DENSE | {"norm": "batch"}), GATED], {}),
    "stacked layers": ("stacked", [Lane(family="plain", knobs=DENSE), GATED], {"seeds": 2}),
    "stacked layers, Adam": ("stacked", [Lane(family="plain", knobs=DENSE)], {"optimiser": "adam"}),
    "stacked drawn nets": (
        "stacked",
        [Lane(family="resnet", knobs=DENSE | {"norm": "batch", "variant": "full_preact"})],
        {"seeds": 2},
    ),
    "fused kernel": ("fused", [Lane(family="resnet", knobs=DENSE), GATED], {}),
    "DenseNet": ("stacked", [Lane(family="densenet", knobs=DENSE | {"norm": "batch"})], {}),
    "convolutions": ("modules", [Lane(family="resnet", knobs=THIN)], {"data": "shapes"}),
}
FIRST, MORE = 5, 4
FIELDS: dict[str, Any] = {
    "lr": 0.01, "batch_size": 16, "record_every": 3, "evaluate_every": 4, "device": "cpu",
}  # fmt: skip


def made(of: Experiment, engine: str, patch: pytest.MonkeyPatch) -> Training:
    """A training on this engine and no other."""
    with patch.context() as only:
        if engine == "modules":
            only.setattr("skipviz.engine.training.stackable", lambda *args: None)
        if engine == "stacked":
            only.setenv("SKIPVIZ_FUSED", "0")
        training = Training(of)
    if engine == "fused" and "fused" not in training.engines:
        pytest.skip("no C compiler here")
    assert set(training.engines) == {engine}
    return training


def saved(training: Training) -> dict[str, Any]:
    """Its state, as a checkpoint brings it back."""
    buffer = io.BytesIO()
    torch.save(training.state(), buffer)
    buffer.seek(0)
    state: dict[str, Any] = torch.load(buffer, weights_only=True)
    return state


def bits(frames: list[Frame]) -> list[bytes]:
    """Everything in each frame, as it stands in memory."""
    return [
        b"".join(
            np.ascontiguousarray(value).tobytes() if value is not None else b"-"
            for lane in frame.lanes
            for value in (frame.step, *vars(lane).values())
        )
        for frame in frames
    ]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("case", ENGINES)
def test_more_steps_give_the_bits_of_a_run_that_was_never_broken_off(
    case: str, schedule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, lanes, fields = ENGINES[case]
    planned = Experiment(lanes=lanes, steps=FIRST, schedule=schedule, **FIELDS | fields)
    begun = made(planned, engine, monkeypatch)
    frames = list(begun.frames())
    further = longer(begun.experiment, FIRST, MORE)
    goes_on = made(further, engine, monkeypatch)
    goes_on.load(saved(begun))
    assert not goes_on.over
    frames += list(goes_on.frames())
    unbroken = made(Experiment.from_json(further.to_json()), engine, monkeypatch)
    whole = list(unbroken.frames())
    assert [frame.step for frame in frames] == [frame.step for frame in whole] == [0, 3, 4, 6, 8]
    assert bits(frames) == bits(whole)
    ends = [each.state()["lanes"] for each in (goes_on, unbroken)]
    for lane, other in zip(*ends, strict=True):
        for net, same in zip(lane, other, strict=True):
            assert all(torch.equal(net["net"][name], same["net"][name]) for name in net["net"])


def test_without_a_schedule_they_are_the_bits_of_a_run_planned_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, lanes, _ = ENGINES["stacked layers"]
    planned = Experiment(lanes=lanes, steps=FIRST, **FIELDS | {"record_every": 1})
    begun = made(planned, engine, monkeypatch)
    frames = list(begun.frames())
    goes_on = made(longer(begun.experiment, FIRST, MORE), engine, monkeypatch)
    goes_on.load(saved(begun))
    frames += list(goes_on.frames())
    whole = list(made(planned.with_(steps=FIRST + MORE), engine, monkeypatch).frames())
    assert [[lane.loss for lane in frame.lanes] for frame in frames] == [
        [lane.loss for lane in frame.lanes] for frame in whole
    ]


def test_a_run_that_was_stopped_halfway_keeps_the_schedule_of_the_steps_that_it_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, lanes, _ = ENGINES["stacked layers"]
    planned = Experiment(lanes=lanes, steps=20, schedule="cosine", **FIELDS | {"record_every": 1})
    begun = made(planned, engine, monkeypatch)
    each = begun.frames()
    frames = [next(each) for _ in range(6)]
    further = longer(begun.experiment, 6, MORE)
    assert [budget.text() for budget in further.budgets] == ["6/20"]
    goes_on = made(further, engine, monkeypatch)
    goes_on.load(saved(begun))
    frames += list(goes_on.frames())
    assert bits(frames) == bits(list(made(further, engine, monkeypatch).frames()))
