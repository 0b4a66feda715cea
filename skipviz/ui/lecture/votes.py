"""The question on the wall: vote, talk to your neighbour, vote again, what did you see; how many
have answered, and how to vote by phone."""

from __future__ import annotations

import html
import time
from urllib.parse import urlsplit

import segno
import streamlit as st

from skipviz.access.announce import network_address
from skipviz.core.phone_protocol import Phase, Stage
from skipviz.core.scene import Scene
from skipviz.figures import sketches
from skipviz.store.room import Room
from skipviz.ui.lecture import way
from skipviz.ui.theme import is_dark

_SHOW = "votes_shown_{}_{}_{}"
"""The key of the switch that shows a room's answers on a scene."""

SKETCH_PX = 290
"""So high that question and answers fit beside it on a projector of 720 lines."""

_STEPS = {
    Phase.TALK: "Talk to your neighbour: why did you answer so?",
    Phase.SECOND_VOTE: "Vote again, now that you have talked.",
    Phase.CURVES: "This is what you drew.",
    Phase.SEEN: "What did you see? Answer before the numbers come.",
}


def question(key: str, scene: Scene, room: Room, phase: Phase) -> None:
    """The question with its choices or axes, how many have answered, and how to vote. What was
    answered is hidden until the reveal, so that nobody votes with the most; the lecturer may show
    it."""
    left, right = st.columns([7, 2.4], gap="large")
    is_drawn = _is_drawn(key, scene, room, phase)
    with left:
        says = scene.sketch.says if is_drawn and scene.sketch else scene.question
        step = _STEPS.get(phase, "")
        st.html(
            (f'<p class="skip-step">{step}</p>' if step else "")
            + f'<p class="skip-question">{html.escape(says)}</p>'
        )
        if phase is Phase.TALK:
            st.fragment(_clock, run_every=1.0)(room)
        st.fragment(_answers, run_every=1.5)(key, scene, room, phase, is_drawn)
        if phase.stage is not None and not is_drawn:
            _count_hands(key, scene, room, phase.stage)
    with right:
        how_to_vote(room)


def _is_drawn(key: str, scene: Scene, room: Room, phase: Phase) -> bool:
    """Does the room draw a curve? Hands cannot: without a phone there are choices."""
    is_there = room.phones > 0 or way.has_sketches(room, key)
    is_asked = scene.sketch is not None and room.settings.sketch and phase is not Phase.SEEN
    return is_asked and is_there


def _clock(room: Room) -> None:
    left_s = max(0, round(room.talk_ends - time.time()))
    said = (
        f"{left_s // 60}:{left_s % 60:02}" if left_s else "Time is up: Next opens the second vote"
    )
    st.html(f'<p class="skip-clock" role="timer">{said}</p>')


def _answers(key: str, scene: Scene, room: Room, phase: Phase, is_drawn: bool) -> None:
    if is_drawn is not _is_drawn(key, scene, room, phase):
        st.rerun()  # the first phone has come
    stage = phase.stage or Stage.FIRST
    switch = _SHOW.format(room.id, key, stage)
    is_shown = phase in (Phase.REVEAL, Phase.CURVES) or st.session_state.get(switch, False)
    if scene.sketch is not None and is_drawn:
        drawn = [room.sketches(key, each) for each in (Stage.FIRST, Stage.SECOND)]
        first, second = drawn if is_shown else ([], [])
        figure = sketches.draw(scene.sketch, first, second, None, is_dark())
        figure.update_layout(height=SKETCH_PX)
        st.plotly_chart(
            figure,
            theme=None,
            key=f"sketches_{key}",
            config={"staticPlot": True},
            alt="The room's sketches",
        )
    else:
        choices = scene.choices_at(stage)
        counts = room.counts(key, len(choices), stage)
        st.html(bars(choices, counts) if is_shown else unvoted(choices))
    total = room.answered(key, stage)
    again = " again" if stage is Stage.SECOND else ""
    st.html(f'<p class="skip-answered"><b>{total}</b> answered{again}</p>')
    if phase not in (Phase.REVEAL, Phase.CURVES):
        st.toggle("Show the votes while people vote", key=switch)


