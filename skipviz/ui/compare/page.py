"""The Compare page: chosen runs laid over each other, or a sweep as one object."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from skipviz.core import final
from skipviz.core.knob import SpecError
from skipviz.core.protocol import ENDED
from skipviz.figures import comparison as figures
from skipviz.store import comparison
from skipviz.store.comparison import AXES, CURVES, PROFILES, Compared, Line
from skipviz.ui.compare import chosen, sweep
from skipviz.ui.notes import complain
from skipviz.ui.run import choices
from skipviz.ui.run.copy_link import copy_link
from skipviz.ui.run.share import is_fixed, share
from skipviz.ui.theme import is_dark

LOOK_S = 2.0
"""So often it looks again at runs that are under way."""

FINAL = "final"
SHOWN = {
    "loss": "Loss", "error": "Error", "signal_gradient_norm": "Signal gradient",
    "weight_gradient_norm": "Weight gradient", "activation_scale": "Activations",
    "gate_mean": "Gates", FINAL: "Final loss",
}  # fmt: skip
WAYS = {"overlay": "Overlay", "difference": "Difference"}


def show() -> None:
    """The whole page below its title."""
    if "sweep" in st.query_params:
        sweep.show_page(st.query_params["sweep"])
        return
    named = [each for each in st.query_params.get("runs", "").split(",") if each]
    known = list(dict.fromkeys(named))[: comparison.MOST]
    picked = known if is_fixed() else chosen.box(known)
    if picked != known:
        choices.note("runs", picked)
        st.rerun()
    if len(named) < comparison.FEWEST:
        st.info(
            "Choose two to six runs above, or tick them in [History](history) and press"
            " **Compare** there.",
            icon=":material/stacked_line_chart:",
        )
        return
    try:
        runs = chosen.from_address()
    except SpecError as error:
        complain(error)
        return
    compare(runs)


def compare(runs: Sequence[Compared]) -> None:
    """Controls, chart and table of some runs."""
    what, axis, way, base = _controls(runs)
    busy = any(run.state not in ENDED for run in runs)

    @st.fragment(run_every=LOOK_S if busy else None, key=f"compare_chart_{busy}")
    def chart() -> None:
        fresh = chosen.compared([run.id for run in runs])
        if busy and all(run.state in ENDED for run in fresh):
            st.rerun()
        _chart(fresh, what, axis, way, base)

    chart()
    _tables(runs)


def _controls(runs: Sequence[Compared]) -> tuple[str, str, str, int]:
    """What is shown, along which axis, over each other or as differences, and from which lane."""
    lanes = [label for run in runs for label in comparison.lane_labels(run)]
    gated = any(track.gates for run in runs for track in run.log.tracks)
    shown = {key: word for key, word in SHOWN.items() if key != "gate_mean" or gated}
    row = st.container(horizontal=True, vertical_alignment="bottom")
    what = choices.one_of(
        row, "Show", list(shown), "show", key="compare_show", says=shown.__getitem__
    )
    axis = "step"
    if what in CURVES:
        axis = choices.one_of(row, "Along", list(AXES), "x", key="compare_x")
    way = "overlay"
    if what != FINAL:
        way = choices.one_of(
            row, "How", list(WAYS), "how", key="compare_how", says=WAYS.__getitem__
        )
    base = 0
    if way == "difference":
        base = choices.option_in_address("base", range(len(lanes)), 0)
        if not is_fixed():
            base = row.selectbox(
                "Against", range(len(lanes)), base, format_func=lanes.__getitem__,
                key="compare_base", width=220,
            )  # fmt: skip
        choices.note("base", base, 0)
    copy_link(row.container(width=130), "compare_copy_link")
    share(row.container(width="content"), "compare_share")
    return what, axis, way, base


def _chart(runs: Sequence[Compared], what: str, axis: str, way: str, base: int) -> None:
    if what == FINAL:
        _finals(runs)
        return
    profile = what in PROFILES
    if profile:
        lines = comparison.profiles(runs, what, _step(runs))
        unit, along = PROFILES[what][0], "layer (1 = nearest the input)"
        ratio = what != "gate_mean"
    else:
        lines = comparison.curves(runs, what, axis)
        unit, along, ratio = CURVES[what], AXES[axis], False
    places, log_y = list(range(len(lines))), what == "loss" or (profile and ratio)
    caption = "Bold: the median over the seeds that live; thin: each seed."
    if way == "difference" and lines:
        against = lines[min(base, len(lines) - 1)]
        places = [place for place, line in enumerate(lines) if line is not against]
        lines = comparison.differences(lines, against, of_layers=profile, ratio=ratio)
        unit = "decades above that lane" if ratio else f"difference: {unit}"
        log_y = False
        nets = " Nets of other depths are laid over each other from first layer to last."
        caption += f" Against {against.label}, where both have readings."
        caption += nets if profile else ""
    st.plotly_chart(
        figures.overlaid(lines, axes=(along, unit), dark=is_dark(), log_y=log_y, places=places),
        theme=None, key="compare_figure", alt="Runs laid over each other",
    )  # fmt: skip
    st.caption(f"{caption}{_fates(lines)}")


def _step(runs: Sequence[Compared]) -> int:
    """The step whose profiles are shown; a shorter run's last stands for those after it."""
    last = comparison.last_step(runs)
    if not last:
        return 0
    given = choices.number_in_address("step", 0, last)
    step = last if given is None else given
    if not is_fixed():
        step = st.slider(
            "At step", 0, last, step, key="compare_step",
            help="Each run shows its recorded step nearest to this one; one that is shorter, its"
            " last.",
        )  # fmt: skip
    choices.note("step", step, last)
    return int(step)


