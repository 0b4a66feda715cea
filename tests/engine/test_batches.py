"""What a step sees: subsets, pooling, label noise and augmentation, all from the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.datafiles import augmentation, cache
from skipviz.datafiles.class_samples import first_of_each_class
from skipviz.engine.augment import augmented
from skipviz.engine.batches import AHEAD, Batches

CPU = torch.device("cpu")
DENSE = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})


def experiment(**fields: Any) -> Experiment:
    return Experiment(**({"lanes": [DENSE], "steps": 3, "device": "cpu"} | fields))


def batches(**fields: Any) -> Batches:
    return Batches(experiment(**fields), CPU)


def test_images_are_standardised_with_their_own_mean_and_deviation() -> None:
    made = batches()
    images = made.pictures(slice(None))
    assert abs(float(images.mean())) < 1e-5
    assert float(images.std()) == pytest.approx(1, abs=1e-3)
    train = cache.arrays("digits")[0]
    assert float(made.mean) == np.float32(train.mean(dtype=np.float64))
    assert float(made.std) == np.float32(train.std(dtype=np.float64))


def test_a_subset_is_the_first_images_of_each_class_and_no_more() -> None:
    train, labels, held, _ = cache.arrays("digits")
    made = batches(subset=20)
    assert np.bincount(made.labels.numpy()).tolist() == [20] * 10
    rows = first_of_each_class(labels, 20)
    np.testing.assert_array_equal(made.images.numpy(), train[rows])
    for k in range(10):
        assert rows[labels[rows] == k].tolist() == np.flatnonzero(labels == k)[:20].tolist()
    np.testing.assert_array_equal(made.held_images.numpy(), held)


def test_a_subset_smaller_than_a_batch_is_refused_in_one_sentence() -> None:
    with pytest.raises(SpecError, match="batch_size 64: digits has 50 training samples"):
        experiment(subset=5)


def test_pooling_averages_squares_and_the_net_takes_the_smaller_image() -> None:
    made = batches(pool=2)
    train = cache.arrays("digits")[0].astype(float)
    by_hand = train.reshape(-1, 1, 4, 2, 4, 2).mean(axis=(3, 5))
    assert made.images.shape[1:] == made.held_images.shape[1:] == (1, 4, 4)
    assert np.abs(made.images.numpy() - by_hand).max() <= 0.5
    assert DENSE.settings(experiment(pool=2).dataset)["input_shape"] == (1, 4, 4)
    assert len(list(engine.train(experiment(pool=2)))) == 3


def test_a_pool_that_does_not_divide_the_image_names_those_that_do() -> None:
    with pytest.raises(SpecError, match="pool 3: digits has images of 8x8; must be one of 1, 2, 4"):
        experiment(pool=3)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_label_noise_replaces_its_share_of_the_training_labels_and_no_held_out_one(
    share: float,
) -> None:
    made, clean = batches(label_noise=share, data="shapes"), cache.arrays("shapes")
    wrong = float((made.training_labels(0) != made.labels).float().mean())
    assert wrong == pytest.approx(share * 0.9, abs=0.03)  # one in ten is right by chance
    np.testing.assert_array_equal(made.labels.numpy(), clean[1])
    np.testing.assert_array_equal(made.held_labels.numpy(), clean[3])


def test_label_noise_depends_on_the_seed_alone() -> None:
    one, two = batches(label_noise=0.5), batches(label_noise=0.5)
    assert torch.equal(one.training_labels(7), two.training_labels(7))
    assert not torch.equal(one.training_labels(7), one.training_labels(8))


def test_a_batch_is_taught_the_noisy_labels() -> None:
    made = batches(label_noise=1.0)
    rows = made._permutation(0, 0)[:64]
    assert torch.equal(made.batch(0, 0)[1], made.training_labels(0)[rows])


def numbered(count: int = 50, side: int = 16) -> torch.Tensor:
    """Images whose every pixel says where it was: 1, 2, 3, …"""
    pixels = torch.arange(1, side * side + 1, dtype=torch.float32).reshape(1, 1, side, side)
    return pixels.expand(count, 2, side, side)


def throws(how: str, count: int, side: int, *, rng: np.random.Generator) -> torch.Tensor:
    """As `Batches.indices` hands them on."""
    thrown = augmentation.thrown(how, count, side, rng)
    return torch.from_numpy(np.vstack([thrown.corners, thrown.mirrored]))


def test_a_crop_is_a_window_of_the_padded_image_and_each_has_its_own() -> None:
    images = numbered()
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    windows = {
        padded[0, 0, y : y + 16, x : x + 16].numpy().tobytes() for y in range(5) for x in range(5)
    }
    cropped = augmented(images, "crop", throws("crop", 50, 16, rng=np.random.default_rng(0)))
    assert cropped.shape == images.shape
    seen = {image[0].contiguous().numpy().tobytes() for image in cropped}
    assert seen <= windows and len(seen) > 12
    assert torch.equal(cropped[:, 0], cropped[:, 1])  # all channels move together


def test_a_flip_mirrors_about_half_of_the_images_left_to_right() -> None:
    images = numbered(400)
    flipped = augmented(images, "flip", throws("flip", 400, 16, rng=np.random.default_rng(0)))
    same = (flipped == images).all(dim=(1, 2, 3))
    mirrored = (flipped == images.flip(3)).all(dim=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 140 < int(mirrored.sum()) < 260


@pytest.mark.parametrize("how", ["crop", "flip", "both"])
def test_augmentation_gives_the_same_batch_again_and_another_at_another_step(how: str) -> None:
    one, two = batches(augment=how), batches(augment=how)
    assert torch.equal(one.batch(3, 5)[0], two.batch(3, 5)[0])
    per_epoch = len(one.labels) // 64
    rows = one._permutation(5, 0)[:64]
    other = throws(how, 64, 8, rng=np.random.default_rng([5, per_epoch, 2]))
    again = augmented(one.pictures(rows), how, other)
    assert not torch.equal(one.batch(0, 5)[0], again)
    assert torch.equal(one.batch(0, 5)[1], one.labels[rows])


def test_each_step_has_the_throws_of_its_own_stream_whichever_was_asked_for_before() -> None:
    made = batches(augment="both")
    for step in (0, AHEAD - 1, AHEAD, 3 * AHEAD + 5, 1):
        expected = throws("both", 64, 8, rng=np.random.default_rng([5, step, 2]))
        assert torch.equal(made.indices(step, 5)[1:], expected)


def test_a_batch_is_made_of_what_was_drawn_and_nothing_else() -> None:
    made = batches(augment="both", label_noise=0.5)
    indices = made.indices(7, 3).clone()
    made.indices(8, 3)
    fresh = batches(augment="both", label_noise=0.5).batch(7, 3)
    for ours, theirs in zip(made.batch_from(indices, 3), fresh, strict=True):
        assert torch.equal(ours, theirs)


def test_points_of_the_plane_are_not_augmented() -> None:
    with pytest.raises(SpecError, match="augment 'flip': needs images of at least 8x8"):
        experiment(data="spirals", augment="flip")


def test_a_dense_residual_net_tells_the_spirals_apart_and_a_convolution_refuses_them() -> None:
    frames = list(engine.train(experiment(data="spirals", steps=300, lr=0.05)))
    assert np.mean([frame.lanes[0].error for frame in frames[-25:]]) < 0.15
    with pytest.raises(SpecError, match="at least 8 by 8"):
        experiment(data="spirals", lanes=[Lane(family="resnet", knobs={"depth": 20})])


def test_a_resumed_run_sees_the_same_noise_and_crops() -> None:
    of = experiment(label_noise=0.3, augment="both", subset=100, steps=6)
    whole = [frame.lanes[0].loss for frame in engine.train(of)]
    first = engine.Training(of)
    frames = first.frames()
    head = [next(frames).lanes[0].loss for _ in range(3)]
    second = engine.Training(of)
    second.load(first.state())
    assert whole == head + [frame.lanes[0].loss for frame in second.frames()]
