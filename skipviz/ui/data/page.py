"""The Data page: which sets there are, what is in them, and how one gets here."""

from __future__ import annotations

from html import escape
from typing import Any

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core import knob, packages, places, registry, user_datasets
from skipviz.core.declarations import Dataset
from skipviz.core.escapes import markdown
from skipviz.core.knob import SpecError
from skipviz.datafiles import availability, cache, find
from skipviz.datafiles.background_jobs import BackgroundJob
from skipviz.ui import access
from skipviz.ui.data import contents, jobs
from skipviz.ui.notes import complain, only_the_lecturer


def choose() -> str:
    """The data set that the page shows; its key stands in the address."""
    sets = registry.datasets()
    unreadable = user_datasets.trouble()
    if unreadable:
        complain(SpecError(f"your own pictures: {unreadable}"))
    key_in_address = st.query_params.get("set", "")
    if "set" not in st.session_state or st.session_state["set"] not in sets:
        st.session_state["set"] = key_in_address if key_in_address in sets else next(iter(sets))
        if key_in_address and key_in_address not in sets:
            complain(
                SpecError(f"data {knob.show(key_in_address)}: there is no such set on this server")
            )
    set_key = st.pills(
        "Data set",
        list(sets),
        required=True,
        format_func=lambda key: (
            markdown(sets[key].title) + (" ⤓" if availability.missing(key) else "")
        ),
        key="set",
        label_visibility="collapsed",
    )
    st.query_params["set"] = str(set_key)
    return str(set_key)


def show_next(key: str | None = None) -> None:
    """Runs the page again with another set; without a key, at the page's beginning, chooses the
    set that it runs again for."""
    if key is not None:
        st.session_state.data_next = key
        st.rerun()
    set_key = st.session_state.pop("data_next", None)
    if set_key in registry.datasets():
        st.session_state["set"] = set_key


def show(key: str) -> None:
    """All there is to see of a set, or how to get it."""
    declared = registry.datasets()[key]
    left, right = st.columns([2, 3], gap="large")
    with left:
        facts(declared)
    with right:
        if availability.missing(key):
            offer(key, declared)
            return
        ready = prepare(key)
    about = cache.about(key)
    if not ready or about is None:
        return
    with left:
        show_notes(about)
        contents.yardstick(key, declared)
        contents.train(key, declared)
        remove(key)
        contents.pixels(declared, about)
    with right:
        contents.contact_sheet(key, declared, about)


def facts(declared: Dataset) -> None:
    """What it is, how large, from where, and what may be done with it."""
    st.markdown(f"**{markdown(declared.summary)}**")
    channels, height, width = declared.input_shape
    points = height == 1
    kind = "x and y" if points else {1: "grey", 3: "colour"}[channels]
    of = "points of the plane" if points else f"pictures of {height}×{width} pixels"
    size = (declared.train_size + declared.test_size) * channels * height * width
    share = f"; one in {declared.held_out} of each class, by the experiment's seed"
    sharing = "each worker" if declared.held_out else "all workers"
    rows = {
        "For training": f"{declared.train_size:,} {of}, {kind}",
        "Held out": f"{declared.test_size:,}: no net trains on them"
        + (share if declared.held_out else ""),
        "Classes": f"{declared.num_classes}",
        "In memory": f"{places.megabytes(size)}, one byte a value, once for {sharing}",
        "Origin": escape(declared.origin),
        "Licence": escape(declared.licence),
    }
    if declared.citation:
        rows["Cite"] = escape(declared.citation)
    cells = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in rows.items())
    st.html(f'<table class="skip-facts">{cells}</table>')


# --- Getting it here ---------------------------------------------------------------------------