def _fates(lines: Sequence[Line]) -> str:
    """Which lanes diverged, in words."""
    fates = [f"{line.label}: {line.fate}" for line in lines if line.fate]
    return f" They leave the chart at its top: {'; '.join(fates)}." if fates else ""


def _finals(runs: Sequence[Compared]) -> None:
    rows = {
        label: losses
        for run in runs
        for label, losses in zip(comparison.lane_labels(run), comparison.finals(run), strict=True)
    }
    st.plotly_chart(
        figures.finals(rows, dark=is_dark()),
        theme=None, key="compare_finals", alt="Final loss of every seed",
    )  # fmt: skip
    gone = {label: len(losses) - len(final.living(losses)) for label, losses in rows.items()}
    fates = [f"{label}: {final.dead(n, len(rows[label]))}" for label, n in gone.items() if n]
    counted = f" Not drawn: {'; '.join(fates)}." if fates else ""
    st.caption(f"Every dot is one seed's final training loss: {final.WORDS}.{counted}")


def _tables(runs: Sequence[Compared]) -> None:
    """What was chosen, run by run and lane by lane, the differences marked."""
    left, right = st.columns([5, 1.4], vertical_alignment="center")
    left.subheader("What was chosen")
    whole = st.query_params.get("all") == "1"
    if not is_fixed():
        whole = right.toggle("All knobs", whole, key="compare_all")
    choices.note("all", "1" if whole else "")
    fields, knobs = comparison.fields_of(runs), comparison.knobs_of(runs)
    heads = [f"{run.number} · {chosen.called(run)}" for run in runs]
    said = [("state", [f"{run.state}, {run.log.last_step + 1:,} steps" for run in runs], False)]
    rows = [(row.name, row.values, row.differs) for row in fields if whole or row.differs]
    st.html(figures.table(heads, [*said, *rows]))
    lanes = [label for run in runs for label in comparison.lane_labels(run)]
    rows = [(row.name, row.values, row.differs) for row in knobs if whole or row.differs]
    if rows:
        st.html(figures.table(lanes, rows))
    if not whole and not is_fixed():
        st.caption("≠ marks what differs; *All knobs* shows the rest.")
