"""Transparent, deep and oddly named pictures, folders and arrays: each kind by its right value."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skipviz.cli.main import main
from skipviz.core import user_datasets
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset
from skipviz.datafiles import adding, cache, layout, names, pictures

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def encoded(pixels: np.ndarray, kind: str = "PNG", mode: str | None = None, **more: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, kind, **more) if mode else Image.fromarray(
        pixels
    ).save(out, kind, **more)
    return out.getvalue()


def noise() -> bytes:
    return encoded(RNG.integers(0, 256, (12, 12), dtype=np.uint8))


def folder(root: Path, *files: str, data: bytes | None = None) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data or noise())
    return root


def add(path: Path, side: int = 0, **more: Any) -> tuple[str, list[str], list[str]]:
    events: list[dict[str, Any]] = []
    key = adding.add("Mine", path, side, lambda **event: events.append(event), **more)
    told = {kind: [e[kind] for e in events if kind in e] for kind in ("note", "trouble")}
    return key, told["note"], told["trouble"]


# --- Transparency and depth --------------------------------------------------------------------

INK = np.zeros((16, 16, 4), dtype=np.uint8)
INK[4, :, 3] = 255


def _png(bits: int, colour: int, row: bytes, key: bytes = b"") -> bytes:
    """A PNG of 16 equal rows, as no encoder at hand writes it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 16, 16, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + (chunk(b"tRNS", key) if key else b"")
    return (
        b"\x89PNG\r\n\x1a\n"
        + body
        + chunk(b"IDAT", zlib.compress((b"\0" + row) * 16))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", None), ("PNG", "LA"), ("PNG", "PA"), ("WEBP", None), ("GIF", None), ("TIFF", None)],
)
def test_black_ink_on_clear_ground_is_black_on_white(kind: str, mode: str | None) -> None:
    if mode == "PA":
        palette = Image.fromarray(np.where(INK[:, :, 3] > 0, 1, 0).astype(np.uint8), "L").convert(
            "P"
        )
        out = io.BytesIO()
        palette.putpalette([0, 0, 0] * 2)
        palette.save(out, "PNG", transparency=0)
        data = out.getvalue()
    elif mode == "LA":
        out = io.BytesIO()
        Image.merge("LA", [Image.fromarray(INK[:, :, c]) for c in (0, 3)]).save(out, "PNG")
        data = out.getvalue()
    else:
        data = encoded(INK, kind, **({"lossless": True} if kind == "WEBP" else {}))
    one = pictures.decode(data)
    grey = np.asarray(one.image.convert("L"))
    assert one.clear and (grey[4] == 0).all() and (np.delete(grey, 4, axis=0) == 255).all()


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (_png(8, 2, b"\0\0\0" * 8 + b"\xff\0\0" * 8, b"\0\0" * 3), [(255, 255, 255), (255, 0, 0)]),
        (_png(16, 2, bytes(6) * 8 + b"\xff\xff\0\0\0\0" * 8, bytes(6)), [(255,) * 3, (255, 0, 0)]),
        (_png(16, 0, b"\0\0" * 8 + b"\x80\0" * 8, b"\0\0"), [255, 128]),
        (_png(2, 0, b"\x55\x55\x00\x00", b"\0\1"), [255, 0]),
        (_png(16, 4, bytes(4) * 8 + b"\x80\0\xff\xff" * 8), [255, 128]),
        (_png(16, 6, bytes(8) * 8 + b"\x80\0\0\0\0\0\xff\xff" * 8), [(255,) * 3, (128, 0, 0)]),
    ],
)
def test_a_clear_colour_is_white_at_every_depth(data: bytes, right: list[Any]) -> None:
    one = pictures.decode(data)
    assert one.clear
    assert [one.image.getpixel((0, 0)), one.image.getpixel((15, 0))] == right


