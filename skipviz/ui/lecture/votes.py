"""The room's prediction on the wall: how many have answered, and what; how to vote by phone."""

from __future__ import annotations

import html
from urllib.parse import urlsplit

import segno
import streamlit as st

from skipviz.access.announce import network_address
from skipviz.core.scene import Scene
from skipviz.store.rooms import Room

_SHOW = "votes_shown_{}_{}"
"""The key of the switch that shows a room's votes on a scene."""


def question(key: str, scene: Scene, room: Room) -> None:
    """The question with its choices, how many have answered, and how to vote. While the vote is
    open what was voted is hidden, so that nobody votes with the most; the lecturer may show it."""
    left, right = st.columns([7, 2.4], gap="large")
    with left:
        st.html(f'<p class="skip-question">{html.escape(scene.question)}</p>')
        st.fragment(_bars, run_every=1.5)(key, scene, room)
        with st.expander("Count raised hands", icon=":material/front_hand:"):
            before = room.hands(key, len(scene.choices))
            boxes = st.columns(len(scene.choices))
            counted = [
                int(box.number_input(choice, 0, 1000, have, key=f"hands_{room.id}_{key}_{i}"))
                for i, (box, choice, have) in enumerate(
                    zip(boxes, scene.choices, before, strict=True)
                )
            ]
            room.raise_hands(key, counted)
    with right:
        _how_to_vote(room)


def _bars(key: str, scene: Scene, room: Room) -> None:
    counts = room.counts(key, len(scene.choices))
    is_hidden = room.is_open and not st.session_state.get(_SHOW.format(room.id, key), False)
    st.html(unvoted(scene.choices) if is_hidden else bars(scene.choices, counts))
    total = sum(counts)
    st.html(f'<p class="skip-answered"><b>{total}</b> answered</p>')
    if room.is_open:
        st.toggle("Show the votes while people vote", key=_SHOW.format(room.id, key))


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


def _how_to_vote(room: Room) -> None:
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
