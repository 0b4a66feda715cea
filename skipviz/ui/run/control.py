"""The row that controls a run under way: pause, one step, slow motion, learning rate; and Resume.

It is a fragment: what is pressed in it reruns the row alone. For whoever may control the run it
looks every second how the run is; nobody else has it.
"""

from __future__ import annotations

import math

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core.escapes import sentence
from skipviz.core.experiment import Experiment
from skipviz.core.fields import FIELDS
from skipviz.core.knob import SpecError
from skipviz.core.placing import alike
from skipviz.core.protocol import Status
from skipviz.core.schedule import budget
from skipviz.server import orders
from skipviz.server.orders import accident, can_be_longer, goes_on
from skipviz.server.run import Run
from skipviz.store.lane_axes import labels
from skipviz.ui import access, keys, manager
from skipviz.ui.notes import complain, untrainable
from skipviz.ui.run.address import turn_to
from skipviz.ui.run.share import is_fixed

EVERY_S = 1.0

PACES = (0.0, 20.0, 5.0, 1.0)

ROW_PX = 42
"""The row's height: what stands below it does not jump when a run ends."""


def controls(run: Run | None, experiment: Experiment | None, key: str) -> None:
    """The row for the run that a page shows; of an experiment whose learning rate was changed by
    hand, a line that says so."""
    if run is None:
        if experiment is not None and _steered(experiment):
            _changes(_a_row(), experiment, experiment, key)
        return
    if is_fixed() or not access.may_control(run):
        return
    every = None if run.ended else EVERY_S
    st.fragment(_row, run_every=every)(run, experiment, key, every is not None)


def steered() -> set[str]:
    """The runs that this browser has controlled."""
    run_ids: set[str] = st.session_state.setdefault("steered", set())
    return run_ids


def _a_row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center")


def _row(run: Run, experiment: Experiment | None, key: str, follows: bool) -> None:
    if st.session_state.pop(f"{key}_shows", run.id) != run.id:
        st.rerun()  # the whole page: it shows another run now
    under_way, trouble = f"{key}_under_way", st.session_state.pop(f"{key}_trouble", None)
    if trouble:
        complain(trouble)
    if not run.ended:
        st.session_state[under_way] = run.id
        if not follows:
            st.rerun()
        if run.guest and run.status()["state"] == "queued":
            _waits(run, key)
        _under_way(run, key)
        _accident(run, key)
        return
    # The page hears of the end, unless its controls say something else by now: it would turn to
    # that.
    if follows and not differs(run, experiment):
        st.rerun()
    can, longer = goes_on(run), can_be_longer(run)
    changed = _steered(run.experiment) and not differs(run, experiment)
    row = _a_row() if can or longer or changed else None
    if row is None and st.session_state.get(under_way) == run.id:
        st.space(ROW_PX)
    if row is not None and can:
        row.button(
            "Resume",
            key=f"{key}_go_on",
            icon=":material/resume:",
            on_click=_go_on,
            args=(run.id, key),
            disabled=bool(untrainable()),
            help=untrainable()
            or "Training continues from the last saved step as if it had never been interrupted.",
        )
    if row is not None and longer:
        _more_steps(row, run, key)
    if row is not None and experiment is not None and changed:
        _changes(row, experiment, run.experiment, key)
    _accident(run, key)


def _waits(run: Run, key: str) -> None:
    """What a guest is told whose run waits for its turn, and the way out."""
    why = sentence(run.status().get("message") or "it waits for its turn")
    begins = "goes on" if run.status().get("step", 0) else "begins"
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.info(
        f"**{why[:1].upper()}{why[1:]}.** It {begins} by itself; keep this page open.",
        icon=":material/hourglass_top:",
    )
    right.button(
        "Cancel",
        key=f"{key}_cancel",
        icon=":material/close:",
        on_click=_cancel,
        args=(run.id, key),
        width="stretch",
    )


def _cancel(run_id: str, key: str) -> None:
    try:
        manager.current().stop(run_id)
    except SpecError as error:
        st.session_state[f"{key}_trouble"] = error


