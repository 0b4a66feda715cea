"""The list of runs, what it is filtered by, and what is done with one of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from skipviz.access import settings
from skipviz.access.roles import Action
from skipviz.core.escapes import markdown
from skipviz.core.highway_sweeps import title
from skipviz.core.knob import SpecError
from skipviz.core.places import megabytes
from skipviz.store import deleted_runs
from skipviz.store.comparison import FEWEST, MOST
from skipviz.store.history import History, Query, remarks
from skipviz.ui import access, manager
from skipviz.ui.history import row
from skipviz.ui.notes import complain
from skipviz.ui.run import choices

ROWS = 15
NEAR = 0.8
"""From this share of the limit on, the page says which runs go next."""

ANY = "any"
COMPARE = "pages/3_explore/06_compare.py"
SWEEPS = 20
"""So many of the newest sweeps are listed."""


def show() -> None:
    """The whole page below its title."""
    history = manager.current().history
    try:
        history.refresh()
        _undo(history)
        _limit(history)
        query = _filters(history)
        _compare()
        of_sweeps = _sweeps()
        _list(history, query if query != Query() else Query(without=of_sweeps))
    except SpecError as error:
        complain(error)
    _import()


# --- what there is


def _limit(history: History) -> None:
    """What all runs take on disk, what they may, and which ones go next."""
    found = history.find(Query(), limit=0)
    most = settings.current().runs_gb * 1e9
    runs = f"{found.total} run{'s' * (found.total != 1)}"
    if not most:
        st.caption(f"{runs}, {megabytes(found.size)} on disk; no limit is set (`runs_gb`).")
        return
    policy = "the oldest that are over and not pinned go first, for good"
    st.caption(
        f"{runs}, {megabytes(found.size)} of {most / 1e9:g} GB on disk. Where a new run begins and"
        f" they take more, {policy}."
    )
    if found.size > NEAR * most:
        going = history.next_to_go(int(most), int((1 - NEAR) * most))
        names = "; ".join(markdown(entry.title) for entry in going[:3])
        more = f" and {len(going) - 3} more" if len(going) > 3 else ""
        st.warning(
            f"The {most / 1e9:g} GB for runs are nearly full: {policy}. Next: {names}{more}. Pin"
            " what is to stay, or set `runs_gb` in skipviz.toml.",
            icon=":material/hard_drive:",
        )


def _filters(history: History) -> Query:
    """What is looked for; kept in the page's address."""
    there = history.values()
    text, *boxes, last = st.columns([3, 1.3, 1.3, 1.3, 1.1], vertical_alignment="bottom")
    asked = st.query_params
    word = text.text_input(
        "Search", asked.get("search", ""), key="history_search",
        placeholder="names, notes, nets, data, verdicts", max_chars=100,
    )  # fmt: skip
    chosen = {}
    for box, name in zip(boxes, ("family", "data", "state"), strict=True):
        options = [ANY, *there[name]]
        wanted = asked.get(name, ANY)
        chosen[name] = box.selectbox(
            name.capitalize(), options, key=f"history_{name}",
            index=options.index(wanted) if wanted in options else 0,
        )  # fmt: skip
    pinned = last.toggle("Pinned only", asked.get("pinned") == "1", key="history_pinned")
    query = {"search": word, "pinned": "1" if pinned else ""}
    query |= {name: "" if value in (ANY, None) else value for name, value in chosen.items()}
    for name, value in query.items():
        choices.note(name, value)
    return Query(query["search"], query["family"], query["data"], query["state"], pinned)


def _compare() -> None:
    """The button that lays the runs that are ticked over each other, and one that unticks them."""
    ids = row.ticked()
    if not ids:
        st.caption(f"Tick {FEWEST} to {MOST} runs to compare them.")
        return
    box = st.container(horizontal=True, vertical_alignment="center")
    fits = FEWEST <= len(ids) <= MOST
    if box.button(
        f"Compare {len(ids)} run{'s' * (len(ids) != 1)}", key="history_compare", type="primary",
        icon=":material/stacked_line_chart:", disabled=not fits,
    ):  # fmt: skip
        st.switch_page(COMPARE, query_params={"runs": ",".join(ids)})
    box.button("Untick", key="history_untick", type="tertiary", on_click=row.untick)
    if not fits:
        box.caption(f"{FEWEST} to {MOST} can be compared.")


