"""The scene player: one thing at a time, full width, by keyboard."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.access.roles import Action
from skipviz.core import findings
from skipviz.core.escapes import sentence
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import Phase as Step
from skipviz.core.phone_protocol import View
from skipviz.core.scene import Figure, Scene
from skipviz.figures import scene_figures, theme
from skipviz.server.run import Run
from skipviz.server.stored_evidence import of_stored
from skipviz.store import predictions, recordings
from skipviz.store.evidence import Gathered, with_seeds
from skipviz.store.lane_axes import families, labels
from skipviz.store.predictions import Prediction
from skipviz.store.room import Room
from skipviz.ui import access, keys, manager
from skipviz.ui.lecture import (
    leading,
    picks,
    replay,
    reveal,
    room_settings,
    summary,
    votes,
    way,
)
from skipviz.ui.lecture.lecture import Phase, Place, room_of, to_address
from skipviz.ui.lecture.worksheet import worksheet
from skipviz.ui.notes import complain, only_the_lecturer, untrainable
from skipviz.ui.run.training import charts
from skipviz.ui.theme import is_dark


def play(place: Place) -> None:
    """The page of a lecture at one place; a guest's changes nothing."""
    if not access.may(Action.LECTURE):
        _look(place)
        return
    room = room_of(place)
    place = replace(place, room=room.id)
    leader = leading.other_leader(place, room)
    if leader is not None:
        to_address(place)
        leading.follow_or_take_over(place, room, leader)
        return
    scene, phase = place.scene, place.phases[place.phase]
    runs = found(room, place.key)
    picks.arrive(place.key, room)
    way.arrive(place, room, runs)
    step = way.phase(place, room, runs)
    room.show(place.key, step)
    room.look_at(_view(place, step, runs))
    to_address(place)
    _bar(place, room, runs, step)
    if phase.kind != "summary":
        replay.say_replayed(runs)
    if phase.kind == "pick":
        picks.page(place.key, scene, room)
    elif phase.kind == "question" or step is Step.SEEN:
        votes.question(place.key, scene, room, step)
    elif phase.kind == "figure":
        _figure(place, scene.figures[phase.figure], runs, room)
    elif phase.kind == "numbers":
        _numbers(place, room, runs, step)
    elif phase.kind == "caveat":
        _caveat(scene)
    elif phase.kind == "summary":
        summary.summary(place, room)
    else:
        _sources(scene)


def _view(place: Place, step: Step, runs: Mapping[str, Run]) -> View:
    """What those who follow the lecture see of this page: its words, and the run on it."""
    phase = place.phases[place.phase]
    figure = place.scene.figures[phase.figure] if phase.kind == "figure" else None
    run = runs.get(figure.run if figure else "main")
    is_live = figure is not None and figure.kind == "live"
    whose = families(run.experiment) if run is not None else []
    return {
        "scene": place.scene.title, "page": way.TITLES.get(step, phase.title),
        "says": figure.says if figure else "", "run": run.id if run is not None else "",
        "panels": ["header", *figure.panels] if figure and is_live else ["header", "loss"],
        "quantity": figure.quantity if figure else "signal", "step": None,
        "colours": [(theme.colour(each), theme.colour(each, dark=True)) for each in whose],
    }  # fmt: skip


def _look(place: Place) -> None:
    """What a guest sees of a lecture: the question, and where to vote."""
    st.html(f'<p class="skip-question">{html.escape(place.scene.question)}</p>')
    vote = f" [Vote here](vote?room={quote(place.room)})." if place.room else ""
    only_the_lecturer(f"You look on.{vote} Nothing changes by this page", Action.LECTURE)


def found(room: Room, key: str) -> dict[str, Run]:
    """The runs of a scene that this room has seen, by the name of the run."""
    owner = manager.current()
    runs = {name: owner.find(run_id) for name, run_id in room.runs(key).items()}
    return {name: run for name, run in runs.items() if run is not None}


