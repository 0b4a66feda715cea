"""The end of a lecture: how the room did, scene by scene."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core import registry
from skipviz.core.phone_protocol import Stage
from skipviz.core.scene import Scene
from skipviz.store.room import Room
from skipviz.store.room_table import STAGES, counts_by_stage
from skipviz.ui.lecture import room_settings
from skipviz.ui.lecture.lecture import Place


def summary(place: Place, room: Room) -> None:
    """For each scene what its run showed here, and how many predicted it, did after talking, and
    saw it; the sum of the first votes; all answers as a file."""
    scenes = registry.scenes()
    rows, right, total = [], 0, 0
    for key in place.scenes:
        shown, stages = room.shown(key), counts_by_stage(room, key, scenes[key])
        drawn = max(len(room.sketches(key, stage)) for stage in (Stage.FIRST, Stage.SECOND))
        rows.append(_row(scenes[key], shown, stages, drawn))
        if shown is not None and Stage.FIRST in stages:
            first = stages[Stage.FIRST]
            right, total = right + first[shown], total + sum(first)
    sentence = (
        f"{right} of {total} predictions were right"
        if total
        else "Nobody voted in this lecture; here is what its runs showed"
    )
    st.html(f'<p class="skip-question">{sentence}</p><div class="skip-sum">{"".join(rows)}</div>')
    room_settings.answers_file(room)


def _row(scene: Scene, shown: int | None, stages: dict[Stage, list[int]], drawn: int) -> str:
    """A scene: its question, what the run showed, and the share of those who were right at each
    stage."""
    state = "not played" if shown is None else f"✓ {scene.choices[shown]}"
    bars = [
        _bar(STAGES[stage], counts[shown], sum(counts))
        for stage, counts in stages.items()
        if shown is not None
    ]
    if drawn:
        curves = f"{drawn} curve{'' if drawn == 1 else 's'} drawn"
        bars.append(f"<small>{curves}</small>")
    if not bars:
        bars = ["<small>no vote</small>" if shown is not None else "<small>–</small>"]
    return (
        f"<div><b>{html.escape(scene.title)}</b><span>{html.escape(scene.question)}"
        f"<strong>{html.escape(state)}</strong></span><div>{''.join(bars)}</div></div>"
    )


def _bar(name: str, right: int, total: int) -> str:
    share = 100 * right / total if total else 0.0
    return (
        f'<small>{name}</small><u><i style="width:{share:.1f}%"></i></u><em>{right} of {total}</em>'
    )
