"""The Architecture page's state and address: one net or two, and how near one looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import streamlit as st

from skipviz import graphs
from skipviz.core.experiment import Lane, twin
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.figures import theme
from skipviz.ui.architecture.graph import graph
from skipviz.ui.architecture.net_form import net_form
from skipviz.ui.architecture.zoom import Zoom, nearest_zoom
from skipviz.ui.notes import complain
from skipviz.ui.theme import is_dark

PAGE = "architecture"
DEFAULT = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 20})


@dataclass
class State:
    """What the forms begin with, and the place in the net. A load is a new generation, so that
    every widget begins afresh."""

    lanes: list[Lane] = field(default_factory=lambda: [DEFAULT])
    at: str = ""
    generation: int = 0
    note: str = ""
    written: dict[str, str] = field(default_factory=dict)

    def load(self, lanes: list[Lane]) -> None:
        self.lanes, self.generation = lanes, self.generation + 1


@lru_cache(maxsize=64)
def wiring_of(lane: Lane) -> Wiring:
    """The net's wiring: one for all who look at the same net."""
    wiring: Wiring = lane.wiring()
    return wiring


@lru_cache(maxsize=64)
def _dot(lane: Lane, at: str, dark: bool) -> str:
    return Zoom(wiring_of(lane), at).dot(dark).source


@lru_cache(maxsize=64)
def _difference(a: Lane, b: Lane, dark: bool) -> str:
    return graphs.diff(wiring_of(b), wiring_of(a), dark=dark).source


@lru_cache(maxsize=64)
def _targets(lane: Lane, at: str) -> dict[str, tuple[str, str]]:
    return Zoom(wiring_of(lane), at).targets()


def state() -> State:
    """This browser's page: as it was left, or as an address says that was not written by it."""
    left: State | None = st.session_state.get(PAGE)
    query = st.query_params.to_dict()
    if left is not None and query in ({}, left.written):
        return left
    lanes = _from_address()
    lanes.generation = left.generation + 1 if left is not None else 0
    st.session_state[PAGE] = lanes
    return lanes


def _from_address() -> State:
    """The nets and the place that the address spells out; a sentence where it is wrong."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    try:
        for name in query:
            if name not in ("lane", "with", "at"):
                raise SpecError(f"field '{name[:40]}': there is no such field; lane, with, at")
        lanes = [Lane.from_text(text) for name in ("lane", "with") for text in query.get(name, [])]
        if len(lanes) > 2 or ("with" in query and "lane" not in query):
            raise SpecError("a page shows one lane, and one that it is compared with")
        first = lanes or [DEFAULT]
        return State(first, at=Zoom(wiring_of(first[0]), query.get("at", [""])[-1]).at)
    except SpecError as error:
        return State(note=f"this page's address cannot be read: {error}; here is the default")


def write_address(now: State, lanes: list[Lane]) -> None:
    """Puts the page into its address, so that it can be copied and opened elsewhere."""
    query = {"lane": lanes[0].text()}
    if len(lanes) > 1:
        query["with"] = lanes[1].text()
    elif now.at:
        query["at"] = now.at
    now.written = query
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def opponent(lane: Lane) -> Lane:
    """The net to begin a comparison with: the plain twin, or for a plain net the ResNet."""
    plain_twin = twin(lane)
    if plain_twin is not None:
        return plain_twin[0]
    settings = lane.settings()
    if settings.get("plain_twin"):
        bare = {name: value for name, value in lane.knobs.items() if name != "plain_twin"}
        return Lane(family=lane.family, knobs=bare)
    same = {name: settings[name] for name in ("backbone", "depth")}
    try:
        return Lane(family="resnet", knobs=same)
    except SpecError:
        return Lane(family="resnet", knobs={"backbone": same["backbone"]})


def choose(now: State) -> list[Lane] | None:
    """The forms of one net or two; the nets as chosen, None where something does not fit."""
    if now.note:
        complain(SpecError(now.note))
        now.note = ""
    compared = len(now.lanes) > 1
    columns = st.columns(2, gap="large") if compared else [st.container()]
    lanes_or_none = []
    for i, lane in enumerate(now.lanes):
        with columns[i]:
            chosen_lane, ready = net_form(lane, f"{PAGE}_{now.generation}_{i}", wide=not compared)
        if ready is not None:
            now.load([ready if j == i else each for j, each in enumerate(now.lanes)])
            st.rerun()
        lanes_or_none.append(chosen_lane)
    lanes = [lane for lane in lanes_or_none if lane is not None]
    return lanes if len(lanes) == len(lanes_or_none) else None


def compare_button(now: State, chosen: list[Lane]) -> None:
    """Sets a second net beside the first, or takes it away again."""
    if len(chosen) > 1:
        if st.button("Back to one net", icon=":material/close:", width="stretch"):
            now.load(chosen[:1])
            st.rerun()
    elif st.button("Compare two nets", icon=":material/difference:", width="stretch"):
        now.load([chosen[0], opponent(chosen[0])])
        st.rerun()


def breadcrumbs(now: State, zoom: Zoom) -> None:
    """The way from the whole net to what is shown; every step leads back."""
    way = zoom.crumbs()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="arch_way"):
        for i, (text, at) in enumerate(way[:-1]):
            if st.button(text, key=f"arch_crumb_{i}", icon=":material/arrow_back:"):
                now.at = at
                st.rerun()
        st.markdown(f"**{way[-1][0]}**", width="content")
        if zoom.unit is None:
            st.markdown(":small[Click a unit or a frame to look inside.]", width="content")


def show_net(now: State, lane: Lane) -> Zoom:
    """The graph of one net at the chosen zoom."""
    zoom = nearest_zoom(wiring_of(lane), now.at)
    now.at = zoom.at
    breadcrumbs(now, zoom)
    targets = _targets(lane, zoom.at)

    def go(clicked: str) -> None:
        now.at = targets[clicked][0]

    graph(
        _dot(lane, zoom.at, is_dark()),
        key="arch_graph",
        name=_file_name(zoom.wiring.name, zoom.at),
        alt=zoom.words(),
        targets={name: words for name, (_, words) in targets.items()},
        on_click=go,
    )
    return zoom


def _legend(a: Lane, b: Lane) -> str:
    """What the marks mean, in the marks' own colours. Two nets of one family share theirs."""
    dark = is_dark()
    other = theme.colour(b.family if b.family != a.family else "", dark)
    marks = (
        (f"only {wiring_of(a).name}", theme.colour(a.family, dark), "solid"),
        (f"only {wiring_of(b).name}", other, "dashed"),
        ("both", theme.theme(dark).line, "solid"),
    )
    return "".join(
        f'<span class="skip-mark"><i style="border-top: 4px {style} {colour}"></i>{text}</span>'
        for text, colour, style in marks
    )


def show_difference(a: Lane, b: Lane) -> None:
    """Both nets in one graph: what only one of them has is marked."""
    one, two = wiring_of(a), wiring_of(b)
    st.html(_legend(a, b))
    graph(
        _difference(a, b, is_dark()),
        key="arch_graph",
        name=_file_name(one.name, "and", two.name),
        alt=f"Graph of {one.name} and {two.name}, their differences marked",
    )


def _file_name(*parts: str) -> str:
    text = " ".join(parts).lower().replace("×", "x").replace(".", " ")
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())