def _bar(place: Place, room: Room, runs: Mapping[str, Run], step: Step) -> None:
    """The scene's name and where we are in it; back, next, run, reset."""
    scene, phases = place.scene, place.phases
    dots = "".join(
        f'<i title="{html.escape(phase.title)}"{" data-here" if i == place.phase else ""}></i>'
        for i, phase in enumerate(phases)
    )
    phase_here = phases[place.phase]
    title = "The end of the lecture" if phase_here.kind == "summary" else scene.title
    boxes = st.columns([4.4, 1.35, 1.35, 1.45, 1.35, 0.8], vertical_alignment="center")
    boxes[0].html(
        f'<div class="skip-place"><small>Scene {place.at + 1} of {len(place.scenes)} ·'
        f" {html.escape(way.TITLES.get(step, phase_here.title))}</small><b>{html.escape(title)}</b>"
        f"<span>{dots}</span></div>"
    )
    if boxes[1].button("Back", icon=":material/arrow_back:", shortcut=keys.BACK,
                       disabled=way.at_start(place, step), key="player_back",
                       width="stretch"):  # fmt: skip
        _go(way.back(place, room, runs))
    if boxes[2].button("Next", icon=":material/arrow_forward:", shortcut=keys.NEXT,
                       disabled=place.last, key="player_next", width="stretch"):  # fmt: skip
        _go(way.forward(place, room, runs))
    if phase_here.kind == "pick":
        _pick_buttons(place, room, boxes[3], boxes[4])
    else:
        _run_buttons(place, room, runs, boxes[3], boxes[4])
    with boxes[5].popover("", icon=":material/notes:", help="Speaker notes, the room, the way out"):
        _notes_and_room(place, room)


def _run_buttons(
    place: Place, room: Room, runs: Mapping[str, Run], left: DeltaGenerator, right: DeltaGenerator
) -> None:
    """Run, and Replay or Reset."""
    ready = not runs
    if left.button("Run", icon=":material/play_arrow:", shortcut=keys.RUN, type="primary",
                       disabled=not ready or bool(untrainable()), key="player_run",
                       help=untrainable() or None, width="stretch"):  # fmt: skip
        _run(place, room)
    if ready and recordings.of(place.key):
        if ids := replay.button(right, place.key):
            _show(place, room, ids)
    elif right.button("Reset", icon=":material/restart_alt:", shortcut=keys.RESET,
                         disabled=ready, key="player_reset", width="stretch"):  # fmt: skip
        for run in runs.values():
            manager.current().stop(run.id)
        room.forget(place.key)
        _go(replace(place, phase=0))


def _pick_buttons(place: Place, room: Room, left: DeltaGenerator, right: DeltaGenerator) -> None:
    """Run tries the numbers that were picked; Reset takes them back."""
    is_tried = room.tried(place.key) is not None
    if left.button("Run", icon=":material/play_arrow:", shortcut=keys.RUN, type="primary",
                   disabled=is_tried or bool(untrainable()), key="player_pick_run",
                   help=untrainable() or None, width="stretch"):  # fmt: skip
        try:
            picks.run(place.key, place.scene, room)
        except SpecError as error:
            complain(error)
        else:
            _go(place)
    if right.button("Reset", icon=":material/restart_alt:", shortcut=keys.RESET,
                    key="player_pick_reset", width="stretch"):  # fmt: skip
        picks.reset(place.key, room)
        _go(place)


def _notes_and_room(place: Place, room: Room) -> None:
    """What to say, the way out, and the room's settings; where the room is to be deleted, that
    alone: an answer is not looked for below the fold."""
    if room_settings.is_to_be_deleted(room):
        room_settings.deletion(room)
        return
    st.markdown(f"**To say**  \n{place.scene.notes}")
    st.markdown(f"**To follow along** on a laptop  \n`{votes.vote_address(room)}#follow`")
    if st.button("Close the lecture", icon=":material/close:", key="player_close"):
        room.let_go()
        _go(replace(place, playing=False))
    st.markdown("**The room**")
    room_settings.steps(room)
    room_settings.deletion(room)


def _go(place: Place) -> None:
    to_address(place)
    st.rerun()


def _run(place: Place, room: Room) -> None:
    """Submits the scene's runs and goes to the first figure."""
    owner = manager.current()
    ids: dict[str, str] = {}
    try:
        for name, experiment in with_seeds(place.scene, seeds=place.seeds).items():
            ids[name] = owner.submit(experiment)
    except SpecError as error:
        for run_id in ids.values():
            owner.stop(run_id)
        complain(error)
        return
    _show(place, room, ids)


def _show(place: Place, room: Room, ids: dict[str, str]) -> None:
    """Shows these runs of the scene, by name, from its first figure on."""
    room.played(place.key, ids)
    _go(replace(place, phase=max(1, place.phase)))


def _empty(place: Place) -> None:
    recorded = ", or **Replay** (P) for a recording" if recordings.of(place.key) else ""
    if untrainable():
        play_it = " Press **Replay** (P) for a recording." if recorded else ""
        st.info(untrainable() + play_it, icon=":material/memory:")
        return
    st.info(f"Nothing has run yet: press **Run** (Enter){recorded}.", icon=":material/play_arrow:")


