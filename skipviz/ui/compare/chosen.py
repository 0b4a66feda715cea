"""Which runs a page compares: from its address, checked, and from a box of those that there are."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from skipviz.core import registry
from skipviz.core.knob import SpecError, show
from skipviz.store import run_marks
from skipviz.store.comparison import FEWEST, MOST, Compared
from skipviz.store.history import Query
from skipviz.store.store import Store
from skipviz.ui import manager

OFFERED = 100
"""So many of the newest runs are offered."""


def from_address() -> list[Compared]:
    """The runs that the address names. SpecError, in one sentence, where they cannot be compared;
    an empty list where it names none."""
    ids = [each for each in st.query_params.get("runs", "").split(",") if each]
    return compared(check(ids)) if ids else []


def check(ids: Sequence[str]) -> list[str]:
    """The ids themselves. SpecError where they are too few, too many, or one is named twice."""
    twice = next((each for each in ids if list(ids).count(each) > 1), None)
    if twice is not None:
        raise SpecError(f"compare: run {show(twice)} is named twice; name each once")
    if not FEWEST <= len(ids) <= MOST:
        raise SpecError(
            f"compare: {len(ids)} run{'s are' if len(ids) != 1 else ' is'} named;"
            f" choose {FEWEST} to {MOST} in the list"
        )
    return list(ids)


def compared(ids: Sequence[str]) -> list[Compared]:
    """The runs with their frames. SpecError where there is no such run, or one without frames."""
    runs = []
    for number, run_id in enumerate(ids, start=1):
        run = manager.current().find(run_id)
        if run is None:
            raise SpecError(f"run {show(run_id)}: there is no such run on this machine")
        name = run_marks.marks(run.folder).name if run.folder is not None else ""
        state = str(run.status()["state"])
        runs.append(Compared(number, run_id, name, run.experiment, run.log, state))
        if not run.log.n:
            of = show(runs[-1].title)
            raise SpecError(f"run {of}: has no frames yet; wait for it, or leave it out")
    return runs


def called(run: Compared) -> str:
    """What a run is called: by whoever named it, a recording by its scene, another by its lanes."""
    is_unnamed_recording = not run.name and Store.is_recorded(run.id)
    return short(run.id) if is_unnamed_recording else run.title


def short(run_id: str) -> str:
    """What a run of which no more is known is called: a recording by its scene, another by its
    id's start."""
    if not Store.is_recorded(run_id):
        return run_id[:8]
    _, key, name = run_id.split(".")
    scene = registry.scenes().get(key)
    return f"{scene.title if scene else key} · {name}"


def box(wanted: Sequence[str]) -> list[str]:
    """A box to choose runs in; the ids that are chosen."""
    history = manager.current().history
    history.refresh()
    entries = history.find(Query(), limit=OFFERED).entries
    titles = {
        entry.id: f"{entry.title} · {entry.data}, {entry.steps:,} steps · {entry.id[:4]}"
        for entry in entries
    }
    titles |= {each: titles.get(each, short(each)) for each in wanted}
    return st.multiselect(
        f"Runs: {FEWEST} to {MOST}", list(titles), default=list(wanted), max_selections=MOST,
        format_func=lambda each: titles[each], key=f"compare_runs_{','.join(wanted)}",
        placeholder="Choose runs by their nets",
    )  # fmt: skip
