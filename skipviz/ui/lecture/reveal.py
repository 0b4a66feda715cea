"""The reveal: what the room predicted, before and after it talked, drew and saw, and what the run
showed."""

from __future__ import annotations

import html

import streamlit as st

from skipviz.core.phone_protocol import Stage
from skipviz.core.scene import Evidence, Scene, measured_band
from skipviz.figures import sketches
from skipviz.store.room import Room
from skipviz.store.room_table import STAGES, counts_by_stage
from skipviz.ui.lecture import votes, way
from skipviz.ui.theme import is_dark

SKETCH_PX = 400


def answers(key: str, scene: Scene, room: Room, right: int, evidence: Evidence) -> None:
    """Beside the numbers: curves where the room drew, bars where it chose, and a sentence."""
    st.markdown("**What the room predicted**")
    stages = counts_by_stage(room, key, scene)
    st.html(f'<p class="skip-predicted">{html.escape(sentence(scene, stages, right))}</p>')
    is_drawn = scene.sketch is not None and way.has_sketches(room, key)
    if is_drawn and scene.sketch is not None:
        first, second = (room.sketches(key, stage) for stage in (Stage.FIRST, Stage.SECOND))
        band = measured_band(evidence, scene.sketch)
        figure = sketches.draw(scene.sketch, first, second, band, is_dark())
        figure.update_layout(height=SKETCH_PX)
        st.plotly_chart(
            figure, theme=None, key=f"sketches_measured_{key}", alt="Sketches and what was measured"
        )
    if len(stages) > 1 or Stage.SEEN in stages:
        names = {STAGES[stage]: many for stage, many in stages.items()}
        choices = scene.choices_at(Stage.SEEN if Stage.SEEN in stages else Stage.FIRST)
        st.html(votes.compared(choices, names, right))
    elif not is_drawn:
        nobody = [0] * len(scene.choices)
        st.html(votes.bars(scene.choices, stages.get(Stage.FIRST, nobody), right))


def sentence(scene: Scene, stages: dict[Stage, list[int]], right: int) -> str:
    """How many were right at each stage."""
    if not stages:
        return f"Nobody chose. This run shows: {scene.choices[right]}."
    said = {
        Stage.FIRST: "predicted what this run shows",
        Stage.SECOND: "did after talking" if Stage.FIRST in stages else "predicted it",
        Stage.SEEN: "saw it" if len(stages) > 1 else "saw what this run shows",
    }
    parts = [f"{many[right]} of {sum(many)} {said[stage]}" for stage, many in stages.items()]
    return "; ".join(parts) + "."
