"""The contract that every data set keeps, and what makes each of ours worth using."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from skipviz.core import registry
from skipviz.core.declarations import Dataset
from skipviz.data import digits, shapes
from tests.data import torchvision_files

KEYS = list(registry.datasets())
REAL = [f"{key}, real" for key in ("mnist", "fashion_mnist") if torchvision_files.real(key)]
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@cache
def _load(key: str) -> Arrays:
    return registry.dataset(key).load()


@pytest.fixture(params=[*KEYS, *REAL], scope="module")
def declared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dataset]:
    """Every set; one whose files are downloaded stands on small files in the same format, and on
    the real ones where they lie beside the repository."""
    key, _, kind = str(request.param).partition(", ")
    with pytest.MonkeyPatch.context() as patch:
        if kind == "real":
            patch.setenv("SKIPVIZ_DATA", str(torchvision_files.REAL))
        elif registry.dataset(key).files is not None:
            made = torchvision_files.make(key, patch)
            patch.setenv("SKIPVIZ_DATA", str(made.put(tmp_path_factory.mktemp("data"))))
        yield registry.dataset(key)


@pytest.fixture(scope="module")
def arrays(declared: Dataset) -> Arrays:
    return declared.load()


def test_digits_come_first_and_shapes_are_there() -> None:
    assert KEYS[0] == "digits" and "shapes" in KEYS


def test_images_are_uint8_and_have_the_declared_shape(declared: Dataset, arrays: Arrays) -> None:
    for images, size in ((arrays[0], declared.train_size), (arrays[2], declared.test_size)):
        assert images.dtype == np.uint8
        assert images.shape == (size, *declared.input_shape)


def test_labels_are_int64_and_name_every_class_in_both_parts(
    declared: Dataset, arrays: Arrays
) -> None:
    for labels, size in ((arrays[1], declared.train_size), (arrays[3], declared.test_size)):
        assert labels.dtype == np.int64 and labels.shape == (size,)
        assert np.unique(labels).tolist() == list(range(declared.num_classes))


def test_hardly_two_images_are_the_same(arrays: Arrays) -> None:
    for images in (arrays[0], arrays[2]):
        assert images.std() > 1
        assert len({image.tobytes() for image in images}) > 0.99 * len(images)


def test_hardly_a_test_image_is_a_training_image_too(arrays: Arrays) -> None:
    """Fashion-MNIST has a few; what we make or split ourselves has none."""
    seen = {image.tobytes() for image in arrays[0]}
    again = sum(image.tobytes() in seen for image in arrays[2])
    assert again == 0 or (len(arrays[0]) == 60_000 and again < 10)


def test_loading_twice_gives_the_same_arrays(declared: Dataset, arrays: Arrays) -> None:
    for first, second in zip(arrays, declared.load(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_declaration_says_where_it_comes_from(declared: Dataset) -> None:
    for text in (declared.title, declared.summary, declared.origin, declared.licence):
        assert text.strip() == text and len(text) > 2
    assert len(set(declared.classes)) == declared.num_classes >= 2


def test_a_synthetic_set_is_labelled_in_its_title() -> None:
    synthetic = {key for key, each in registry.datasets().items() if "(synthetic)" in each.title}
    assert synthetic == {"shapes", "spirals"}


def test_declarations_load_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from skipviz.core import registry; registry.datasets();"
        "sys.exit(bool({'torch', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- digits ------------------------------------------------------------------------------------


def test_digits_are_all_1797_scans_with_17_grey_levels() -> None:
    train, _, test, _ = _load("digits")
    assert (len(train), len(test)) == (1437, 360)
    assert np.unique(train).tolist() == list(range(17))


@pytest.mark.slow
def test_the_shipped_digits_are_bit_for_bit_those_of_scikit_learn_and_so_is_the_split() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    from sklearn.model_selection import train_test_split

    bunch = sklearn.load_digits()
    images = bunch.images[:, None].astype(np.uint8)
    assert (images == bunch.images[:, None]).all()  # nothing was rounded
    train, test, labels, answers = train_test_split(
        images, bunch.target, test_size=360, stratify=bunch.target, random_state=0
    )
    for shipped, theirs in zip(_load("digits"), (train, labels, test, answers), strict=True):
        assert shipped.tobytes() == np.ascontiguousarray(theirs, shipped.dtype).tobytes()


def test_the_digits_say_whose_they_are() -> None:
    said = (digits.FILE.parent / "DIGITS-LICENCE.txt").read_text(encoding="utf-8")
    for part in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0", "BSD 3-Clause", "Changes"):
        assert part in said


def test_the_digits_split_is_stratified() -> None:
    _, train, _, test = _load("digits")
    for digit in range(10):
        whole = np.sum(train == digit) + np.sum(test == digit)
        assert abs(np.sum(test == digit) - whole * 360 / 1797) < 1


def test_digits_can_be_told_apart_by_their_nearest_neighbour() -> None:
    train, labels, test, answers = _load("digits")
    a, b = train.reshape(len(train), -1).astype(float), test.reshape(len(test), -1).astype(float)
    distance = (b**2).sum(1)[:, None] - 2 * b @ a.T + (a**2).sum(1)
    assert np.mean(labels[distance.argmin(axis=1)] == answers) > 0.95


# --- shapes ------------------------------------------------------------------------------------


def test_shapes_have_each_class_equally_often() -> None:
    _, train, _, test = _load("shapes")
    assert np.bincount(train).tolist() == [400] * 10
    assert np.bincount(test).tolist() == [100] * 10


def test_every_shape_covers_the_same_range_of_areas_around_the_same_place() -> None:
    areas, centres = [], []
    for outline in shapes.OUTLINES.values():
        mask = shapes._mask(np.random.default_rng(0), outline, 400)
        axis = np.arange(shapes.SIDE) - (shapes.SIDE - 1) / 2
        area = mask.sum(axis=(1, 2))
        areas.append(area.mean())
        centres.append(
            [(mask.sum(axis=1) @ axis / area).mean(), (mask.sum(2) @ axis / area).mean()]
        )
    assert max(areas) < 1.05 * min(areas)
    assert np.abs(np.array(centres)).max() < 0.6  # pixels


def test_the_colour_of_a_shape_tells_nothing_about_its_class() -> None:
    images, labels, _, _ = _load("shapes")
    colour = images.mean(axis=(2, 3))
    of_class = np.array([colour[labels == label].mean(axis=0) for label in range(10)])
    by_chance = colour.std(axis=0) / np.sqrt(400)
    assert (np.abs(of_class - colour.mean(axis=0)) < 4 * by_chance).all()


def test_another_seed_draws_other_pictures_of_the_same_kind() -> None:
    labels = np.arange(100) % 10
    one, two = shapes.draw(1, labels), shapes.draw(2, labels)
    assert (one != two).mean() > 0.9
    assert abs(one.mean() - two.mean()) < 20


@pytest.mark.slow
def test_a_linear_model_reads_less_than_60_percent_of_the_shapes() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, labels, test, answers = (x.reshape(len(x), -1).squeeze() for x in _load("shapes"))
    scale = StandardScaler().fit(train)
    model = LogisticRegression(C=1e-3, max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # thirty iterations are enough, and the solver complains
        model.fit(scale.transform(train), labels)
    assert 0.15 < model.score(scale.transform(test), answers) < 0.6


def _small_net() -> Any:
    from torch import nn

    def part(old: int, new: int) -> list[nn.Module]:
        return [nn.Conv2d(old, new, 3, stride=2, padding=1), nn.BatchNorm2d(new), nn.ReLU()]

    return nn.Sequential(
        *part(3, 16), *part(16, 32), *part(32, 32), nn.Flatten(), nn.Linear(512, 10)
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Two threads that share a busy machine's cores wait for each other: many times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_small_convolutional_net_reads_twice_as_many_after_150_steps() -> None:
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(0)
    train, labels, test, answers = (torch.tensor(x) for x in _load("shapes"))
    net = _small_net()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for _ in range(150):
        batch = torch.randint(len(train), (64,))
        loss = cross_entropy(net(train[batch] / 128 - 1), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        right = net(test / 128 - 1).argmax(dim=1) == torch.as_tensor(answers)
    assert right.float().mean() > 0.5
