"""A scene's recording in place of its run: the button that replays it, the line that says so."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.server.run import Run
from skipviz.store import recordings
from skipviz.store.store import Store
from skipviz.ui import keys

REPLAY_S = 8.0
"""A recorded run is drawn again within so many seconds: long enough to see one curve leave the
others, short enough to wait for the end."""


def button(box: DeltaGenerator, key: str) -> dict[str, str]:
    """The Replay button; the ids of the scene's recorded runs by name where it was pressed."""
    pressed = box.button(
        "Replay",
        icon=":material/replay:",
        shortcut=keys.REPLAY,
        key="player_replay",
        width="stretch",
        help="Shows the recording of this scene: nothing is trained.",
    )
    return recordings.of(key) if pressed else {}


def is_recorded(run: Run) -> bool:
    """Is this run a recording that came with the program?"""
    return Store.is_recorded(run.id)


def say_replayed(runs: Mapping[str, Run]) -> None:
    """Says of recorded runs that they are, on what they were trained, and when."""
    run = next((run for run in runs.values() if is_recorded(run)), None)
    if run is None:
        return
    seeds = "1 seed" if run.experiment.seeds == 1 else f"{run.experiment.seeds} seeds"
    about = html.escape(recordings.about(run.id))
    st.html(
        f'<p class="skip-recorded"><b>Replay</b> {about}; {seeds}. Nothing is trained here now.</p>'
    )


def options(run: Run) -> dict[str, Any]:
    """What `training.charts` needs to draw a run: its key, and the pace of a recorded one."""
    key = f"player_{run.id.replace('.', '_')}"
    return {"key": key} | ({"replay_s": REPLAY_S} if is_recorded(run) else {})
