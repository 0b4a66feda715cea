"""A lecture: which scenes, in which order, and where in it we are. All of it is in the address."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.access.roles import Action
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.scene import Scene
from skipviz.store.room import Room
from skipviz.store.rooms import rooms_of, word
from skipviz.ui import access, keys, manager
from skipviz.ui.lecture import course_site
from skipviz.ui.notes import complain, only_the_lecturer

SEEDS = 3


@dataclass(frozen=True)
class Phase:
    """One thing on the screen: "question", "figure" (number `figure` of the scene), "numbers",
    "caveat", "sources" or, at the end of a lecture, "summary"."""

    kind: str
    title: str
    figure: int = 0


@dataclass(frozen=True)
class Place:
    """Where in which lecture: scene number `at`, phase number `phase`, both from 0."""

    scenes: tuple[str, ...]
    at: int = 0
    phase: int = 0
    seeds: int = SEEDS
    room: str = ""
    playing: bool = False

    @property
    def key(self) -> str:
        return self.scenes[self.at]

    @property
    def scene(self) -> Scene:
        scene: Scene = registry.scenes()[self.key]
        return scene

    @property
    def last(self) -> bool:
        """Is this the lecture's last page?"""
        return self.at == len(self.scenes) - 1 and self.phase == len(self.phases) - 1

    @property
    def phases(self) -> list[Phase]:
        """The pages of this scene; a lecture of several ends with how the room did."""
        ends = len(self.scenes) > 1 and self.at == len(self.scenes) - 1
        return phases(self.scene) + ([Phase("summary", "how the room did")] if ends else [])

    def next(self) -> Place:
        """One page on; the last page stays."""
        if self.phase + 1 < len(self.phases):
            return replace(self, phase=self.phase + 1)
        return self if self.last else replace(self, at=self.at + 1, phase=0)

    def back(self) -> Place:
        """One page back; the first page stays."""
        if self.phase:
            return replace(self, phase=self.phase - 1)
        if not self.at:
            return self
        before = replace(self, at=self.at - 1)
        return replace(before, phase=len(before.phases) - 1)


def phases(scene: Scene) -> list[Phase]:
    """What is shown of a scene, one after the other."""
    figures = [Phase("figure", f"figure {i + 1}", i) for i in range(len(scene.figures))]
    picks = [Phase("pick", "everybody picks one")] if scene.pick else []
    return [
        Phase("question", "question"),
        *figures,
        Phase("numbers", "in numbers"),
        *picks,
        Phase("caveat", "caveat"),
        Phase("sources", "sources"),
    ]


def from_address() -> Place:
    """The place that the address names; a sentence where a part of it is wrong, and the rest."""
    query = st.query_params
    scenes = registry.scenes()
    wanted = tuple(filter(None, query.get("scenes", "").split(",")))
    wrong = [key for key in wanted if key not in scenes]
    if wrong:
        complain(SpecError(f"scene '{wrong[0]}': there is no such scene; the others are here"))
    place = Place(
        scenes=tuple(key for key in wanted if key in scenes) or tuple(scenes),
        seeds=min(max(_number("seeds", SEEDS), 1), 16),
        room=query.get("room", ""),
        playing="at" in query,
    )
    at = min(max(_number("at", 1), 1), len(place.scenes)) - 1
    place = replace(place, at=at)
    last = len(place.phases) - 1
    return replace(place, phase=min(max(_number("phase", 0), 0), last))


def _number(name: str, default: int) -> int:
    text = st.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 5 else default


def to_address(place: Place) -> None:
    """Puts a place into the address, so that it can be reloaded, shared and returned to."""
    query = {"scenes": ",".join(place.scenes), "seeds": str(place.seeds)}
    if place.playing:
        query |= {"at": str(place.at + 1), "phase": str(place.phase), "room": place.room}
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def room_of(place: Place) -> Room:
    """The lecture's room, which whoever holds it may change; a new one where the address names none
    that can be. SpecError for a guest: a room in a lecture's address gives no rights."""
    access.require(Action.LECTURE)
    rooms = rooms_of(manager.current().store.root)
    try:
        room = rooms.room(place.room)
    except SpecError:
        return rooms.room(word())
    if room.ended:
        complain(SpecError(f"the room {room.code} is no more; this is a new one, with a new code"))
        return rooms.room(word())
    return room