RAMP = np.tile(np.linspace(0, 65535, 16), (16, 1))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RAMP.astype(np.uint16), "PNG"),
        (RAMP.astype(np.uint16), "TIFF"),
        (RAMP.astype(">u2"), "TIFF"),
        ((RAMP / 65535).astype(np.float32), "TIFF"),
    ],
)
def test_deep_grey_is_divided_by_the_largest_value_of_its_format(
    values: np.ndarray, kind: str
) -> None:
    np.testing.assert_array_equal(
        np.asarray(pictures.decode(encoded(values, kind)).image)[0], np.arange(16) * 17
    )
    half = pictures.decode(encoded(values // 2 if kind == "PNG" else values, kind))
    assert np.asarray(half.image).max() == (127 if kind == "PNG" else 255)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (RAMP.astype(np.float32), "numbers with a point from 0 to 65535, must be from 0 to 1"),
        (np.full((16, 16), np.nan, dtype=np.float32), "must be from 0 to 1"),
        (RAMP.astype(np.int32), "32-bit numbers"),
    ],
)
def test_numbers_without_a_largest_value_are_refused(values: np.ndarray, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        pictures.decode(encoded(values, "TIFF"))


def test_dark_deep_sets_are_told_so_and_stretched_by_one_factor(tmp_path: Path) -> None:
    for label, top in (("a", 4095), ("b", 1000)):
        pixels = np.full((12, 12), top, dtype=np.uint16)
        folder(tmp_path / "x", f"{label}/0.png", f"{label}/1.tiff", data=None)
        for number, kind in enumerate(("PNG", "TIFF")):
            path = tmp_path / "x" / label / f"{number}.{'png' if kind == 'PNG' else 'tiff'}"
            path.write_bytes(encoded(pixels, kind))
    _, notes, _ = add(tmp_path / "x")
    assert "all are dark" in notes[-1] and "stretch 16 " in notes[-1]
    key, notes, _ = add(tmp_path / "x", stretch=16)
    assert "multiplied by 16, the same for all" in notes[-1]
    assert (cache.about(key) or {})["notes"] == notes
    images, labels = (
        np.concatenate(part) for part in (cache.arrays(key)[::2], cache.arrays(key)[1::2])
    )
    assert [sorted(set(images[labels == n].ravel().tolist())) for n in (0, 1)] == [[255], [62]]
    with pytest.raises(SpecError, match="none of these pictures has 16 bits"):
        add(folder(tmp_path / "y", *(f"{c}/{i}.png" for c in "ab" for i in "01")), stretch=2)


# --- Names -------------------------------------------------------------------------------------


def test_names_that_are_shortened_or_cleaned_stay_distinct() -> None:
    long = ["x" * 60 + " day", "x" * 60 + " night", "red fox", "red  fox", "red fox (2)", "\n", ""]
    shown = names.distinct(long)
    assert len(set(shown)) == len(long) and all(len(name) <= names.LONGEST for name in shown)
    assert shown[0].endswith(" day") and shown[2] == "red fox" and shown[4] == "red fox (2)"
    assert names.distinct(["Cats"], {"Cats", "Cats (2)"}) == ["Cats (3)"]


@pytest.mark.parametrize(
    ("labels", "right"),
    [
        (["x" * 60 + " day", "x" * 60 + " night", "other"], 3),
        (["red fox", "red  fox", "wolf"], 3),
        (["caf\u00e9", "cafe\u0301", "bar"], 2),
    ],
)
def test_folders_are_classes_of_their_own_but_for_the_spelling_of_an_accent(
    labels: list[str], right: int, tmp_path: Path
) -> None:
    key, notes, _ = add(folder(tmp_path / "x", *(f"{c}/{i}.png" for c in labels for i in "01")))
    assert len(set(dataset(key).classes)) == right
    assert any("same letters" in note for note in notes) == (right == 2)


def test_numbers_in_names_are_in_their_order(tmp_path: Path) -> None:
    key, *_ = add(folder(tmp_path / "x", *(f"{c}/{i}.png" for c in (1, 10, 2) for i in "01")))
    assert dataset(key).classes == ("1", "2", "10")


@pytest.mark.parametrize("text", ["Tür", "Кошка", "ねこ"])
def test_names_in_a_code_page_are_guessed_and_it_is_said(text: str, tmp_path: Path) -> None:
    page = {"T": "cp437", "К": "cp866", "ね": "cp932"}[text[0]]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for label in (text, "b"):
            for number in "01":
                archive.writestr(f"{label}/{number}.png", noise())
    assert not add(tmp_path / "x.zip")[1]  # zipfile says that they are UTF-8
    raw, utf = text.encode(page), text.encode()
    packed = (tmp_path / "x.zip").read_bytes()
    for head, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # take this word back
        packed = b"".join(
            piece if not n else head + piece[: at - 4] + b"\0\0" + piece[at - 2 :]
            for n, piece in enumerate(packed.split(head))
        )
    (tmp_path / "x.zip").write_bytes(packed)
    key, notes, _ = add(tmp_path / "x.zip")
    assert text in dataset(key).classes and not notes
    spaced = raw + b"_" * (len(utf) - len(raw))
    (tmp_path / "x.zip").write_bytes(packed.replace(utf, spaced))
    key, notes, _ = add(tmp_path / "x.zip")
    assert spaced.decode(page) in dataset(key).classes
    assert page in notes[0] and "a guess" in notes[0]


def test_a_zip_with_backslashes_is_read_as_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in (f"{c}\\{i}.png" for c in "ab" for i in "01"):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            archive.writestr(entry, noise())
    key, _, troubles = add(tmp_path / "x.zip")
    assert dataset(key).classes == ("a", "b") and not troubles


# --- Folders -----------------------------------------------------------------------------------


def files(*parts: str, each: int = 2) -> list[str]:
    return [f"{part}/{i}.png" for part in parts for i in range(each)]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("training", "testing"),
        ("Train", "VAL"),
        ("training_set", "test_set"),
        ("train2017", "val2017"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("x/train", "x/dev"),
    ],
)
def test_the_usual_names_of_the_parts_are_known(one: str, two: str, tmp_path: Path) -> None:
    names_of = files(f"{one}/a", f"{one}/b", each=5) + files(f"{two}/a", f"{two}/b")
    key, notes, _ = add(folder(tmp_path / "x", *names_of))
    assert (dataset(key).train_size, dataset(key).test_size) == (10, 4)
    assert any(note.startswith("held out: ") for note in notes)


