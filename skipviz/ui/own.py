"""The form that makes a data set of one's own pictures: an archive, or class by class."""

from __future__ import annotations

import re
import secrets
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from skipviz.datafiles import errands, places
from skipviz.datafiles.archives import printable
from skipviz.datafiles.errands import Errand
from skipviz.datafiles.pictures import ENDINGS
from skipviz.knob import SpecError
from skipviz.ui.data import under_way
from skipviz.ui.notes import complain

SIZES = {"As it is (pictures: 32×32)": 0, "16×16": 16, "28×28": 28, "32×32": 32, "64×64": 64}
MOST_MB = 100
MOST_GATHERED = 60_000_000


def form() -> str | None:
    """The form; the key of a set that has just been made."""
    made = _outcome()
    st.markdown(
        "Pictures are checked, cut to squares and kept on this server as one more data set of the"
        " Lab: **everybody who uses this server can see and train on them.** At least two classes"
        " with two pictures each; one in five is held out."
    )
    left, right = st.columns(2)
    title = left.text_input("Name of the data set", "My pictures", max_chars=60, key="own_title")
    side = SIZES[str(right.selectbox("Size", list(SIZES), key="own_side"))]
    archive, by_class = st.tabs(["A .zip or .npz", "Class by class"])
    with archive:
        _archive(title, side)
    with by_class:
        _by_class(title, side)
    return made


def _archive(title: str, side: int) -> None:
    given = st.file_uploader(
        "A .zip with a folder of pictures for each class, or an .npz with the arrays `images`"
        " (N×H×W, N×H×W×C or N×C×H×W, uint8), `labels` and, if you like, `classes`",
        type=["zip", "npz"],
        max_upload_size=MOST_MB,
        key="own_archive",
    )
    if st.button("Make the data set", type="primary", disabled=given is None, key="own_make"):
        assert given is not None
        ending = ".npz" if given.name.lower().endswith(".npz") else ".zip"
        data = given.getbuffer()
        _start(ending, lambda path: path.write_bytes(data), title, side)


def _by_class(title: str, side: int) -> None:
    gathered: dict[str, list[tuple[str, bytes]]] = st.session_state.setdefault("own_gathered", {})
    left, right = st.columns(2)
    name = printable(left.text_input("Class", key="own_class", placeholder="cup"))
    camera = left.toggle("Use the camera", key="own_camera")
    turn = st.session_state.setdefault("own_turn", 0)
    with right:
        given: Any = (
            st.camera_input("A picture of this class", key=f"own_photo_{turn}")
            if camera
            else st.file_uploader(
                "Pictures of this class",
                type=[ending[1:] for ending in ENDINGS],
                accept_multiple_files=True,
                key=f"own_files_{turn}",
            )
        )
    files = given if isinstance(given, list) else [given] if given is not None else []
    if left.button("Add to this class", disabled=not files, key="own_add"):
        if name:
            _gather(gathered, name, files)
        else:
            complain(SpecError("class: type what these pictures show first"))
    counts = "; ".join(f"{label}: {len(found)}" for label, found in gathered.items())
    st.caption(f"So far: {counts}." if counts else "So far: nothing.")
    row = st.container(horizontal=True)
    if row.button(
        "Make the data set of these", type="primary", disabled=len(gathered) < 2, key="own_make_all"
    ):
        _pack(gathered, title, side)
    if row.button("Begin again", disabled=not gathered, key="own_clear"):
        gathered.clear()
        st.rerun()


def _gather(gathered: dict[str, list[tuple[str, bytes]]], name: str, files: list[Any]) -> None:
    """Keeps the given files for a class until the set is made."""
    total = sum(len(data) for found in gathered.values() for _, data in found)
    if total + sum(file.size for file in files) > MOST_GATHERED:
        complain(SpecError("pictures: more than 60 MB together; make a .zip of them instead"))
        return
    found = gathered.setdefault(name, [])
    found += [(PurePath(file.name).name, file.getvalue()) for file in files]
    st.session_state.own_turn += 1
    st.rerun()


def _pack(gathered: dict[str, list[tuple[str, bytes]]], title: str, side: int) -> None:
    """Makes an archive of the gathered files, which then goes the way of all archives."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, files in gathered.items():
                folder = re.sub(r"[/\\:]", " ", name).strip(". ") or "class"
                for number, (file, data) in enumerate(files):
                    archive.writestr(f"{folder}/{number} {file}", data)

    _start(".zip", write, title, side)


def _start(ending: str, write: Callable[[Path], object], title: str, side: int) -> None:
    """Writes what was given into a folder of its own and has it checked in another process."""
    folder = places.cache() / "incoming" / secrets.token_hex(16)
    try:
        with places.disk_errors(places.cache()):
            folder.mkdir(parents=True)
            write(folder / f"upload{ending}")
    except SpecError as error:
        shutil.rmtree(folder, ignore_errors=True)
        complain(error)
        return
    words = ("add", str(folder / f"upload{ending}"))
    options = (f"--title={title or 'My pictures'}", f"--side={side}")
    if errands.start(*words, options=options, clear=folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        complain(SpecError("three data sets are being read already; try again in a moment"))
        return
    st.session_state.own_errand = words
    st.rerun()


def _outcome() -> str | None:
    """How the last one went: its progress, what was left out and why, and the key that came of
    it, once."""
    words: tuple[str, ...] = st.session_state.get("own_errand", ())
    errand = errands.find(*words)
    if errand is None:
        return None
    if errand.state == "running":
        under_way(*words)
        return None
    if errand.state == "failed":
        complain(SpecError(errand.error))
    _troubles(errand)
    if errand.state == "done" and errand.key not in st.session_state.setdefault("own_added", set()):
        st.session_state.own_added.add(errand.key)
        st.session_state.get("own_gathered", {}).clear()
        return errand.key
    return None


def _troubles(errand: Errand) -> None:
    count = len(errand.troubles) + errand.more
    if count:
        with st.expander(f"{count} left out, and why", icon=":material/warning:"):
            st.code("\n".join(errand.troubles), language=None, wrap_lines=True)
