"""Every probe on a real trained run; what its numbers mean."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.engine.batches import Batches
from skipviz.engine.trained import Trained, load
from skipviz.engine.training import Training

OPTIONS: dict[str, dict[str, Any]] = {"classify": {"pixels": "00" * 64}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as a worker leaves it: two dense lanes and a convolutional one."""
    lanes = [
        Lane(family="resnet", knobs={"backbone": "dense", "depth": 6}),
        Lane(family="highway", knobs={"backbone": "dense", "depth": 6}),
        Lane(family="plain", knobs={"backbone": "cifar", "depth": 8}),
    ]
    experiment = Experiment(lanes=lanes, steps=60, lr=0.05, device="cpu")
    training = Training(experiment)
    for _ in training.frames():
        pass
    path = tmp_path_factory.mktemp("run")
    (path / "experiment.json").write_text(experiment.to_json(), encoding="utf-8")
    torch.save(training.state(), path / "checkpoint.pt")
    return path


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return load(folder)


@pytest.mark.slow
@pytest.mark.parametrize("key", list(registry.probes()))
def test_a_probe_says_what_it_is_and_answers_in_json_the_same_each_time(
    key: str, trained: Trained
) -> None:
    declared = probe(key)
    for text in (declared.question, declared.definition, declared.source, declared.cost):
        assert text
    assert declared.question.endswith("?") and declared.caveat.endswith(".")
    options = declared.options(OPTIONS.get(key, {}))
    first = json.dumps(declared.measure(trained, **options))
    assert first == json.dumps(declared.measure(trained, **options))


def test_predictions_of_a_held_out_part_without_the_last_class(trained: Trained) -> None:
    batches = copy.copy(trained.batches)
    # The data set has ten classes; what is taken for the last counts.
    rows = batches.held_labels < 9
    batches.held_images, batches.held_labels = batches.held_images[rows], batches.held_labels[rows]
    value = probe("predictions").measure(replace(trained, batches=batches), pictures=25)
    for lane in value["lanes"]:
        assert np.array(lane["confusion"]).shape == (10, 10)
        assert np.array(lane["confusion"]).sum() == value["held_out"] == int(rows.sum())
        assert not any(lane["confusion"][9])


def test_predictions_count_every_held_out_picture_once(trained: Trained) -> None:
    value = probe("predictions").measure(trained, pictures=25)
    assert len(value["images"]) == len(value["labels"]) == 25
    assert sorted(value["labels"][:10]) == list(range(10))
    for lane in value["lanes"]:
        confusion = np.array(lane["confusion"])
        assert confusion.sum() == value["held_out"] == 360
        assert lane["error"] == pytest.approx(1 - np.trace(confusion) / 360)
    assert value["lanes"][1]["error"] < 0.5


def test_a_drawn_picture_equal_to_a_held_out_one_gets_its_prediction(trained: Trained) -> None:
    picture = trained.batches.held_images[3]
    pixels = bytes((picture.double() * 255 / 16).round().to(torch.uint8).flatten().tolist()).hex()
    value = probe("classify").measure(trained, pixels=pixels)
    for lane, answer in enumerate(value["lanes"]):
        shares = trained.logits(lane, picture[None]).softmax(1)[0]
        np.testing.assert_allclose(answer["probabilities"], shares.numpy(), atol=1e-4)


@pytest.mark.parametrize("pixels", ["zz", "00", "0" * 127])
def test_pixels_that_are_no_picture_get_one_sentence(pixels: str, trained: Trained) -> None:
    with pytest.raises(SpecError, match="pixels: "):
        probe("classify").measure(trained, pixels=pixels)


def test_feature_maps_are_what_stands_on_the_trunk(trained: Trained) -> None:
    value = probe("features").measure(trained, lane=2, picture=1, channels=4)
    first = np.array(value["points"][0]["maps"])
    assert first.shape == (4, 8, 8)
    assert np.array(value["filters"]).shape == (4, 1, 3, 3)
    dense = probe("features").measure(trained, lane=0, picture=1, channels=4)
    assert np.array(dense["points"][0]["maps"]).shape == (1, 1, 50)
    assert np.array(dense["filters"]).shape == (4, 1, 8, 8)
    np.testing.assert_allclose(
        dense["filters"],
        trained.weight(0, trained.wirings[0].layers[0].path).reshape(-1, 1, 8, 8)[:4],
        atol=1e-4,
    )


def test_histograms_hold_every_value_once(trained: Trained) -> None:
    value = probe("histograms").measure(trained, lane=0, samples=32)
    weights = value["weights"][1]
    assert sum(weights["counts"]) == 50 * 50
    assert all(sum(entry["counts"]) == 32 * 50 for entry in value["activations"])
    assert [entry["depth"] for entry in value["weights"]] == list(range(1, 7))
    low, middle, high = (value["gradients"][0]["quantiles"][i] for i in (0, 2, 4))
    assert low <= middle <= high


def test_histograms_are_of_the_loss_with_the_labels_that_were_trained_on(trained: Trained) -> None:
    noisy = Batches(trained.experiment.with_(label_noise=0.9), trained.device)
    assert not torch.equal(noisy.training_labels(trained.seed)[:32], noisy.labels[:32])
    value = probe("histograms").measure(replace(trained, batches=noisy), lane=0, samples=32)
    last = trained.nets[0].get_submodule(trained.wirings[0].points[-1].path)
    outputs = []
    handle = last.register_forward_hook(lambda module, args, out: outputs.append(out))
    logits = trained.nets[0](noisy.pictures(slice(0, 32)))
    handle.remove()
    loss = torch.nn.functional.cross_entropy(logits, noisy.training_labels(trained.seed)[:32])
    (grad,) = torch.autograd.grad(loss, outputs[0])
    edges = value["gradients"][-1]["edges"]
    assert (edges[0], edges[-1]) == pytest.approx((float(grad.min()), float(grad.max())), rel=1e-5)


@pytest.mark.parametrize(
    ("key", "options"), [("features", {"lane": 3}), ("histograms", {"lane": 3})]
)
def test_a_lane_that_is_not_there_gets_one_sentence(
    key: str, options: dict[str, Any], trained: Trained
) -> None:
    declared = probe(key)
    with pytest.raises(SpecError, match="lane 3: this run has lanes 0 to 2"):
        declared.measure(trained, **declared.options(options))


def test_weights_that_are_cut_or_hostile_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_bytes((folder / "experiment.json").read_bytes())
    with pytest.raises(SpecError, match="no saved weights yet"):
        load(tmp_path)
    whole = (folder / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path)
    torch.save({"lanes": print}, tmp_path / "checkpoint.pt")
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path)