def new_room() -> str:
    """The id of a new room; rooms that nobody used for 90 days go."""
    access.require(Action.LECTURE)
    rooms_of(manager.current().store.root).tidy()
    return word()


def all_rooms() -> list[Room]:
    """All rooms that there are. SpecError for a guest."""
    access.require(Action.READ_ROOM)
    return rooms_of(manager.current().store.root).all_rooms()


def end_room(room: Room) -> None:
    """Deletes a room with all of its answers. SpecError."""
    access.require(Action.END_ROOM)
    room.end("deleted")


def contents() -> None:
    """Every scene with its question: pick some, order them, begin."""
    place = from_address()
    known = registry.scenes()
    st.markdown(
        "Each scene asks a question, lets the room predict, trains real nets, and says what this"
        " run showed, in numbers, and what it did not."
    )
    if not access.may(Action.LECTURE):
        only_the_lecturer("You may read here what is asked", Action.LECTURE)
        _cards(None)
        return
    left, middle, right = st.columns([7, 1.4, 1.6], vertical_alignment="bottom")
    scenes, seeds = _picked(place, left, middle)
    place = replace(place, scenes=scenes, seeds=seeds, playing=False)
    begin = right.button(
        "Begin", type="primary", icon=":material/slideshow:", shortcut=keys.RUN, width="stretch"
    )
    if begin:
        to_address(replace(place, playing=True, at=0, phase=0, room=new_room()))
        st.rerun()
    to_address(place)
    took = sum(known[key].seconds for key in place.scenes)
    st.caption(
        f"{len(place.scenes)} scenes; training takes about {max(1, round(took / 60))} min in all on"
        " two cores with three seeds. The address of this page is the lecture: share it."
    )
    course_site.offer(scenes, len(known))
    _cards(seeds)


def _cards(seeds: int | None) -> None:
    """Each scene as a card; with the number of seeds that Play takes, where it may be played."""
    columns = st.columns(2, gap="large")
    for i, (key, scene) in enumerate(registry.scenes().items()):
        with columns[i % 2].container(border=True):
            st.markdown(f"**{i + 1} · {scene.title}**  \n{scene.question}")
            foot = st.columns([3, 1.3], vertical_alignment="center")
            foot[0].caption(f"about {scene.seconds:.0f} s · " + scene.sources[0][0])
            if seeds is None:
                continue
            if foot[1].button("Play", key=f"play_{key}", icon=":material/play_arrow:"):
                alone = Place((key,), seeds=seeds, room=new_room(), playing=True)
                to_address(alone)
                st.rerun()


def _picked(
    place: Place, left: DeltaGenerator, middle: DeltaGenerator
) -> tuple[tuple[str, ...], int]:
    """The boxes for scenes and seeds, and what is chosen in them."""
    scenes = registry.scenes()
    chosen = left.multiselect(
        "Scenes of this lecture, in the order in which you pick them",
        list(scenes),
        default=list(place.scenes) if "scenes" in st.query_params else [],
        format_func=lambda key: scenes[key].title,
        placeholder="Pick scenes; with none picked, the lecture is the whole course",
        key="lecture_scenes",
    )
    seeds = middle.selectbox(
        "Seeds",
        [1, 3, 5, 10],
        index=[1, 3, 5, 10].index(place.seeds) if place.seeds in (1, 3, 5, 10) else 1,
        key="lecture_seeds",
        help="Every run is repeated with so many seeds; charts show the median and the range.",
    )
    return tuple(chosen) or tuple(scenes), seeds