def _under_way(run: Run, key: str) -> None:
    status = run.status()
    paused = bool(status.get("paused"))
    row = _a_row()
    row.button(
        "Resume" if paused else "Pause",
        key=f"{key}_pause",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        shortcut=keys.PAUSE,
        on_click=_ask,
        args=(run.id, key, "resume" if paused else "pause"),
    )
    row.button(
        "Step",
        key=f"{key}_step",
        icon=":material/skip_next:",
        shortcut=keys.STEP,
        on_click=_ask,
        args=(run.id, key, "step"),
        help="Exactly one more step of every lane, then the run is paused.",
    )
    _pace(run, status, key, row)
    _rate(run, status, key, row)


def _pace(run: Run, status: Status, key: str, row: DeltaGenerator) -> None:
    pace = float(status.get("pace", 0.0))
    widget = _fresh(f"{key}_pace", pace)
    row.segmented_control(
        "Speed",
        PACES if pace in PACES else (*PACES, pace),
        default=pace,
        format_func=lambda value: f"{value:g} steps/s" if value else "full speed",
        key=widget,
        required=True,
        label_visibility="collapsed",
        on_change=_ask_value,
        args=(run.id, key, "pace", widget),
    )


def _rate(run: Run, status: Status, key: str, row: DeltaGenerator) -> None:
    lr, most = float(status.get("lr", run.experiment.lr)), float(FIELDS["lr"].high or 0)
    widget = _fresh(f"{key}_lr", lr)
    row.markdown("Learning rate", width="content")
    for name, label, value in (("less", "÷ 10", lr / 10), ("more", "× 10", min(10 * lr, most))):
        if name == "more":
            row.number_input(
                "Learning rate now",
                value=lr,
                min_value=0.0,
                max_value=most,
                step=10.0 ** math.floor(math.log10(lr)) if lr else 0.01,
                format="%g",
                key=widget,
                label_visibility="collapsed",
                width=140,
                on_change=_ask_value,
                args=(run.id, key, "lr", widget),
            )
        row.button(
            label,
            key=f"{key}_lr_{name}",
            on_click=_ask,
            args=(run.id, key, "lr", float(f"{value:.6g}")),
        )


def _fresh(name: str, value: float) -> str:
    """The key of a widget that shows what the run has: another one where that is news to it.

    Somebody else may have changed it, and what this browser asked for may still be on its way. A
    slow browser goes on sending what its widget showed before; that is no wish, and `_ask_value`
    knows it by its key.
    """
    last_value_key = f"{name}_seen"
    st.session_state.setdefault(f"{name}_turn", 0)
    if st.session_state.get(last_value_key) != value:
        st.session_state[last_value_key] = value
        if st.session_state.get(_now(name), value) != value:
            st.session_state[f"{name}_turn"] += 1
    return _now(name)


def _now(name: str) -> str:
    """The key that the widget of this name has now."""
    return f"{name}_{st.session_state[f'{name}_turn']}"


def _ask_value(run_id: str, key: str, action: str, widget: str) -> None:
    if widget == _now(f"{key}_{action}"):
        _ask(run_id, key, action, st.session_state[widget])


def _ask(run_id: str, key: str, action: str, value: float | None = None) -> None:
    """Controls the run; one sentence where it cannot be: it may have ended meanwhile."""
    steered().add(run_id)
    try:
        manager.current().control(run_id, action, **({} if value is None else {"value": value}))
    except SpecError as error:
        st.session_state[f"{key}_trouble"] = error
        st.session_state.pop(f"{key}_{action}_seen", None)


def _more_steps(row: DeltaGenerator, run: Run, key: str) -> None:
    """How many steps more the run is to make, and the button that has it make them."""
    made, most = orders.made(run), int(FIELDS["steps"].high or 0)
    if made >= most:
        return
    begin, end = budget(run.experiment, made - 1) if made else (0, run.experiment.steps)
    whole = made if run.experiment.seconds else end - begin
    widget = f"{key}_more_{run.id}_{made}"
    more = row.number_input(
        "How many steps more", value=max(1, min(whole, most - made)), min_value=1,
        max_value=most - made, step=1, key=widget, label_visibility="collapsed", width=150,
    )  # fmt: skip
    steps = int(more or 1)
    anew = "" if run.experiment.schedule == "constant" else " Its schedule begins anew over them."
    row.button(
        f"Train {steps:,} more step{'s' * (steps != 1)}",
        key=f"{key}_longer",
        icon=":material/forward:",
        on_click=_go_on,
        args=(run.id, key, steps),
        disabled=bool(untrainable()),
        help=untrainable()
        or f"From step {made:,} to {made + steps:,}, as if it had never ended.{anew}",
    )