def _sweeps() -> tuple[str, ...]:
    """Every sweep as one row: what it was, how far it came, its figure a click away. The runs of
    all of them, which do not stand in the list of their own accord."""
    sweeps = manager.current().sweeps.all()
    if not sweeps:
        return ()
    with st.expander(f"Sweeps ({len(sweeps)})", icon=":material/grid_on:", key="history_sweeps"):
        for number, found in enumerate(sweeps[:SWEEPS], start=1):
            left, right = st.columns([8, 1.6], vertical_alignment="center")
            made = f"{len(found.runs)} of {len(found.experiments)} runs"
            options = ", ".join(f"{name} {value}" for name, value in found.options.items())
            called = markdown(title(found.kind, found.options))
            left.markdown(f"**{called}** · {made} · {markdown(options)}")
            right.link_button(
                f"Compare sweep {number}", f"compare?sweep={found.id}", width="stretch",
                icon=":material/stacked_line_chart:",
            )  # fmt: skip
        newest = f"The newest {SWEEPS} of {len(sweeps)}. " if len(sweeps) > SWEEPS else ""
        st.caption(f"{newest}Their runs are found by a search or a filter.")
    return tuple(run_id for found in sweeps for run_id in found.runs.values())


def _list(history: History, query: Query) -> None:
    """A page of runs, each with what can be done with it."""
    total = history.find(query, limit=0).total
    pages = max(1, -(-total // ROWS))
    begins = choices.number_in_address("page", 1, pages) or 1
    number = min(int(st.session_state.get("history_page", begins)), pages)
    if not total:
        st.info(
            "No run is stored yet: train one in the [Lab](lab)."
            if query == Query(without=query.without)
            else "No run is like this: search for less.",
            icon=":material/search:",
        )
    else:
        entries = history.look(history.find(query, (number - 1) * ROWS, ROWS).entries)
        for entry, remark in zip(entries, remarks(entries), strict=True):
            row.row(entry, remark)
    if pages > 1:
        st.pagination(pages, default=begins, key="history_page")
    choices.note("page", number, 1)


# --- what is undone, and what comes in


def _undo(history: History) -> None:
    """Runs that were deleted within a day, each to be had back."""
    for sentence in st.session_state.pop("history_said", []):
        st.toast(sentence)
    if trouble := st.session_state.pop("history_trouble", None):
        complain(trouble)
    gone = deleted_runs.folders(history.store) if access.may(Action.DELETE_RUNS) else {}
    if not gone:
        return
    newest = next(iter(gone))
    left, right = st.columns([4, 1], vertical_alignment="center")
    more = f", and {len(gone) - 1} before it" if len(gone) > 1 else ""
    left.info(
        f"Deleted: {markdown(row.title_in(gone[newest]))}{more}. It can be had back for a day.",
        icon=":material/delete:",
    )
    right.button(
        "Undo", key="history_undo", icon=":material/undo:", width="stretch",
        on_click=row.act, args=(manager.Guarded.undelete, newest),
    )  # fmt: skip


def _import() -> None:
    """A run that comes as a zip, for whoever may take it in."""
    if not access.may(Action.IMPORT_RUNS):
        return
    with st.expander("Take in a run", icon=":material/upload:", key="history_import"):
        turn = st.session_state.setdefault("history_turn", 0)
        file = st.file_uploader(
            "A zip that skipviz exported", type="zip", key=f"history_file_{turn}"
        )
        if file is None:
            st.caption("It is looked at before any of it is kept, and gets an address of its own.")
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.zip"
            path.write_bytes(file.getbuffer())
            try:
                run_id = manager.current().import_run(path)
            except SpecError as error:
                complain(error)
                return
        st.session_state["history_turn"] += 1
        st.session_state["history_said"] = [f"Taken in: {markdown(file.name)}"]
        st.session_state["history_open"] = run_id
        st.rerun()
