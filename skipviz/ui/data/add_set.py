"""The form that makes a data set of one's own pictures: gathered one by one, or an archive."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core import places, registry
from skipviz.core.knob import SpecError
from skipviz.datafiles import archives, pictures
from skipviz.datafiles.background_jobs import BackgroundJob
from skipviz.ui import access
from skipviz.ui.data import collect_pictures, contents, jobs
from skipviz.ui.data.page import under_way
from skipviz.ui.notes import complain, only_the_lecturer

SIZES = {"As it is (pictures: 32×32)": 0, "16×16": 16, "28×28": 28, "32×32": 32, "64×64": 64}
MOST_MB = 100
ARCHIVE = "An archive or .npz"


def form() -> str | None:
    """The form; the key of a set that has just been made."""
    if not access.may(Action.ADD_DATA):
        only_the_lecturer("Your own pictures can be a data set here", Action.ADD_DATA)
        return None
    key = _outcome()
    _announce()
    st.markdown(
        "Pictures are checked, cut to squares and kept on this server as one more data set of the"
        " Lab: **everybody who uses this server can see and train on them.** At least two classes"
        " with two pictures each; one in five is held out, by the experiment's seed, where you do"
        " not bring a test part."
    )
    left, middle, right = st.columns([3, 2, 2])
    with left:
        way = st.segmented_control(
            "Where from",
            [*collect_pictures.WAYS, ARCHIVE],
            default=collect_pictures.DRAW,
            required=True,
            key="own_way",
        )
    title = middle.text_input("Name of the data set", "My pictures", max_chars=60, key="own_title")
    side = SIZES[str(right.selectbox("Size", list(SIZES), key="own_side"))]
    if way in (ARCHIVE, collect_pictures.FILES):
        _stretch()
    if way == ARCHIVE:
        _archive(title, side)
    else:
        _one_by_one(str(way), title, side)
    return key


def _stretch() -> None:
    """One factor for all 16-bit pictures that are dark as they are."""
    least, most = pictures.STRETCHES
    st.number_input(
        "Stretch 16-bit pictures",
        least,
        most,
        least,
        help="16-bit values are divided by 65535, whatever a picture's own largest value is. Where"
        " a camera fills only a part of this range (12 bits: 4095), all pictures are dark: this"
        " factor (12 bits: 16) multiplies the values of every picture of the set.",
        key="own_stretch",
        width=240,
    )


def _archive(title: str, side: int) -> None:
    upload = st.file_uploader(
        "A .zip or .tar.gz with a folder of pictures for each class (inside `train` and `test`"
        " where you have both), or an .npz with the arrays `images` (N×H×W, N×H×W×C or N×C×H×W;"
        " bytes, or values from 0 to 1), `labels` and, if you like, `classes`, `test_images` and"
        " `test_labels`",
        type=[each[1:] for each in (".zip", ".npz", *archives.TARS, ".gz", ".bz2", ".xz")],
        max_upload_size=MOST_MB,
        key="own_archive",
    )
    if st.button(
        "Make the data set", type="primary", disabled=upload is None or _busy(), key="own_make"
    ):
        assert upload is not None
        ending = archives.ending(upload.name)
        if not ending:
            complain(SpecError(f"{upload.name}: must be a .zip, a .tar, a .tar.gz or an .npz"))
            return
        data = upload.getbuffer()
        _start(ending, lambda path: path.write_bytes(data), title, side)


def _one_by_one(way: str, title: str, side: int) -> None:
    left, right = st.columns([2, 3], gap="large")
    with left:
        collect_pictures.form(way)
    with right:
        collect_pictures.show()
        pictures_so_far, missing = list(collect_pictures.gathered()), collect_pictures.missing()
        row = st.container(horizontal=True)
        make = row.button(
            "Make the data set",
            type="primary",
            disabled=bool(missing) or _busy(),
            key="own_make_all",
        )
        row.button(
            "Take the last one back",
            icon=":material/undo:",
            disabled=not pictures_so_far,
            on_click=collect_pictures.take_back,
            key="own_undo",
        )
        row.button(
            "Begin again",
            disabled=not pictures_so_far,
            on_click=collect_pictures.gathered().clear,
            key="own_clear",
        )
        sentence = missing or collect_pictures.left_out()
        if pictures_so_far and sentence:
            st.caption(sentence)
        if make:
            _start(
                ".zip",
                lambda path: collect_pictures.pack(path, pictures_so_far),
                title,
                side,
                pictures_so_far,
            )


def _start(
    ending: str,
    write: Callable[[Path], object],
    title: str,
    side: int,
    pictures_so_far: Sequence[collect_pictures.Gathered] = (),
) -> None:
    """Writes what was given into a folder of its own and has it checked in another process; `found`
    is taken off the gathered pictures when it is a data set."""
    access.require(Action.ADD_DATA)
    folder = places.cache() / "incoming" / secrets.token_hex(16)
    try:
        with places.disk_errors(places.cache()):
            folder.mkdir(parents=True)
            write(folder / f"upload{ending}")
        words = ("add", str(folder / f"upload{ending}"))
        stretch = st.session_state.get("own_stretch", 1.0)
        options = (f"--title={title or 'My pictures'}", f"--side={side}", f"--stretch={stretch}")
        job = jobs.start(*words, options=options, clear=folder)
    except SpecError as error:
        shutil.rmtree(folder, ignore_errors=True)
        complain(error)
        return
    if job is None:
        shutil.rmtree(folder, ignore_errors=True)
        complain(SpecError("three data sets are being read already; try again in a moment"))
        return
    st.session_state.own_errand, st.session_state.own_packed = words, pictures_so_far
    st.rerun()


def _announce() -> None:
    """Says that the newest set is made, to whoever still looks at the form."""
    newest = st.session_state.get("own_newest")
    sets = registry.datasets()
    if newest in sets and not _busy():
        st.success(
            "**Your data set is made.** It is shown at the top of this page, and the Lab offers it"
            " beside the others.",
            icon=":material/check:",
        )
        contents.train(newest, sets[newest])


def _busy() -> bool:
    """Is one of this session's sets being made?"""
    job = jobs.find(*st.session_state.get("own_errand", ()))
    return job is not None and job.state == "running"


def _outcome() -> str | None:
    """How the last one went: its progress, what was left out and why, and the key that came of
    it, once."""
    words: tuple[str, ...] = st.session_state.get("own_errand", ())
    job = jobs.find(*words)
    if job is None:
        return None
    if job.state == "running":
        under_way(*words)
        return None
    if job.state == "failed":
        complain(SpecError(job.error))
    _troubles(job)
    if job.state == "done" and job.key not in st.session_state.setdefault("own_added", set()):
        st.session_state.own_added.add(job.key)
        collect_pictures.take_off(st.session_state.pop("own_packed", ()))
        st.session_state.own_newest = job.key
        return job.key
    return None


def _troubles(job: BackgroundJob) -> None:
    if job.notes and job.state == "failed":  # else they stand beside the set
        with st.expander("How they were taken", icon=":material/info:"):
            st.code("\n".join(job.notes), language=None, wrap_lines=True)
    count = len(job.troubles) + job.more
    if count:
        with st.expander(f"{count} left out, and why", icon=":material/warning:"):
            st.code("\n".join(job.troubles), language=None, wrap_lines=True)