def test_the_same_classes_under_two_parents_are_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", *files("fold1/a", "fold1/b", "fold2/a", "fold2/b"))
    with pytest.raises(SpecError, match="a, b lie in fold1, fold2: call the parts train and test"):
        add(path)


@pytest.mark.parametrize(
    ("names_of", "sentence"),
    [
        (
            files("d1/cat", "d2/cat", "d2/dog"),
            "cat lies in d1, d2, which were taken as the classes",
        ),
        (
            [*files("d1/a", "d1/b", "d2/a", "d2/b", "d3"), "d1/loose.png"],
            "a, b lie in d1, d2, which were taken as the classes",
        ),
    ],
)
def test_a_folder_that_lies_in_several_classes_is_named(
    names_of: list[str], sentence: str, tmp_path: Path
) -> None:
    key, notes, _ = add(folder(tmp_path / "x", *names_of))
    assert set(dataset(key).classes) == {name.partition("/")[0] for name in names_of}
    assert sum(note.startswith(sentence) for note in notes) == 1


def test_a_folder_of_one_class_alone_needs_no_word(tmp_path: Path) -> None:
    assert not any("lies in" in note for note in add(folder(tmp_path / "x", *files("a/x", "b")))[1])


def test_what_systems_and_programs_leave_behind_is_no_class_and_is_counted(tmp_path: Path) -> None:
    litter = [".ipynb_checkpoints", "__MACOSX", ".git", "@eaDir", "$RECYCLE.BIN", ".hidden", "~"]
    path = folder(tmp_path / "x", *files("a", "b"), *(f"a/{name}/0.png" for name in litter))
    folder(path, *(f"{name}/0.png" for name in litter), "a/Thumbs.db", "b/0.png~")
    key, notes, troubles = add(path)
    assert dataset(key).classes == ("a", "b") and dataset(key).train_size == 2 and not troubles
    assert f"{2 * len(litter) + 2} files of systems and programs" in notes[0]


def test_the_first_folder_is_the_class_and_deeper_pictures_are_said(tmp_path: Path) -> None:
    key, notes, _ = add(folder(tmp_path / "x", *files("a", "a/monday", "b")))
    assert dataset(key).classes == ("a", "b")
    assert "2 pictures in folders below a class (a/monday)" in notes[0]


def test_tiny_imagenets_folders_and_its_list_of_classes_are_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", *files("t/train/n1/images", "t/train/n2/images", each=3))
    folder(path, *(f"t/val/images/v{i}.png" for i in range(4)), *files("t/test/images", each=5))
    rows = "".join(f"v{i}.png\tn{i % 2 + 1}\t0\t0\t9\t9\n" for i in range(4))
    (path / "t/val/val_annotations.txt").write_text(rows, encoding="utf-8")
    key, _, troubles = add(path)
    assert dataset(key).classes == ("n1", "n2")
    assert (dataset(key).train_size, dataset(key).test_size) == (6, 4)
    assert np.bincount(cache.arrays(key)[3]).tolist() == [2, 2]
    assert troubles == ["t/test/images/0.png and 4 more: test names no class for it"]


