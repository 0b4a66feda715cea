"""Drawings and files gathered one by one: what the browser tells is checked, nothing is lost."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from skipviz.core.registry import dataset
from skipviz.datafiles import adding, cache
from skipviz.ui.data import collect_pictures
from skipviz.ui.data.collect_pictures import Gathered
from skipviz.ui.draw import SIDE, new_pictures


@pytest.fixture(autouse=True)
def session() -> Iterator[None]:
    st.session_state.clear()
    yield
    st.session_state.clear()


def plane(value: int = 255) -> str:
    return f"{value:02x}" * (SIDE * SIDE)


def keep(label: str, count: int) -> None:
    for number, _, data in new_pictures([[n, label, plane(n)] for n in range(1, count + 1)], 0):
        collect_pictures.gathered().append(Gathered(label, f"drawing-{number}.png", data, "x"))


def test_a_drawing_becomes_a_grey_picture_of_its_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    [(number, label, data)] = new_pictures([[1, "cup", pixels.tobytes().hex()]], 0)
    assert (number, label) == (1, "cup")
    image = Image.open(io.BytesIO(data))
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_drawing_that_was_seen_is_not_added_again_and_a_later_one_is() -> None:
    told = [[n, "cup", plane()] for n in (3, 4, 5)]
    assert [number for number, _, _ in new_pictures(told, 4)] == [5]
    assert new_pictures(told, 5) == []


@pytest.mark.parametrize(
    "told",
    [
        None,
        "text",
        {"a": 1},
        [None, 3, "x", [], [1], [1, "cup"]],
        [[1, "cup", "ff"]],
        [[1, "cup", "xx" * SIDE * SIDE]],
        [[1, "", plane()]],
        [["1", "cup", plane()]],
        [[1, 2, plane()]],
        [[1, "cup", plane() + "\n"]],
    ],
)
def test_what_is_no_drawing_is_passed_over(told: Any) -> None:
    assert new_pictures(told, 0) == []


def test_the_page_says_what_a_set_still_lacks() -> None:
    assert "at least two classes" in collect_pictures.missing()
    keep("cup", 2)
    assert "at least two classes" in collect_pictures.missing()
    keep("dog", 1)
    assert collect_pictures.missing() == "Every class needs at least 2 pictures: add to dog."
    keep("dog", 1)
    assert (collect_pictures.missing(), collect_pictures.left_out()) == ("", "")
    keep("hat", 1)
    assert collect_pictures.missing() == ""
    assert collect_pictures.left_out() == "With one picture alone, hat will be left out."
    keep("*a* $x$", 1)
    assert r"hat and \*a\* \$x\$ will be left out" in collect_pictures.left_out()


def test_the_newest_picture_is_taken_back_whatever_its_class() -> None:
    keep("cup", 2)
    keep("dog", 1)
    keep("cup", 1)
    collect_pictures.take_back()
    assert {label: len(found) for label, found in collect_pictures.by_class().items()} == {
        "cup": 2,
        "dog": 1,
    }
    for _ in range(5):
        collect_pictures.take_back()
    assert collect_pictures.gathered() == []


def test_what_was_added_while_a_set_was_made_stays() -> None:
    keep("cup", 2)
    made = list(collect_pictures.gathered())
    keep("cup", 2)  # alike, but other pictures
    collect_pictures.take_off(made)
    assert len(collect_pictures.gathered()) == 2
    assert not any(one is other for one in collect_pictures.gathered() for other in made)


def test_gathered_pictures_take_the_checked_way_of_all_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    for label in ("../up", "a/b", "Tasse"):
        keep(label, 5)
    collect_pictures.pack(tmp_path / "x.zip", collect_pictures.gathered())
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert len(set(archive.namelist())) == 16
    told: list[Any] = []
    key = adding.add("Drawn", tmp_path / "x.zip", 0, lambda **event: told.append(event))
    assert not [event for event in told if "trouble" in event]
    declared = dataset(key)
    assert declared.input_shape == (1, adding.SIDE, adding.SIDE)
    assert declared.classes == ("../up", "Tasse", "a/b")
    assert (declared.train_size, declared.test_size) == (12, 3)
    assert len(cache.arrays(key, 4)[0]) == 12