def _pending(place: Place, runs: Mapping[str, Run]) -> bool:
    """Says how far the runs are while one of them goes on, and shows it; the page follows when all
    have ended."""
    if all(run.ended for run in runs.values()):
        return False

    @st.fragment(run_every=1.0)
    def follow() -> None:
        manager.current().watch(runs.values())
        waiting = [run for run in runs.values() if not run.ended]
        if not waiting:
            st.rerun()
        now, number = waiting[0], len(runs) - len(waiting) + 1
        note = now.status().get("message") or f"training {', '.join(labels(now.experiment))}"
        note = sentence(note)
        st.caption(f"This picture needs all runs of the scene; run {number} of {len(runs)}: {note}")
        charts(now, key=f"player_wait_{place.key}_{now.id}", panels=("header", "loss"))

    follow()
    return True


def _gathered(place: Place, runs: Mapping[str, Run]) -> Gathered:
    ids = {name: run.id for name, run in runs.items()}
    return of_stored(place.scene, ids, manager.current())


def _figure(place: Place, figure: Figure, runs: Mapping[str, Run], room: Room) -> None:
    st.html(f'<p class="skip-says">{html.escape(figure.says)}</p>')
    if figure.run not in runs:
        _empty(place)
        return
    if figure.kind == "live":
        panels = ("header", *figure.panels) if "header" not in figure.panels else figure.panels
        run = runs[figure.run]
        with st.container(key="player_live"):  # as high as the screen allows
            charts(
                run, panels=panels, quantity=figure.quantity, tell=f"v/{room.code}/step",
                **replay.options(run),
            )  # fmt: skip
        return
    if _pending(place, runs):
        return
    try:
        with st.spinner("Measuring …", show_time=True):
            chart = scene_figures.figure_of(place.scene, figure, _gathered(place, runs), is_dark())
    except SpecError as error:
        complain(error)
        return
    chart.update_layout(height=None)
    with st.container(key="player_figure"):  # as high as the screen allows
        st.plotly_chart(
            chart, theme=None, height="stretch", key=f"player_{place.key}_{place.phase}",
            alt=figure.says,
        )  # fmt: skip


def _numbers(place: Place, room: Room, runs: Mapping[str, Run], step: Step) -> None:
    """What this run showed, in numbers, beside what the room predicted; at the `step` in which the
    page was begun to be drawn."""
    scene = place.scene
    if len(runs) < len(scene.runs):
        _empty(place)
        return
    if _pending(place, runs):
        return
    if step is Step.RUN:
        st.rerun()  # they ended meanwhile: the room is asked first what it saw
    evidence = _gathered(place, runs)
    try:
        with st.spinner("Measuring …", show_time=True):
            shown = findings.found(scene, evidence)
    except SpecError as error:
        complain(error)
        return
    is_drawn = way.has_sketches(room, place.key)
    left, aside = st.columns([5, 5] if is_drawn else [6, 4], gap="large")
    with left:
        recorded = replay.is_recorded(runs["main"])
        st.html(
            scene_figures.headline(shown.verdicts[scene.headline], recorded)
            + f'<p class="skip-saw">{html.escape(shown.saw)}</p>'
            + scene_figures.folded_verdicts(shown.verdicts, recorded)
        )
        st.caption(findings.MEANT)
    counts, right = room.counts(place.key, len(scene.choices)), shown.right
    room.reveal(place.key, right)
    _keep_votes(runs["main"], scene, counts, right)
    with aside:
        reveal.answers(place.key, scene, room, right, evidence)


def _keep_votes(run: Run, scene: Scene, counts: list[int], right: int) -> None:
    """The room's prediction, kept in the main run's folder: counts, no names. With a recording it
    is kept in the room's own file alone."""
    if run.folder is not None and not replay.is_recorded(run):
        said = Prediction(scene.question, tuple(scene.choices), tuple(counts), right)
        predictions.keep(run.folder, said)


def _caveat(scene: Scene) -> None:
    boxes = st.columns(2, gap="large")
    cards = (("What this does not show", scene.caveat),
             ("A common claim", scene.misconception))  # fmt: skip
    for box, (title, text) in zip(boxes, cards, strict=True):
        box.html(f'<div class="skip-card"><h3>{title}</h3><p>{html.escape(text)}</p></div>')


def _sources(scene: Scene) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("#### Sources")
        st.markdown("\n".join(f"- {source}: {where}" for source, where in scene.sources))
        st.markdown("#### Try it")
        for key, experiment in scene.runs.items():
            names = ", ".join(labels(experiment))
            query = "&".join(f"{k}={v}" for k, vs in experiment.to_query().items() for v in vs)
            st.markdown(f"- [{names}](lab?{query}) in the Lab" if key else names)
    with right:
        worksheet(scene)


__all__ = ["Phase", "play"]
