"""The room's prediction: bars on the projector, choices on each phone."""

from __future__ import annotations

import html
from urllib.parse import urlsplit

import segno
import streamlit as st

from skipviz.access.announce import network_address
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.scene import Scene
from skipviz.server import manager
from skipviz.store.rooms import Room, word
from skipviz.ui.notes import complain
from skipviz.ui.run.training import charts


def question(key: str, scene: Scene, room: Room) -> None:
    """The question with its choices, the votes so far, and how to vote."""
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
    st.html(bars(scene.choices, counts))
    total = sum(counts)
    st.caption(f"{total} vote{'' if total == 1 else 's'}" if total else "No vote yet: predict!")


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
    st.caption(f"Vote on your phone: {address}")
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
    return f"{here.scheme}://{host}{port}{path}/vote?room={room.id}"


def ballot() -> None:
    """A phone's page: the question that the room is asked now, and what came of it."""
    room_in_address = st.query_params.get("room", "")
    if not room_in_address:
        st.info("Open the address, or the QR code, that the lecturer shows: it names the room.")
        return
    try:
        room = Room(manager.current().store.root, room_in_address)
        if not room.exists:
            raise SpecError("room: there is no such room; its address may be cut, or it is over")
    except SpecError as error:
        complain(error)
        return
    if "me" not in st.query_params:
        st.query_params["me"] = word()
    st.fragment(_ballot, run_every=1.5)(room, st.query_params["me"])


def _ballot(room: Room, me: str) -> None:
    scene: Scene | None = registry.scenes().get(room.scene)
    if scene is None:
        st.info("The lecture has not begun yet; this page follows it by itself.")
        return
    st.markdown(f"### {scene.question}")
    mine = room.voted(room.scene, me)
    if room.is_open:
        for i, choice in enumerate(scene.choices):
            chosen = st.button(
                choice,
                key=f"ballot_{room.scene}_{i}",
                type="primary" if mine == i else "secondary",
                icon=":material/check:" if mine == i else None,
                width="stretch",
            )
            if chosen:
                try:
                    room.vote(room.scene, me, i, len(scene.choices))
                except SpecError as error:
                    complain(error)
                    return
                st.rerun(scope="fragment")
        st.caption("You may change your mind until the lecturer runs it." if mine is not None
                   else "Choose one. No name is kept.")  # fmt: skip
        return
    st.html(bars(scene.choices, room.counts(room.scene, len(scene.choices))))
    sentence = "You did not vote." if mine is None else f"Your prediction: {scene.choices[mine]}."
    st.caption(f"The vote is closed. {sentence}")
    main = manager.current().find(room.runs(room.scene).get("main", ""))
    if main is not None:
        charts(main, key=f"ballot_{main.id}", panels=("header", "loss"))