def _go_on(run_id: str, key: str, more_steps: int = 0) -> None:
    steered().add(run_id)
    try:
        manager.current().resume(run_id, more_steps)
    except SpecError as error:
        st.session_state[f"{key}_trouble"] = error


def recorded(
    experiment: Experiment | None, source: Experiment, run: Run | None, key: str
) -> Experiment | None:
    """The page's experiment as Train will run it: with the learning rates that were changed by hand
    in `source`, which it began from, only where that is asked for: by a click, or by an address
    that spells the changes out."""
    if experiment is None:
        return None
    planned = experiment.as_planned()
    if not _repeats(source, key, run is None) or not alike(source.as_planned(), planned):
        return planned
    return planned.with_(changes=source.changes, budgets=source.budgets)


def differs(run: Run, experiment: Experiment | None) -> bool:
    """Do the page's controls say something else than what this run was begun with, or, where it
    was trained for longer, than what it is now?"""
    if experiment is None:
        return True
    of, planned = run.experiment.as_planned(), experiment.as_planned()
    earlier = [
        of.with_(steps=each.steps, seconds=planned.seconds) for each in run.experiment.budgets
    ]
    return not any(alike(each, planned) for each in (of, *earlier))


def _repeats(source: Experiment, key: str, otherwise: bool) -> bool:
    """Whether Train repeats these changes: as was clicked for them, else `otherwise`."""
    steering, choice = st.session_state.get(f"{key}_repeats", ((), otherwise))
    return bool(choice) if steering == _steering(source) else otherwise


def _steering(of: Experiment) -> tuple[object, ...]:
    return of.changes, of.budgets


def _steered(of: Experiment) -> bool:
    """Was its learning rate another than planned, by hand or since it was trained for longer?"""
    return bool(of.changes) or (bool(of.budgets) and of.schedule != "constant")


def _changes(row: DeltaGenerator, experiment: Experiment, source: Experiment, key: str) -> None:
    """Says how the learning rate was changed in `source` and whether Train will do so again, and
    offers the other."""
    rates = ", ".join(f"{change.lr:g} from step {change.step} on" for change in source.changes)
    parts = [f"learning rate {source.lr:g}, changed by hand: {rates}"] if rates else []
    if source.budgets and source.schedule != "constant":
        ends = ", ".join(str(each.end) for each in source.budgets)
        parts.append(f"the {source.schedule} schedule began anew at step {ends}")
    text = "; ".join(parts)
    repeats = _steered(experiment)
    keeps = f"Train keeps {source.lr:g}." if rates else "Train has one schedule over all steps."
    will = "Train repeats this." if repeats else keeps
    row.caption(f"{text[:1].upper()}{text[1:]}. {will}")
    offer = "Leave the changes out" if repeats else "Repeat the changes"
    if row.button(offer, key=f"{key}_repeat_changes", type="tertiary"):
        st.session_state[f"{key}_repeats"] = (_steering(source), not repeats)
        st.rerun()


def _accident(run: Run, key: str) -> None:
    """Of a lane that diverged after its learning rate was raised by hand: says so, and offers to
    begin anew with the rate that it had."""
    happened = accident(run)
    if happened is None:
        return
    name = labels(run.experiment)[happened.lane]
    raised = happened.change
    row = _a_row()
    row.warning(
        f"**{name}** diverged at step {happened.diverged_at}: the learning rate had been raised"
        f" from {happened.before:g} to {raised.lr:g} at step {raised.step}."
        " What has diverged does not come back at a smaller rate.",
        icon=":material/warning:",
        width="stretch",
    )
    row.button(
        f"Restart with {happened.before:g}",
        key=f"{key}_restart",
        icon=":material/restart_alt:",
        on_click=_restart,
        args=(run, happened.change.step, key),
    )


def _restart(run: Run, step: int, key: str) -> None:
    """Begins the run anew without what was changed at this step and after it."""
    earlier = tuple(change for change in run.experiment.changes if change.step < step)
    owner = manager.current()
    try:
        new = owner.submit(run.experiment.with_(changes=earlier))
    except SpecError as error:
        st.session_state[f"{key}_trouble"] = error
        return
    mine: set[str] = st.session_state.setdefault("mine", set())
    if run.id in mine | steered() and not run.ended:
        owner.stop(run.id)
    mine.add(new)
    turn_to(new)
    st.session_state[f"{key}_shows"] = new
