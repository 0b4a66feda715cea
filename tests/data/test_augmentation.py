"""The throws that engine and page share: NumPy and torch make the same pictures of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skipviz.core.experiment import Experiment, Lane
from skipviz.datafiles import augmentation, cache, statistics
from skipviz.engine.augment import augmented
from skipviz.engine.batches import Batches
from skipviz.ui.data.augmentation_preview import DRAWS, LEAST_SIDE, draws

LANE = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})


def together(throws: augmentation.Throws) -> torch.Tensor:
    """As the engine takes them, (3, B)."""
    return torch.from_numpy(np.vstack([throws.corners, throws.mirrored]))


@pytest.mark.parametrize("how", ["none", "crop", "flip", "both"])
@pytest.mark.parametrize("shape", [(40, 3, 32, 32), (7, 1, 8, 8), (1, 2, 12, 12)])
def test_the_page_applies_the_throws_as_the_engine_does(how: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    throws = augmentation.thrown(how, shape[0], shape[2], np.random.default_rng(5))
    on_the_device = augmented(torch.from_numpy(images), how, together(throws))
    np.testing.assert_array_equal(augmentation.applied(images, throws), on_the_device.numpy())


def test_every_window_of_the_padded_image_is_drawn_and_no_other() -> None:
    throws = augmentation.thrown("crop", 5000, 32, np.random.default_rng(0))
    assert throws.pad == augmentation.padding(32) == 4  # He et al. 2015, section 4.2
    assert {(int(y), int(x)) for y, x in throws.corners.T} == {
        (y, x) for y in range(9) for x in range(9)
    }
    assert not throws.mirrored.any()


def test_the_page_shows_what_the_first_steps_of_a_run_would_make_of_these_pictures() -> None:
    images = cache.arrays("digits")[0][:64]
    histogram = statistics.histogram(cache.arrays("digits")[0])
    stored, indices = draws(images, histogram, "both", 3)
    assert indices.shape == (DRAWS, *images.shape)
    np.testing.assert_array_equal(stored, images / 16)
    feed = Batches(
        Experiment(lanes=[LANE], augment="both", seed=3, device="cpu"), torch.device("cpu")
    )
    for step in range(DRAWS):
        throws = feed.indices(step, 3)[1:]
        seen = augmented(feed.standardise(torch.from_numpy(images)), "both", throws)
        back = (seen * feed.std + feed.mean).numpy() / 16
        np.testing.assert_allclose(indices[step], back, atol=1e-5)


def test_other_seeds_show_other_throws_and_the_same_seed_the_same() -> None:
    images = cache.arrays("digits")[0][:10]
    histogram = statistics.histogram(images)
    one, again, other = (draws(images, histogram, "crop", seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert len({step.tobytes() for step in one}) == DRAWS


def test_the_page_offers_augmentation_where_an_experiment_takes_it() -> None:
    with pytest.raises(ValueError, match=f"at least {LEAST_SIDE}x{LEAST_SIDE}"):
        Experiment(lanes=[LANE], pool=2, augment="crop")
