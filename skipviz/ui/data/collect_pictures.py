"""Pictures gathered one by one for a data set of one's own: drawn, photographed or from files.

They are kept with the session, so that neither an error nor another page loses them; what has been
made into a data set is taken off.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from skipviz.core.escapes import markdown
from skipviz.core.knob import SpecError
from skipviz.core.strict_json import dumps
from skipviz.datafiles import pictures
from skipviz.datafiles.layout import NAMES
from skipviz.datafiles.names import printable
from skipviz.ui.draw import draw_many
from skipviz.ui.notes import complain
from skipviz.ui.pictures import data_address

DRAW, CAMERA, FILES = "Draw", "Camera", "Files, class by class"
WAYS = (DRAW, CAMERA, FILES)
MOST_BYTES = 60_000_000
MOST_TILES = 24
TILE = 48
LEAST = 2
"""Pictures that a class needs: one to train on, one to hold out."""


@dataclass(frozen=True)
class Gathered:
    """One picture: its class, the name of its file, its bytes, and a small one to show (a data:
    address, "" where the file is no picture)."""

    label: str
    name: str
    data: bytes
    tile: str


def gathered() -> list[Gathered]:
    """Every picture so far, in the order in which they came."""
    pictures_so_far: list[Gathered] = st.session_state.setdefault("own_gathered", [])
    return pictures_so_far


def form(way: str) -> None:
    """A place to draw, photograph or give pictures of one class after the other."""
    label = printable(
        st.text_input("Class", key="own_class", placeholder="What is it? Such as: cup")
    )
    if way == DRAW:
        _drawn(label)
    else:
        _given(way, label)
    others = [name for name in by_class() if name != label]
    row = st.container(horizontal=True, gap="small")  # under the square, which must not move
    for i, name in enumerate(others):
        row.button(f"Go on with {name}", key=f"own_go_{i}", on_click=_go_on, args=(name,))


def _go_on(label: str) -> None:
    st.session_state.own_class = label


def _drawn(label: str) -> None:
    newest_number = st.session_state.setdefault("own_seen", 0)
    news = draw_many(label, newest_number, key="own_canvas")
    for number, name, data in news:
        st.session_state.own_seen = number
        _keep(printable(name), [("drawing.png", data)])


def _given(way: str, label: str) -> None:
    turn = st.session_state.setdefault("own_turn", 0)
    given: Any = (
        st.camera_input("A picture of this class", key=f"own_photo_{turn}")
        if way == CAMERA
        else st.file_uploader(
            "Pictures of this class",
            type=[ending[1:] for ending in pictures.ENDINGS],
            accept_multiple_files=True,
            key=f"own_files_{turn}",
        )
    )
    if way == CAMERA:
        st.caption("Browsers lend their camera only over https, or from this very machine.")
    files = given if isinstance(given, list) else [given] if given is not None else []
    text = f"Add to “{markdown(label)}”" if label else "Add to this class"
    if not st.button(text, disabled=not files, key="own_add"):
        return
    if not label:
        complain(SpecError("class: type what these pictures show first"))
    elif _keep(label, [(PurePath(file.name).name, file.getvalue()) for file in files]):
        st.session_state.own_turn += 1
        st.rerun()


def _keep(label: str, files: list[tuple[str, bytes]]) -> bool:
    """Keeps pictures of a class; not one of them where they are too much together."""
    total = sum(len(one.data) for one in gathered()) + sum(len(data) for _, data in files)
    if total > MOST_BYTES:
        complain(SpecError("pictures: more than 60 MB together; make a .zip of them instead"))
        return False
    gathered().extend(Gathered(label, name, data, _tile(data)) for name, data in files)
    return True


def _tile(data: bytes) -> str:
    """A small picture of the file, cut as the data set will cut it."""
    try:
        picture = pictures.decode(data).image
    except SpecError:
        return ""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    small = picture.resize((TILE, TILE), Image.Resampling.BOX, (left, top, left + side, top + side))
    return data_address([np.asarray(plane) for plane in small.split()], 255)


# --- What there is so far ----------------------------------------------------------------------


def by_class() -> dict[str, list[Gathered]]:
    """The pictures so far, by class."""
    classes: dict[str, list[Gathered]] = {}
    for one in gathered():
        classes.setdefault(one.label, []).append(one)
    return classes


def show() -> None:
    """Every class with its pictures as tiles, or what to do where there is none."""
    classes = by_class()
    if not classes:
        st.info(
            "**Nothing yet.** Name a class on the left and add pictures of it: each stands here as"
            " a small tile. Then type the next name.",
            icon=":material/draw:",
        )
        return
    rows = "".join(_row(label, of_class) for label, of_class in classes.items())
    st.html(f'<div class="skip-sheet">{rows}</div>')


def _row(label: str, of_class: list[Gathered]) -> str:
    text, more = escape(label), len(of_class) - MOST_TILES
    tiles = "".join(
        f'<img src="{one.tile}" alt="{text} {number}">'
        if one.tile
        else f'<span title="{escape(one.name)}">no picture</span>'
        for number, one in enumerate(of_class[-MOST_TILES:], max(more, 0) + 1)
    )
    before = f"<span>{more} more</span>" if more > 0 else ""
    return (
        f'<div class="skip-class"><div><b title="{text}">{text}</b>'
        f"<small>{len(of_class)} picture{'s' * (len(of_class) != 1)}</small></div>"
        f'<div class="skip-drawn">{before}{tiles}</div></div>'
    )


def missing() -> str:
    """What a data set still lacks, in one sentence; empty where one can be made."""
    classes = by_class()
    whole = [label for label, of_class in classes.items() if len(of_class) >= LEAST]
    if len(whole) >= 2:
        return ""
    short = [label for label in classes if label not in whole]
    if len(classes) < 2:
        return "A data set needs at least two classes: name another one and add pictures of it."
    return f"Every class needs at least {LEAST} pictures: add to {_listed(short)}."


def left_out() -> str:
    """Which classes a data set made now would not have, in one sentence; empty where none."""
    short = [label for label, of_class in by_class().items() if len(of_class) < LEAST]
    return f"With one picture alone, {_listed(short)} will be left out." if short else ""


def _listed(labels: Sequence[str]) -> str:
    """Names of classes in a sentence that Streamlit reads as Markdown: as they were typed."""
    return " and ".join(map(markdown, labels))


def take_back() -> None:
    """Takes the newest picture off."""
    if gathered():
        gathered().pop()


def take_off(pictures_so_far: Iterable[Gathered]) -> None:
    """Takes off what has become a data set; what was added meanwhile stays."""
    gone = {id(one) for one in pictures_so_far}
    gathered()[:] = [one for one in gathered() if id(one) not in gone]


def pack(path: Path, pictures_so_far: Iterable[Gathered]) -> None:
    """Writes pictures as an archive with a numbered folder for each class; their names stand in a
    file beside them, so that none has to be changed to be a folder's."""
    gathered_pictures = list(pictures_so_far)
    labels = list(dict.fromkeys(one.label for one in gathered_pictures))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAMES, dumps({str(n): label for n, label in enumerate(labels)}))
        for number, one in enumerate(gathered_pictures):
            ending = PurePath(one.name).suffix
            archive.writestr(f"{labels.index(one.label)}/{number}{ending}", one.data)
