"""One's own pictures: what is good becomes a data set, what is not is named, nothing gets out."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skipviz import engine
from skipviz.cli.main import main
from skipviz.core import registry, user_datasets
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset
from skipviz.datafiles import adding, archives, cache, pictures
from tests.test_strict_json import strict

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Told:
    """Keeps what `add` says while it works."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def __call__(self, **event: Any) -> None:
        if "trouble" in event:
            self.troubles.append(event["trouble"])


def picture(kind: str = "PNG", size: tuple[int, int] = (20, 16), mode: str = "RGB") -> bytes:
    pixels = RNG.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def two_classes(each: int = 5, **options: Any) -> dict[str, bytes]:
    return {f"{c}/{i}.png": picture(**options) for c in ("cat", "dog") for i in range(each)}


def add(path: Path, side: int = 0) -> tuple[str, list[str]]:
    told = Told()
    return adding.add("My pets!", path, side, told), told.troubles


# --- What is good ------------------------------------------------------------------------------


def test_a_zip_of_class_folders_becomes_a_set_that_trains(tmp_path: Path) -> None:
    key, troubles = add(packed(tmp_path / "pets.zip", two_classes(each=20)))
    assert (key, troubles) == ("own-my-pets", [])
    declared = registry.datasets()[key]
    assert declared.classes == ("cat", "dog") and declared.input_shape == (3, 32, 32)
    assert (declared.train_size, declared.test_size) == (32, 8)
    images, labels, held, answers = cache.arrays(key)
    assert images.shape == (32, 3, 32, 32) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [16, 16] and np.bincount(answers).tolist() == [4, 4]
    seen = {image.tobytes() for image in images}
    assert not any(image.tobytes() in seen for image in held)
    lane = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})
    experiment = Experiment(lanes=[lane], data=key, steps=3, batch_size=16, device="cpu")
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert len(list(engine.train(experiment))) == 3


