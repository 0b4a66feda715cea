"""A scene as it was performed on this machine: the runs that are shown of it, by whoever began
them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from skipviz.core import findings, registry
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import ENDED
from skipviz.core.scene import Scene
from skipviz.figures.scene_figures import Drawn, drawn
from skipviz.server.run import Run
from skipviz.server.stored_evidence import of_stored
from skipviz.store import recordings
from skipviz.store.store import Store
from skipviz.ui import manager

KEPT = 96
"""So many figures, and so many findings, are kept for all viewers."""


@dataclass(frozen=True)
class Performance:
    """A scene and those of its runs that there are, by their names; the runs as they were when it
    was asked for, all the while that a page is drawn.

    waiting  the runs that were not over yet
    broken   the runs that had ended before their last step
    """

    key: str
    scene: Scene
    runs: Mapping[str, Run]
    waiting: Sequence[Run]
    broken: Sequence[Run]

    def again(self) -> Performance:
        """The same runs as they are now."""
        return _now(self.key, self.scene, self.runs)

    @property
    def complete(self) -> bool:
        """Has every run of the scene gone to its end?"""
        return len(self.runs) == len(self.scene.runs) and not self.waiting and not self.broken

    @property
    def recorded(self) -> bool:
        """Are these runs the recording that comes with the program, and not of this machine?"""
        return all(Store.is_recorded(run.id) for run in self.runs.values()) and bool(self.runs)

    @property
    def measured(self) -> bool:
        """Is the scene complete on this machine?"""
        return self.complete and not self.recorded

    @property
    def origin(self) -> str:
        """Where these runs come from, and when."""
        main = self.runs["main"]
        count = main.experiment.seeds
        seeds = "1 seed" if count == 1 else f"{count} seeds"
        if self.recorded:
            about = recordings.about(main.id, manager.current().store)
            return f"Not of this machine: {about}, {seeds}."
        return f"Trained on this machine {age(main)}, {seeds}."

    @property
    def ids(self) -> tuple[tuple[str, str], ...]:
        """The runs by name and id: what its findings are kept by."""
        return tuple((name, run.id) for name, run in self.runs.items())


def _now(key: str, scene: Scene, runs: Mapping[str, Run]) -> Performance:
    """These runs of a scene as they are now."""
    states = {name: run.status()["state"] for name, run in runs.items()}
    waiting = [run for name, run in runs.items() if states[name] not in ENDED]
    broken = [run for name, run in runs.items() if _is_broken(states[name])]
    return Performance(key, scene, runs, waiting, broken)


def _is_broken(state: str) -> bool:
    return state in ENDED and state != "finished"


def declared(key: str) -> Scene:
    """The scene of this key; SpecError where there is none."""
    scene: Scene | None = registry.scenes().get(key)
    if scene is None:
        raise SpecError(f"scene {show(key)}: there is no such scene")
    return scene


def of(key: str) -> Performance:
    """What is shown of a scene: the runs that this viewer began; else finished ones of exactly the
    same experiments, anybody's; else those that train now; else the recording, where there is
    one."""
    owner, scene = manager.current(), declared(key)
    mine: dict[str, str] = st.session_state.get(f"performed_{key}", {})
    runs = {}
    for name, experiment in scene.runs.items():
        own = owner.find(mine[name]) if name in mine else None
        whole = own if own is not None and not _is_broken(own.status()["state"]) else None
        run = whole or owner.finished(experiment) or owner.under_way(experiment) or own
        if run is not None:
            runs[name] = run
    here = _now(key, scene, runs)
    if not here.complete and not here.waiting and not mine:
        runs_by_name = {name: owner.find(run_id) for name, run_id in _recorded(key).items()}
        runs = {name: run for name, run in runs_by_name.items() if run is not None}
        return _now(key, scene, runs or here.runs)
    return here


@st.cache_data(ttl=60, show_spinner=False)
def _recorded(key: str) -> dict[str, str]:
    """The recorded runs of a scene by name: looked up once a minute, for it reads many files."""
    return recordings.of(key, manager.current().store)


def begin(key: str, again: bool = False) -> None:
    """Starts the runs of a scene that are not there, all of them `again`; a run of the same
    experiment that is under way is joined. SpecError where one cannot be."""
    owner, scene = manager.current(), declared(key)
    mine: dict[str, str] = {}
    for name, experiment in scene.runs.items():
        ready = None if again else owner.finished(experiment)
        mine[name] = ready.id if ready is not None else owner.join(experiment)
    st.session_state[f"performed_{key}"] = mine


def age(run: Run) -> str:
    """How long ago a run ended, in words."""
    if run.folder is None:
        return "now"
    minutes = (time.time() - (run.folder / "status.json").stat().st_mtime) / 60
    if minutes < 1:
        return "just now"
    if minutes < 90:
        return f"{minutes:.0f} min ago"
    return f"{minutes / 60:.0f} h ago" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days ago"


@st.cache_data(max_entries=KEPT, show_spinner="Measuring …", show_time=True)
def findings_of(key: str, ids: tuple[tuple[str, str], ...]) -> findings.Findings:
    """What finished runs of a scene showed: measured once for all viewers. SpecError."""
    scene = declared(key)
    return findings.found(scene, of_stored(scene, dict(ids), manager.current()))


@st.cache_resource(max_entries=KEPT, show_spinner="Measuring …", show_time=True)
def figure_of(key: str, ids: tuple[tuple[str, str], ...], number: int, dark: bool) -> Drawn:
    """A figure of finished runs, drawn once for all viewers, who share it: nobody may change it (a
    copy for each would cost as much as drawing it). SpecError."""
    scene = declared(key)
    evidence = of_stored(scene, dict(ids), manager.current())
    return drawn(scene, scene.figures[number], evidence, dark)
