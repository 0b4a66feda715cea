"""The course as a web site to take away: which scenes, which runs, and the button that makes it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from skipviz.access.roles import Action
from skipviz.core.knob import SpecError
from skipviz.core.places import megabytes
from skipviz.store.history import Query
from skipviz.ui import access, manager
from skipviz.ui.notes import complain

MOST_LISTED = 50


def offer(scenes: Sequence[str], all_scenes: int) -> None:
    """For whoever may make it: the picked scenes with their recordings as pages for students."""
    if not access.may(Action.MAKE_SITE):
        return
    with st.expander("Course site for your students", icon=":material/public:", key="course_site"):
        which = "all scenes" if len(scenes) == all_scenes else f"the {len(scenes)} scenes above"
        st.markdown(
            f"A zip of web pages with {which}, their recordings to replay, questions to predict,"
            " lessons and worksheets. They need no server and no network: unpack them into any"
            " folder of your course page, or open `index.html`."
        )
        runs = _runs()
        if st.button("Make the course site", icon=":material/build:", key="site_make"):
            st.session_state.pop("site_zip", None)
            try:
                with st.spinner("Making the site, up to a minute …", show_time=True):
                    picked = () if len(scenes) == all_scenes else scenes
                    st.session_state["site_zip"] = manager.current().course_site(picked, runs)
            except SpecError as error:
                complain(error)
        made: bytes | None = st.session_state.get("site_zip")
        if made is not None:
            st.download_button(
                f"Download course.zip ({megabytes(len(made))})", made, file_name="course.zip",
                mime="application/zip", icon=":material/download:", key="site_download",
                type="primary",
            )  # fmt: skip


def _runs() -> list[str]:
    """Stored runs to add, pinned ones first."""
    history = manager.current().history
    history.refresh()
    titles = {entry.id: entry.title for entry in history.find(Query(), 0, MOST_LISTED).entries}
    return st.multiselect(
        "Runs of this class to add, each on a page of its own", list(titles),
        format_func=lambda run_id: titles.get(run_id, run_id), key="site_runs",
        placeholder="Pick runs" if titles else "No run is stored yet",
    )  # fmt: skip