def test_a_folder_becomes_the_same_set_as_its_archive(tmp_path: Path) -> None:
    files = two_classes()
    for name, data in files.items():
        path = tmp_path / "pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    one, _ = add(tmp_path / "pets")
    two, _ = add(packed(tmp_path / "pets.zip", dict(sorted(files.items()))))
    assert two == "own-my-pets-2"
    for a, b in zip(cache.arrays(one), cache.arrays(two), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", pictures.FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_every_format_is_read_in_grey_and_in_colour(kind: str, mode: str, tmp_path: Path) -> None:
    ending = "jpg" if kind == "JPEG" else kind.lower()
    data = {f"{c}/{i}.{ending}": picture(kind, mode=mode) for c in "ab" for i in range(2)}
    key, troubles = add(packed(tmp_path / "x.zip", data), side=16)
    grey = mode == "L" and kind not in ("GIF", "WEBP")  # which keep colours in any case
    assert troubles == []
    assert dataset(key).input_shape[1:] == (16, 16)
    assert dataset(key).input_shape[0] == 1 or not grey


def test_the_shorter_side_is_scaled_and_the_middle_kept() -> None:
    wide = Image.new("RGB", (60, 20), (255, 0, 0))
    wide.paste((0, 0, 255), (20, 0, 40, 20))
    cut = pictures.cutter(10)(wide)
    assert cut.shape == (3, 10, 10)
    assert cut[2, 5, 5] == 255 and cut[0, 5, 5] == 0


@pytest.mark.parametrize("size", [(33, 57), (640, 480), (8, 9), (7, 130), (28, 28), (45, 30)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_square_is_pixel_for_pixel_that_of_torchvision(size: tuple[int, int], mode: str) -> None:
    from torchvision import transforms

    shape = (size[1], size[0], 3)[: 2 if mode == "L" else 3]
    given = Image.fromarray(RNG.integers(0, 256, shape, dtype=np.uint8))
    theirs = transforms.Compose([transforms.Resize(28), transforms.CenterCrop(28)])(given)
    assert pictures.square(given, 28).tobytes() == theirs.tobytes()


def test_an_npz_is_taken_as_it_is_stored_with_its_class_names(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    labels = np.arange(40) % 2
    np.savez(tmp_path / "x.npz", images=images, labels=labels, classes=np.array(["no", "yes"]))
    key, troubles = add(tmp_path / "x.npz")
    assert troubles == [] and dataset(key).classes == ("no", "yes")
    assert dataset(key).input_shape == (3, 12, 12)
    kept = {image.tobytes() for part in cache.arrays(key)[::2] for image in part}
    assert kept == {np.ascontiguousarray(i).tobytes() for i in images.transpose(0, 3, 1, 2)}


@pytest.mark.parametrize("shape", [(30, 40, 40), (30, 1, 200, 200), (30, 24, 30, 3)])
def test_an_npz_of_any_layout_is_resized_when_a_side_is_given(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    images = RNG.integers(0, 256, shape, dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array(["a", "b", "c"] * 10))
    key, _ = add(tmp_path / "x.npz", side=16)
    assert dataset(key).input_shape == (3 if shape[-1] == 3 else 1, 16, 16)
    assert dataset(key).classes == ("a", "b", "c")


# --- What is not -------------------------------------------------------------------------------

HUGE = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "text": ("cat/a.png", b"not a picture", "not a whole PNG, JPEG, GIF, BMP, WEBP, TIFF picture"),
    "empty": ("cat/a.png", b"", "the file is empty"),
    "cut short": ("cat/a.png", picture(size=(90, 90))[:2000], "not a whole"),
    "a bomb": ("cat/a.png", HUGE + bytes(4), "pixels|not a whole"),
    "a sliver": ("cat/a.png", picture(size=(400, 5)), "too narrow to cut a square from"),
    "a dot": ("cat/a.png", picture(size=(2, 2)), "must be at least 4×4"),
    "another format": ("cat/a.png", picture("PPM"), "not a whole"),
    "another ending": ("cat/a.exe", picture(), "must end in .png, .jpg"),
    "no class": ("a.png", picture(), "lies in no folder that names its class"),
    "a way out": ("../../cat/a.png", picture(), "its name leads out of the archive"),
    "a root": ("/etc/cat/a.png", picture(), "its name leads out of the archive"),
    "a drive": ("C:/cat/a.png", picture(), "its name leads out of the archive"),
    "backslashes": ("..\\cat\\a.png", picture(), "its name leads out|must end"),
    "a class of one": ("lone/a.png", picture(), "has one picture, needs two or more"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_named_in_one_sentence_and_the_good_ones_go_on(
    kind: str, tmp_path: Path
) -> None:
    name, data, sentence = BAD_FILES[kind]
    key, troubles = add(packed(tmp_path / "x.zip", two_classes() | {name: data}))
    assert len(troubles) == 1 and "\n" not in troubles[0]
    assert any(part in troubles[0] for part in sentence.split("|"))
    assert dataset(key).train_size + dataset(key).test_size == 10
    assert dataset(key).classes == ("cat", "dog")


def test_what_a_system_leaves_in_archives_is_passed_over(tmp_path: Path) -> None:
    litter = {"__MACOSX/cat/._a.png": b"x", "cat/.DS_Store": b"x", "cat/Thumbs.db": b"x"}
    assert add(packed(tmp_path / "x.zip", two_classes() | litter))[1] == []


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


IMAGES, LABELS = np.zeros((8, 9, 9), dtype=np.uint8), np.arange(8) % 2
BAD_SETS: dict[str, tuple[str, bytes, str]] = {
    "no archive": ("x.zip", b"PK nothing", "is not a whole zip archive"),
    "an empty archive": ("x.zip", b"PK\5\6" + bytes(18), "no picture could be used"),
    "no .npz": ("x.npz", b"\x93NUMPY", "is not a whole zip archive"),
    "other names": ("x.npz", _npz(x=IMAGES, y=LABELS), "must hold the arrays images and labels"),
    "a pickle": ("x.npz", _npz(images=np.array([{}, None]), labels=LABELS), "array images: object"),
    "labels as objects": ("x.npz", _npz(images=IMAGES, labels=LABELS.astype(object)), "labels: ob"),
    "floats": ("x.npz", _npz(images=IMAGES - 0.5, labels=LABELS), "array images: float64"),
    "five channels": (
        "x.npz",
        _npz(images=np.zeros((8, 5, 9, 9), np.uint8), labels=LABELS),
        "5 channels, must be 1 or 3",
    ),
    "large values": (
        "x.npz",
        _npz(images=IMAGES.astype(int) + 300, labels=LABELS),
        "or whole numbers from 0 to 255",
    ),
    "too few labels": ("x.npz", _npz(images=IMAGES, labels=LABELS[:5]), "8 images and 5 labels"),
    "one class": ("x.npz", _npz(images=IMAGES, labels=LABELS * 0), "1 classes with two pictures"),
    "no pictures": ("x.npz", _npz(images=IMAGES[:0], labels=LABELS[:0]), "none of them empty"),
    "a name too few": (
        "x.npz",
        _npz(images=IMAGES, labels=LABELS, classes=np.array(["a"])),
        "has no name among 1 classes",
    ),
    "another ending": ("x.rar", b"", "must be a folder, a .zip, a .tar, a .tar.gz or an .npz"),
    "no tar": ("x.tar", b"", "is not a whole tar archive"),
}


@pytest.mark.parametrize("kind", BAD_SETS)
def test_a_set_that_cannot_be_used_is_refused_in_one_sentence(kind: str, tmp_path: Path) -> None:
    name, data, sentence = BAD_SETS[kind]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SpecError) as caught:
        add(tmp_path / name)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
    assert not user_datasets.home().exists() or not list(user_datasets.home().iterdir())


def test_a_pickle_inside_an_npz_is_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    class Evil:
        def __reduce__(self) -> object:
            return (open, (str(trace), "w"))

    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|O", "fortran_order": False, "shape": (8,)}
        )
        for name in ("images", "labels"):
            archive.writestr(f"{name}.npy", head.getvalue() + pickle.dumps([Evil()]))
    with pytest.raises(SpecError):
        add(tmp_path / "x.npz")
    assert not trace.exists()


def test_an_array_whose_head_promises_terabytes_is_refused_unread(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000)}
    )
    packed(tmp_path / "x.npz", {"images.npy": head.getvalue(), "labels.npy": b""})
    with pytest.raises(SpecError, match="at most 2 GB"):
        add(tmp_path / "x.npz")


def test_a_zip_bomb_is_read_no_further_than_one_picture_may_be(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in two_classes().items():
            archive.writestr(name, data)
        archive.writestr("cat/bomb.png", bytes(pictures.MOST_BYTES * 3))
    _, troubles = add(tmp_path / "x.zip")
    assert troubles == ["cat/bomb.png: larger than 20 MB"]


def test_too_many_files_and_too_many_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "x.zip", two_classes())
    monkeypatch.setattr(archives, "MOST_FILES", 9)
    with pytest.raises(SpecError, match="10 files, must be at most 9"):
        add(path)
    monkeypatch.setattr(archives, "MOST_FILES", 10)
    monkeypatch.setattr(archives, "MOST_TOTAL", 3000)
    with pytest.raises(SpecError, match="unpacks to more than"):
        add(path)


@pytest.mark.parametrize("side", [-1, 1, 7, 129, 10**9])
def test_a_side_out_of_bounds_is_refused_in_one_sentence(side: int, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"side {side}: must be a whole number from 8 to 128"):
        add(packed(tmp_path / "x.zip", two_classes()), side)


# --- Keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title", ["../../etc", "a/b", "Ünï çødé", "💥", "x" * 500, "-rf", "con", "a\0b", "own-own-x"]
)
def test_any_title_makes_a_key_of_checked_characters(title: str, home: Path) -> None:
    key = user_datasets.reserve(title)
    assert user_datasets.is_key(key) and (home / "own" / key).is_dir()
    assert [path.name for path in (home / "own").iterdir()] == [key]
    assert user_datasets.reserve(title) != key


def test_a_set_of_ones_own_is_removed_and_no_other(tmp_path: Path) -> None:
    key, _ = add(packed(tmp_path / "x.zip", two_classes()))
    for wrong in ("digits", "own-", "own-../cache", "own-nothing"):
        with pytest.raises(SpecError):
            user_datasets.remove(wrong)
    user_datasets.remove(key)
    assert key not in registry.datasets()
    with pytest.raises(SpecError, match="must be one of"):
        dataset(key)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"title": 1, "input_shape": [1]}'])
