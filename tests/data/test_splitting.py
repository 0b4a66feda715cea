"""What is held out of one's own sets: by the seed, or the part that they brought; for ever by then.

Pictures are told apart by a number that each carries in its first pixels.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from skipviz import engine
from skipviz.core import user_datasets
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset
from skipviz.datafiles import adding, cache, linear, splitting
from skipviz.engine.batches import Batches

LANE = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def numbered(count: int, start: int = 0) -> np.ndarray:
    images = np.random.default_rng(start).integers(0, 256, (count, 10, 10), dtype=np.uint8)
    images[:, 0, 0], images[:, 0, 1] = divmod(np.arange(start, start + count), 256)
    return images


def numbers(images: Any) -> list[int]:
    pixels = np.asarray(images).astype(int)
    return [int(n) for n in pixels[:, 0, 0, 0] * 256 + pixels[:, 0, 0, 1]]


def add(tmp_path: Path, **arrays: Any) -> str:
    path = tmp_path / "x.npz"
    np.savez(path, **arrays)
    return adding.add("Mine", path, 0, lambda **event: None)


@pytest.fixture
def together(tmp_path: Path) -> str:
    """300 pictures of three classes: 200, 90 and 10."""
    labels = np.repeat([0, 1, 2], [200, 90, 10])
    return add(tmp_path, images=numbered(300), labels=labels)


def experiment(key: str, **fields: Any) -> Experiment:
    return Experiment(**({"lanes": [LANE], "data": key, "steps": 2, "device": "cpu"} | fields))


def feed(key: str, **fields: Any) -> Batches:
    return Batches(experiment(key, **fields), torch.device("cpu"))


def test_one_in_five_of_each_class_is_held_out_and_nothing_is_in_both_parts() -> None:
    labels = np.repeat([0, 1, 2], [50, 9, 2])
    for seed in range(5):
        train, held = splitting.rows(labels, 5, seed)
        assert sorted([*train, *held]) == list(range(61))
        assert np.bincount(labels[held]).tolist() == [10, 1, 1]
        assert [splitting.sizes(n, 5) for n in (50, 9, 2)] == [(40, 10), (8, 1), (1, 1)]


def test_the_seed_of_the_experiment_decides_what_is_held_out(together: str) -> None:
    one, again, other = feed(together), feed(together), feed(together, seed=1)
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.held_images, again.held_images)
    assert set(numbers(one.held_images)) != set(numbers(other.held_images))
    for made in (one, other):
        assert sorted(numbers(made.images) + numbers(made.held_images)) == list(range(300))
        assert (len(made.labels), len(made.held_labels)) == (240, 60)
        assert np.bincount(made.held_labels.numpy()).tolist() == [40, 18, 2]
        of = np.repeat([0, 1, 2], [200, 90, 10])
        assert [int(of[n]) for n in numbers(made.held_images)] == made.held_labels.tolist()


def test_the_declared_sizes_are_those_of_every_seed(together: str) -> None:
    declared = dataset(together)
    assert (declared.train_size, declared.test_size, declared.held_out) == (240, 60, 5)
    with pytest.raises(SpecError, match="has 240 training samples"):
        experiment(together, batch_size=241)
    about = cache.about(together)
    assert about is not None
    assert (about["train_counts"], about["test_counts"]) == ([160, 72, 8], [40, 18, 2])


def test_images_are_standardised_with_the_training_part_of_the_seed_alone(together: str) -> None:
    for seed in (0, 3):
        made = feed(together, seed=seed)
        pictures = made.images.numpy().astype(np.float64)
        assert float(made.mean) == np.float32(pictures.mean())
        assert float(made.std) == np.float32(pictures.std())


def test_all_pictures_are_kept_once_and_mapped_into_memory(together: str) -> None:
    folder = user_datasets.home() / together
    assert np.load(folder / "train_images.npy", mmap_mode="r").shape == (300, 1, 10, 10)
    assert np.load(folder / "test_images.npy").shape == (0, 1, 10, 10)
    kept = cache.mapped(together)
    assert kept is not None and isinstance(kept[0], np.memmap)


def test_a_subset_is_taken_of_the_training_part_alone(together: str) -> None:
    whole, part = feed(together), feed(together, subset=5, batch_size=4)
    assert np.bincount(part.labels.numpy()).tolist() == [5, 5, 5]
    assert set(numbers(part.images)) <= set(numbers(whole.images))
    assert numbers(part.held_images) == numbers(whole.held_images)


def test_a_run_of_several_seeds_trains_on_the_split_and_gives_the_same_again(together: str) -> None:
    of = experiment(together, seeds=2)
    one, two = ([frame.lanes[0].loss for frame in engine.train(of)] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.isfinite(one).all()
    assert linear.fit(together)["held_out_images"] == 60


def test_an_npz_with_a_test_part_keeps_it_for_every_seed(tmp_path: Path) -> None:
    key = add(
        tmp_path,
        images=numbered(40),
        labels=np.arange(40) % 2,
        test_images=numbered(6, start=900),
        test_labels=np.arange(6) % 2,
        classes=np.array(["no", "yes"]),
    )
    declared = dataset(key)
    assert (declared.train_size, declared.test_size, declared.held_out) == (40, 6, 0)
    assert "its own test part" in declared.summary
    for seed in (0, 5):
        made = feed(key, seed=seed, batch_size=8)
        assert sorted(numbers(made.held_images)) == list(range(900, 906))
        assert made.held_labels.tolist() == [n % 2 for n in numbers(made.held_images)]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"test_images": numbered(4), "test_labels": np.arange(3)}, "4 test_images and 3 test_lab"),
        ({"test_images": numbered(4)[:, :8], "test_labels": np.arange(4)}, "not like the others"),
        ({"test_images": numbered(4) / 2, "test_labels": np.arange(4)}, "not like the others"),
    ],
)
def test_a_test_part_that_does_not_fit_is_refused_in_one_sentence(
    more: dict[str, np.ndarray], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=sentence) as caught:
        add(tmp_path, images=numbered(8), labels=np.arange(8) % 2, **more)
    assert "\n" not in str(caught.value)


def _zip(path: Path, folders: dict[str, int]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        start = 0
        for name, count in folders.items():
            for number, image in enumerate(numbered(count, start=start), start=start):
                buffer = io.BytesIO()
                Image.fromarray(image).save(buffer, "PNG")
                archive.writestr(f"{name}/{number}.png", buffer.getvalue())
            start += count
    return path


def test_folders_named_train_and_test_above_the_classes_are_the_two_parts(tmp_path: Path) -> None:
    folders = {"x/train/a": 6, "x/train/b": 5, "x/Test/a": 3, "x/Test/b": 2, "x/Test/c": 4}
    told: list[str] = []
    key = adding.add(
        "Mine",
        _zip(tmp_path / "x.zip", folders),
        10,
        lambda **event: told.extend([event["trouble"]] if "trouble" in event else []),
    )
    declared = dataset(key)
    assert told == ["class 'c': is in the test part alone"] and declared.classes == ("a", "b")
    assert (declared.train_size, declared.test_size, declared.held_out) == (11, 5, 0)
    held = cache.arrays(key, 7)[2]
    assert sorted(numbers(held)) == [11, 12, 13, 14, 15]


@pytest.mark.parametrize("folders", [{"test/a": 5, "test/b": 5}, {"test": 5, "train": 5}])
def test_a_lone_test_folder_or_classes_of_such_names_are_no_test_part(
    folders: dict[str, int], tmp_path: Path
) -> None:
    key = adding.add("Mine", _zip(tmp_path / "x.zip", folders), 10, lambda **event: None)
    assert (dataset(key).held_out, dataset(key).test_size) == (5, 2)


def test_a_set_kept_before_the_seed_decided_still_loads_with_the_part_it_had(home: Path) -> None:
    key = user_datasets.reserve("Old")
    images, labels = numbered(20)[:, None], np.arange(20) % 2
    parts = (images[:16], labels[:16], images[16:], labels[16:])
    facts = {"title": "Old", "classes": ["a", "b"], "input_shape": [1, 10, 10]}
    cache.store(user_datasets.home() / key, parts, 2, **facts, summary="Twenty.", origin="Here.")
    assert dataset(key).held_out == 0
    for seed in (0, 1):
        assert numbers(cache.arrays(key, seed)[2]) == [16, 17, 18, 19]
    assert feed(key, batch_size=4).held_labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("share", [-3, 1, "many", None])
def test_a_share_that_cannot_be_is_no_data_set(share: object, together: str) -> None:
    path = user_datasets.home() / together / "about.json"
    path.write_text(
        json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"held_out": share}),
        encoding="utf-8",
    )
    with pytest.raises(SpecError, match="must be one of"):
        dataset(together)
