"""The end of a lecture: how the room did, scene by scene."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core import registry
from skipviz.core.scene import Scene
from skipviz.store.room import Room
from skipviz.ui.lecture.lecture import Place


def summary(place: Place, room: Room) -> None:
    """For each scene what its run showed here and how many predicted it, and the sum of all."""
    scenes = registry.scenes()
    rows, right, total = [], 0, 0
    for key in place.scenes:
        shown, counts = room.shown(key), room.counts(key, len(scenes[key].choices))
        rows.append(_row(scenes[key], shown, counts))
        if shown is not None:
            right, total = right + counts[shown], total + sum(counts)
    sentence = (
        f"{right} of {total} predictions were right"
        if total
        else "Nobody voted in this lecture; here is what its runs showed"
    )
    st.html(f'<p class="skip-question">{sentence}</p><div class="skip-sum">{"".join(rows)}</div>')


def _row(scene: Scene, shown: int | None, counts: list[int]) -> str:
    """A scene: its question, what the run showed, and the share of those who predicted it."""
    total = sum(counts)
    if shown is None:
        state, share, many = "not played", 0.0, "–"
    else:
        state = f"✓ {scene.choices[shown]}"
        share = counts[shown] / total if total else 0.0
        many = f"{counts[shown]} of {total}" if total else "no vote"
    return (
        f"<div><b>{html.escape(scene.title)}</b><span>{html.escape(scene.question)}"
        f"<strong>{html.escape(state)}</strong></span>"
        f'<u><i style="width:{100 * share:.1f}%"></i></u><em>{many}</em></div>'
    )