def _count_hands(key: str, scene: Scene, room: Room, stage: Stage) -> None:
    with st.expander("Count raised hands", icon=":material/front_hand:"):
        choices = scene.choices_at(stage)
        before = room.hands(key, len(choices), stage)
        boxes = st.columns(len(choices))
        suffix = "" if stage is Stage.FIRST else f"_{stage}"
        counted = [
            int(box.number_input(choice, 0, 1000, have, key=f"hands_{room.id}_{key}_{i}{suffix}"))
            for i, (box, choice, have) in enumerate(zip(boxes, choices, before, strict=True))
        ]
        room.raise_hands(key, counted, stage)


def unvoted(choices: tuple[str, ...]) -> str:
    """Each choice as a row, without votes."""
    rows = (
        f"<div><b>{chr(65 + i)}</b><span>{html.escape(choice)}</span></div>"
        for i, choice in enumerate(choices)
    )
    return f'<div class="skip-choices">{"".join(rows)}</div>'


def bars(choices: tuple[str, ...], counts: list[int], right: int | None = None) -> str:
    """Each choice as a row with its share of the votes; `right` is what the run showed."""
    total = sum(counts) or 1
    rows = []
    for i, (choice, count) in enumerate(zip(choices, counts, strict=True)):
        mark = " data-right" if i == right else ""
        sign = "✓ " if i == right else ""
        rows.append(
            f"<div{mark}><b>{chr(65 + i)}</b><span>{sign}{html.escape(choice)}</span>"
            f'<i style="width:{100 * count / total:.1f}%"></i><em>{count}</em></div>'
        )
    return f'<div class="skip-choices">{"".join(rows)}</div>'


def compared(
    choices: tuple[str, ...], stages: dict[str, list[int]], right: int | None = None
) -> str:
    """Each choice as a row with a bar for each stage ("first vote", …); `right` is what the run
    showed."""
    rows = []
    for i, choice in enumerate(choices):
        mark, sign = (" data-right", "✓ ") if i == right else ("", "")
        lines = "".join(
            f'<small>{stage}</small><u><i style="width:{100 * counts[i] / (sum(counts) or 1):.1f}%'
            f'"></i></u><em>{counts[i]}</em>'
            for stage, counts in stages.items()
            if i < len(counts)
        )
        rows.append(
            f"<div{mark}><b>{chr(65 + i)}</b><span>{sign}{html.escape(choice)}</span>{lines}</div>"
        )
    return f'<div class="skip-compared">{"".join(rows)}</div>'


def how_to_vote(room: Room) -> None:
    """The room's address, as a code and in letters."""
    address = vote_address(room)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, border=2, light="white")
    st.html(f'<img class="skip-code" alt="QR code of {html.escape(address)}" src="{picture}">')
    st.html(
        f'<p class="skip-address">{html.escape(address.partition("://")[2].rpartition("/")[0])}/'
        f"<b>{room.code}</b></p>"
    )
    if (urlsplit(address).hostname or "") in ("localhost", "127.0.0.1"):
        st.caption(
            "This server listens on this machine alone. To let phones in, start it with"
            " `streamlit run app.py --server.address 0.0.0.0`."
        )


def vote_address(room: Room) -> str:
    """The address of the room's voting page, as phones in the same network can reach it."""
    here = urlsplit(st.context.url or "http://localhost:8501/lecture")
    host = here.hostname or "localhost"
    listens = str(st.get_option("server.address") or "")
    if host in ("localhost", "127.0.0.1") and listens in ("", "0.0.0.0"):
        host = network_address() or host
    path = here.path.rsplit("/", 1)[0]
    port = f":{here.port}" if here.port else ""
    return f"{here.scheme}://{host}{port}{path}/v/{room.code}"