def test_a_folder_with_a_damaged_description_is_no_data_set(text: str, home: Path) -> None:
    (home / "own" / "own-x").mkdir(parents=True)
    (home / "own" / "own-x" / "about.json").write_text(text, encoding="utf-8")
    assert "own-x" not in registry.datasets()


# --- Mutations ---------------------------------------------------------------------------------


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Bytes changed, cut out, put in twice, or cut off."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, max(1, len(out))))
        size = int(rng.integers(1, 40))
        kind = rng.integers(0, 5)
        if kind == 0:
            out[at : at + size] = rng.bytes(min(size, max(0, len(out) - at)))
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = out[at : at + size] * int(rng.integers(1, 20))
        elif kind == 3:
            del out[at:]
        else:
            out[at : at + 4] = b"\xff\xff\xff\x7f"
    return bytes(out)


def _seeds() -> Iterator[tuple[str, bytes]]:
    for kind in pictures.FORMATS:
        yield ".zip", _zipped({"cat/a.png": picture(kind), "dog/b.png": picture(kind, mode="L")})
    yield ".npz", _npz(images=IMAGES, labels=LABELS, classes=np.array(["a", "b"]))
    yield ".zip", _zipped({"../x/a.png": picture(), "/y/b.png": picture()})


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("count", [120, pytest.param(1000, marks=pytest.mark.long)])
def test_mutated_pictures_and_archives_do_no_harm(count: int, tmp_path: Path, home: Path) -> None:
    rng = np.random.default_rng(7)
    seeds = list(_seeds())
    stage = tmp_path / "stage"
    stage.mkdir()
    made = 0
    for number in range(count):
        ending, data = seeds[number % len(seeds)]
        if number % 2 and ending == ".zip":  # half of them: a whole archive of a damaged picture
            with zipfile.ZipFile(io.BytesIO(data)) as inner:
                files = {n: _mutated(inner.read(n), rng) for n in inner.namelist()}
            data = _zipped(two_classes(each=2, size=(5, 5)) | files)
        else:
            data = _mutated(data, rng)
        path = stage / f"x{ending}"
        path.write_bytes(data)
        try:
            key, troubles = add(path, side=8)
        except SpecError as error:
            assert "\n" not in str(error) and len(str(error)) < 400
            continue
        made += 1
        assert all("\n" not in text and len(text) < 400 for text in troubles)
        assert len(cache.arrays(key)[0]) >= 2
        user_datasets.remove(key)
    assert made > 0.3 * count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "stage"]
    assert sorted(path.name for path in stage.iterdir()) == ["x.npz", "x.zip"]
    assert {path.name for path in home.iterdir()} <= {"own", "arrays"}


# --- The command line --------------------------------------------------------------------------


def _command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]]]:
    status = main(["data", "--json", *words])
    return status, [strict(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_line_adds_prepares_lists_and_removes_a_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = packed(tmp_path / "x.zip", two_classes() | {"cat/bad.png": b"?"})
    status, events = _command(capsys, "add", str(path), "--title=-Odd / title", "--side=8")
    assert status == 0 and events[-1]["key"] == "own-odd-title"
    assert [event["trouble"][:11] for event in events if "trouble" in event] == ["cat/bad.png"]
    assert _command(capsys, "prepare", "own-odd-title")[0] == 0
    found = cache.linear("own-odd-title")
    assert found is not None and 0 <= found["error"] <= 1 and found["held_out_images"] == 2
    keys = [event["key"] for event in _command(capsys, "list")[1]]
    assert keys == [*registry.datasets()]
    status, events = _command(capsys, "remove", "own-odd-title")
    assert status == 0 and "own-odd-title" not in registry.datasets()
    status, events = _command(capsys, "get", "digits")
    assert status == 2 and "comes with skipviz" in events[-1]["error"]
