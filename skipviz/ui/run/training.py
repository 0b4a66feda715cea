"""Train and Stop, the run they act on, and the live charts of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core import packages
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.placing import KINDS, Placing
from skipviz.figures import live_options
from skipviz.server.disk_need import DiskNeed, disk_need, too_much
from skipviz.server.run import Run
from skipviz.store.lane_axes import labels
from skipviz.ui import access, keys, manager
from skipviz.ui.notes import complain, no_training, untrainable, watches, words
from skipviz.ui.run import choices
from skipviz.ui.run.address import turn_to
from skipviz.ui.run.control import steered
from skipviz.ui.run.copy_link import copy_link
from skipviz.ui.run.live import live
from skipviz.ui.run.share import is_fixed, share

WORTH_SAYING = 100_000_000
"""Bytes of a run from which on the page says them."""

CHARTS = ("header", "loss", "profile", "graph", "heat", "gates")


def charts(
    run: Run,
    key: str,
    panels: tuple[str, ...] = CHARTS,
    replay_s: float | None = None,
    quantity: str = "signal",
    extra: dict[str, Any] | None = None,
    tell: str = "",
    in_address: bool = False,
) -> None:
    """The live charts of a run: they follow it by themselves, without a rerun of the page. `tell`
    as in `live`; `in_address`: the page's address has the run, and keeps what is chosen here."""
    options = live_options.options(run.experiment, quantity) | {"extra": extra}
    live(
        run.id,
        panels=panels,
        key=key,
        tell=tell,
        words=choices.of_charts(run.id) if in_address else None,
        options=options | ({"replay_s": replay_s} if replay_s else {}),
    )


def buttons(
    experiment: Experiment | None, run: Run | None, key: str, boxes: Sequence[DeltaGenerator]
) -> Run | None:
    """The Train, Stop and Copy link buttons in three boxes; the run to show after them.

    Train replaces a run that this browser started itself; somebody else's run goes on. A page
    whose address fixes it has Train only while there is no run to show. The page's last line is
    `again_if_ended`.
    """
    left, right, last = boxes
    if watches() or (is_fixed() and run is not None):
        copy_link(last, f"{key}_copy_link")
        return run
    need = disk_need(experiment) if experiment is not None else None
    train = left.button(
        "Train",
        key=f"{key}_train",
        type="primary",
        icon=":material/play_arrow:",
        shortcut=keys.TRAIN,
        width="stretch",
        disabled=experiment is None or bool(untrainable()),
        help=untrainable() or (f"Takes {need.words()}." if need else None),
    )
    if train and experiment is not None:
        run = _start(experiment, run) or run
    may_stop = run is not None and not run.ended and access.may_control(run)
    st.session_state[_may_stop(key)] = may_stop
    stop = right.button(
        "Stop",
        key=f"{key}_stop",
        icon=":material/stop:",
        shortcut=keys.STOP,
        width="stretch",
        disabled=not may_stop,
    )
    copy_link(last, f"{key}_copy_link")
    if need is not None and not untrainable():
        _say_disk(need)
    if stop and run is not None:
        _stop(run)
    return run


def again_if_ended(run: Run | None, key: str) -> None:
    """Draws a page again whose run has ended since its Stop was drawn: a run may be over before its
    page is, and what looks for the end later saw it too late to draw Stop anew."""
    if st.session_state.get(_may_stop(key)) and run is not None and run.ended:
        st.rerun()


def _may_stop(key: str) -> str:
    """Where a page notes whether its Stop can be pressed."""
    return f"{key}_may_stop"


def _say_disk(need: DiskNeed) -> None:
    """What a large run takes on disk, before it begins; of a small one only the button says it."""
    sentence = too_much(need, manager.current().store.root)
    if sentence:
        st.warning(sentence, icon=":material/hard_drive:")
    elif need.total >= WORTH_SAYING:
        st.caption(f"Train records {need.frames:,} frames: {need.words()}.")


def _stop(run: Run) -> None:
    try:
        manager.current().stop(run.id)
    except SpecError as error:
        complain(error)
        return
    steered().add(run.id)


def _start(experiment: Experiment, previous: Run | None) -> Run | None:
    owner = manager.current()
    mine: set[str] = st.session_state.setdefault("mine", set())
    try:
        if previous is not None and previous.id in mine:
            owner.stop(previous.id)
        run_id = owner.submit(experiment)
    except SpecError as error:
        complain(error)
        return None
    mine.add(run_id)
    turn_to(run_id)
    return owner.find(run_id)


def at_init(experiment: Experiment) -> Run | None:
    """One step of the experiment, measured before any update: shared by all who ask for the
    same."""
    if no_training():
        return None
    try:
        owner = manager.current()
        return owner.find(owner.shared(_one_step(experiment)))
    except SpecError as error:
        complain(error)
        return None


def _one_step(experiment: Experiment) -> Experiment:
    """What decides the first step, and nothing that follows it."""
    planned = experiment.as_planned()
    return planned.with_(steps=1, seconds=0, record_every=1, evaluate_every=0)


def foot(*names: str) -> None:
    """The last line of a page: its words explained, and what it trains on."""
    left, middle, code, right = st.columns([1.3, 1, 1.2, 3.6], vertical_alignment="center")
    with left:
        words(*names)
    with middle:
        recent_runs()
    share(code, "share_code")
    with right:
        device_line()


def recent_runs(most: int = 10) -> None:
    """The newest stored runs, each a click away in the Lab; read only when asked for."""
    box = st.popover("Runs", icon=":material/history:", key="recent_runs", on_change="rerun")
    if not box.open:
        return
    with box:
        runs = manager.current().recent(most)
        if not runs:
            st.write("No run is stored yet: press **Train**.")
        for entry in runs:
            name = ", ".join(labels(entry["experiment"]))
            state = f"{entry['state']}, step {entry.get('step', 0)}"
            data = entry["experiment"].data.partition("@")[0]
            remark = f" *({entry['data']})*" if entry["data"] else ""
            st.markdown(f"[{name}](lab?run={entry['run']}) on {data}: {state}{remark}")


def device_line() -> None:
    """Which devices there are, and how much memory is free on each."""
    owner = manager.current()
    if owner.trouble:
        complain(SpecError(owner.trouble))
    lacking = packages.missing()
    if lacking:
        st.caption(f"Trains nothing: {' and '.join(lacking)} not installed.")
        return
    devices = owner.devices()
    if not devices:
        st.caption("A worker is warming up; runs that you start now begin in a few seconds.")
        return
    sentence = (
        f"**{device['key']}** {device['name']},"
        f" {device['free'] / 2**30:.1f} of {device['memory'] / 2**30:.1f} GB free"
        for device in devices
    )
    st.caption("Trains on: " + "; ".join(sentence) + f". {placing_sentence(owner.placing())}")


def placing_sentence(placing: Placing) -> str:
    """Where `auto` trains which nets, and why, in a sentence."""
    if len(placing.devices) < 2:
        return f"Device auto {placing.sentence('thin')}."
    return f"Device auto {'; '.join(placing.sentence(kind) for kind in KINDS)}."