def test_links_are_counted_and_not_followed(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", *files("a", "b"))
    (path / "a" / "9.png").symlink_to(path / "b" / "0.png")
    (path / "c").symlink_to(path / "b")
    key, notes, _ = add(path)
    assert dataset(key).classes == ("a", "b") and "2 links not followed" in notes[0]
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(path, "x")
    key, notes, _ = add(tmp_path / "x.tar.gz")
    assert dataset(key).train_size + dataset(key).test_size == 4
    assert "2 links not followed" in notes[0]


def test_links_in_a_zip_are_counted_and_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in files("a", "b"):
            archive.writestr(name, noise())
        for name, leads_to in (("a/9.png", "../b/0.png"), ("c", "b"), ("b/9.png", "/etc/passwd")):
            link = zipfile.ZipInfo(name)
            link.create_system = 3  # Unix
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, leads_to)
    key, notes, troubles = add(tmp_path / "x.zip")
    assert dataset(key).classes == ("a", "b") and not troubles
    assert dataset(key).train_size + dataset(key).test_size == 4
    assert notes[0].startswith("3 links not followed (a/9.png, c, b/9.png)")


def test_a_junction_of_windows_is_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path / "x", *files("a", "b", "c"))
    junction = str(path / "c")
    monkeypatch.setattr(os.path, "isjunction", lambda place: place == junction, raising=False)
    key, notes, _ = add(path)
    assert dataset(key).classes == ("a", "b") and notes[0].startswith("1 link not followed (c)")


def test_a_tar_that_leads_out_of_itself_is_no_way_out(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name in ("../a/0.png", "/a/0.png", *files("a", "b")):
            member = tarfile.TarInfo(name)
            data = noise()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    _, _, troubles = add(tmp_path / "x.tar")
    assert len(troubles) == 2 and all("leads out of the archive" in text for text in troubles)


def test_classes_json_names_the_folders(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", *files("n1", "n2"))
    (path / layout.NAMES).write_text(json.dumps({"n1": "a/b", "n2": "train"}), encoding="utf-8")
    assert dataset(add(path)[0]).classes == ("a/b", "train")


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ('{"n1": "cat", "n2": "dog", "n1": "cow"}', "n1"),
        (json.dumps({"caf\u00e9": "cat", "cafe\u0301": "dog"}), "caf\u00e9"),
    ],
)
def test_a_class_that_classes_json_names_twice_is_refused(
    text: str, twice: str, tmp_path: Path
) -> None:
    path = folder(tmp_path / "x", *files("n1", "n2"))
    (path / layout.NAMES).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        add(path)
    assert str(caught.value) == f"classes.json: '{twice}' stands in it twice; keep one"


def test_a_file_that_the_annotations_name_twice_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", *files("train/n1", "train/n2", "val/images", each=2))
    rows = "0.png\tn1\n1.png\tn2\n0.png\tn2\n"
    (path / "val" / layout.ANNOTATIONS).write_text(rows, encoding="utf-8")
    with pytest.raises(SpecError, match="'0.png' stands in it twice; keep one"):
        add(path)


# --- Arrays ------------------------------------------------------------------------------------

IMAGES = RNG.integers(0, 256, (12, 9, 9), dtype=np.uint8)
LABELS = np.arange(12) % 3


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(np.uint8),
        LABELS.astype(np.float64),
        LABELS[:, None],
        np.eye(3)[LABELS],
        LABELS.astype("S"),
        LABELS.astype("U"),
    ],
)
@pytest.mark.parametrize(
    ("x", "y"),
    [("images", "labels"), ("X_train", "y_train"), ("train_images", "train_labels")],
)
def test_labels_of_every_type_and_usual_name_are_taken(
    labels: np.ndarray, x: str, y: str, tmp_path: Path
) -> None:
    np.savez(
        tmp_path / "x.npz",
        **{
            x: IMAGES,
            y: labels,
            "x_test": IMAGES[:6],
            "y_test": LABELS[:6].astype(np.uint16)
            if labels.dtype.kind != "S" and labels.dtype.kind != "U"
            else labels[:6],
        },
    )
    key, notes, _ = add(tmp_path / "x.npz")
    assert dataset(key).classes == ("0", "1", "2") and notes[-1] == "held out: x_test"
    assert (dataset(key).train_size, dataset(key).test_size) == (12, 6)