def offer(key: str, declared: Dataset) -> None:
    """The one click that downloads a set, its size beforehand, and what to do without a network."""
    assert declared.files is not None
    job = jobs.find("get", key)
    if job is not None and job.state == "running":
        under_way("get", key)
        return
    lacking = packages.untrainable(f"reading {declared.title}")
    if lacking:
        st.info(lacking, icon=":material/memory:")
        return
    if not jobs.may("get"):
        only_the_lecturer(f"{markdown(declared.title)} is not on this machine yet", Action.GET_DATA)
        return
    size = places.megabytes(declared.files.size)
    try:
        folder = places.writable()
    except SpecError as error:
        complain(error)
        return
    st.info(
        f"**{markdown(declared.title)} is not on this machine yet.** The files come from the"
        f" address that torchvision names, are compared with its checksums, and are kept in"
        f" {markdown(str(folder))}. Nothing is downloaded until you say so.",
        icon=":material/cloud_download:",
    )
    if st.button(f"Download {size}", type="primary", icon=":material/download:", key="data_get"):
        if jobs.start("get", key) is None:
            complain(
                RuntimeError("three data sets are being fetched already; wait for one of them")
            )
        else:
            st.rerun()
    if job is not None and job.state == "failed":
        complain(SpecError(job.error))
    st.caption(f"Without a network: put {markdown(find.by_hand(declared.files))}.")


def prepare(key: str) -> bool:
    """Is the set ready to be shown? Has it read, once, in a process of its own, where it is not."""
    ready = cache.about(key) is not None
    if ready and (cache.linear(key) is not None or packages.untrainable()):
        return True
    job = jobs.find("prepare", key)
    if not jobs.may("prepare") and (job is None or job.state != "running"):
        if not ready:
            title = markdown(registry.datasets()[key].title)
            only_the_lecturer(f"{title} has not been read on this machine yet", Action.READ_DATA)
        return ready
    if job is not None and job.state == "failed":
        complain(SpecError(job.error))
        if st.button("Try again", key="data_again"):
            jobs.start("prepare", key)
            st.rerun()
        return ready
    if job is None or job.state == "done":
        jobs.start("prepare", key)
    if not ready:
        under_way("prepare", key)
    return ready


@st.fragment(run_every=0.5)
def under_way(*words: str) -> None:
    """Progress of an job; the whole page runs again when there is something to show."""
    job = jobs.find(*words)
    if job is None or job.state != "running":
        st.rerun(scope="app")
    if words[0] == "prepare" and cache.about(words[1]) is not None:
        st.rerun(scope="app")
    share, text = _how_far(job)
    st.progress(share, text)
    if not (job.total and jobs.may(words[0])):
        return
    if st.button("Stop", icon=":material/stop:", key="data_stop"):
        jobs.stop(job)


def _how_far(job: BackgroundJob) -> tuple[float, str]:
    """The share that is done and a line that says so."""
    if job.total and job.done < job.total:
        done, total = places.megabytes(job.done), places.megabytes(job.total)
        return job.done / job.total, f"Downloading: {done} of {total}"
    if job.words[0] == "add":
        return 0.0, f"{job.done:,} pictures read, {len(job.troubles) + job.more} left out"
    if job.words[0] == "get" and not job.stage:
        return 0.0, "Asking for the files …"
    if job.stage == "linear":
        return 1.0, "Fitting the linear model …"
    return 0.0, "Reading the files and comparing checksums, once …"


def show_notes(about: dict[str, Any]) -> None:
    """What was understood of one's own pictures, and what was done to them."""
    notes = about.get("notes")
    if isinstance(notes, list) and notes:
        rows = "".join(f"<li>{escape(str(note))}</li>" for note in notes)
        st.html(f'<div class="skip-facts"><b>How they were taken</b><ul>{rows}</ul></div>')


def remove(key: str) -> None:
    """Removes a set that was added in this session."""
    own = key in st.session_state.get("own_added", set()) and access.may(Action.REMOVE_DATA)
    if own and st.button("Remove this data set", icon=":material/delete:", key="data_remove"):
        jobs.remove(key)
        st.session_state.pop("set", None)
        st.rerun()