@pytest.mark.parametrize(
    ("images", "right"),
    [
        (IMAGES / 255, IMAGES),
        ((IMAGES / 255).astype(np.float32), IMAGES),
        (IMAGES.astype(float), IMAGES),
        (IMAGES > 99, (IMAGES > 99) * 255),
        (IMAGES.astype(np.uint16) * 257, IMAGES),
    ],
)
def test_images_of_every_type_are_the_same_bytes(
    images: np.ndarray, right: np.ndarray, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", images=images, labels=LABELS)
    kept = cache.mapped(add(tmp_path / "x.npz")[0])
    assert kept is not None
    assert sorted(image.tobytes() for image in kept[0]) == sorted(
        image.astype(np.uint8).tobytes() for image in right
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"test_images": IMAGES}, "test_images has no test_labels beside it"),
        ({"y_val": LABELS}, "y_val has no val_images beside it"),
        ({"x_train": IMAGES}, "holds both images and x_train"),
    ],
)
def test_half_a_pair_of_arrays_is_refused(
    more: dict[str, np.ndarray], sentence: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS, **more)
    with pytest.raises(SpecError, match=sentence):
        add(tmp_path / "x.npz")


def test_an_array_that_lies_in_a_file_twice_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as packed, pytest.warns(match="Duplicate name"):
        packed.writestr("labels.npy", packed.read("labels.npy"))
    with pytest.raises(SpecError, match="'labels.npy' lies in it twice"):
        add(tmp_path / "x.npz")


@pytest.mark.parametrize("ending", ["jfif", "JFIF", "jpe", "jpg"])
def test_a_jpeg_is_taken_under_each_of_its_endings(ending: str, tmp_path: Path) -> None:
    grey = encoded(np.full((16, 16), 77, dtype=np.uint8), "JPEG")
    names_of = [f"{c}/{i}.{ending}" for c in "ab" for i in range(2)]
    key, _, troubles = add(folder(tmp_path / "x", *names_of, data=grey))
    kept = cache.mapped(key)
    assert kept is not None and not troubles and len(kept[0]) == 4
    assert abs(kept[0].astype(int) - 77).max() <= 1


def test_equal_names_of_classes_are_told_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=LABELS, classes=np.array(["a", "b", "a"]))
    assert dataset(add(tmp_path / "x.npz")[0]).classes == ("a", "b", "a (2)")


# --- What cannot be read or written ------------------------------------------------------------


def test_a_cache_that_is_a_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder(tmp_path / "x", *files("a", "b"))
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in ("file", "file/below"):
        monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / place))
        assert user_datasets.datasets() == {}
        assert "is a file, or lies below one" in user_datasets.trouble()
        assert main(["data", "add", str(path)]) == 2
        told = capsys.readouterr().err
        assert "is a file, or lies below one" in told and "Traceback" not in told


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("5 requested")])
def test_a_disk_that_is_full_halfway_leaves_nothing_behind(
    error: OSError, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "x", *files("a", "b"))
    real, saved = np.save, []

    def save(*args: Any, **more: Any) -> None:
        saved.append(args)
        if len(saved) == 3:
            raise error
        real(*args, **more)

    monkeypatch.setattr(cache.np, "save", save)
    with pytest.raises(SpecError, match="disk full") as caught:
        add(path)
    assert "\n" not in str(caught.value) and not list((home / "own").iterdir())


def test_files_and_folders_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder(tmp_path / "x", *files("a", "b", each=3))
    real = Path.open

    def refuse(self: Path, *args: Any, **more: Any) -> Any:
        if self.name == "2.png":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **more)

    monkeypatch.setattr(Path, "open", refuse)
    assert add(path)[2] == [f"{c}/2.png: cannot be read (permission denied)" for c in "ab"]
    with pytest.raises(SpecError, match="cannot be read"):
        add(tmp_path / "x" / "a" / "0.png" / "below")


def test_a_set_is_called_as_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder(tmp_path / "my.pets", *files("a", "b")))
    assert main(["data", "add", "."]) == 0
    assert [each.title for each in user_datasets.datasets().values()] == ["my.pets"]
    with tarfile.open(tmp_path / "v1.5.tar.gz", "w:gz") as archive:
        archive.add(os.getcwd(), "x")
    assert main(["data", "add", str(tmp_path / "v1.5.tar.gz")]) == 0
    assert sorted(each.title for each in user_datasets.datasets().values()) == ["my.pets", "v1.5"]
