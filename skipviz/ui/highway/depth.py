"""Highway nets and depth: the gate bias at init, Fig. 1, which bias trains, fixed gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.highway_sweeps import BIASES, DATA, DEPTHS, HIGHWAY_TRIES
from skipviz.core.registry import dataset, probe
from skipviz.datafiles.availability import missing
from skipviz.figures import sweeps as figures
from skipviz.server.run import Run
from skipviz.server.sweep import Sweep, best, final_losses
from skipviz.ui import manager
from skipviz.ui.highway import gate_bias
from skipviz.ui.run import choices
from skipviz.ui.run.sweeps import section
from skipviz.ui.theme import is_dark


def views() -> None:
    """One section at a time."""
    view_key = choices.one_of(
        st, "What to look at", list(VIEWS), "view", key="highway_depth_view", named=False,
        says=lambda key: VIEWS[key][0],
    )  # fmt: skip
    VIEWS[view_key][1]()


# --- sweeps


def _row() -> list[DeltaGenerator]:
    """Two boxes for choices, two for buttons."""
    return st.columns([2.2, 2.2, 1.8, 1.3], vertical_alignment="bottom")


def _data(box: DeltaGenerator, key: str) -> str:
    """Which data set the nets of a sweep learn; those that are here."""
    here = [name for name, fields in DATA.items() if not missing(str(fields["data"]))]
    return choices.one_of(
        box, "Data", here, "data", key=key,
        says=lambda name: {"digits": "digits", "mnist": "MNIST at 14×14"}[name],
    )  # fmt: skip


def _chance(sweep: Sweep) -> float:
    first = next(iter(sweep.experiments.values()))
    return math.log(dataset(first.data).num_classes)


def _figure1() -> None:
    st.markdown(
        "Does more depth cost **training loss**? Plain nets of 71 units and highway nets of 50 have"
        " equal parameters. The paper showed the best of a random search: here the best of a few"
        " tries for each depth and family."
    )
    left, right, *boxes = _row()
    data = _data(left, "figure1_data")
    tries = choices.one_of(
        right, "Tries for each net", (1, 2, 4, len(HIGHWAY_TRIES)), "tries", key="figure1_tries",
        usual=2, help="Learning rate, gate bias or init, activation.",
    )  # fmt: skip
    section("figure1", {"tries": tries, "data": data}, _draw_figure1, boxes)


def _draw_figure1(sweep: Sweep, ended: Mapping[str, Run]) -> None:
    """Losses against depth, the curves of the best beside them."""
    losses = {name: final_losses(run) for name, run in ended.items()}
    losses_at_depth: dict[str, dict[int, list[list[float]]]] = {"plain": {}, "highway": {}}
    curves, lines = [], []
    for family, at in losses_at_depth.items():
        for depth in DEPTHS:
            names = [n for n in losses if _is(sweep.experiments[n], family, depth)]
            if names:
                winner = best({name: losses[name] for name in names})
                at[depth] = [losses[winner], *(losses[n] for n in names if n != winner)]
                curves.append((f"{family}-{depth}", family, *_curve(ended[winner])))
                lines.append(winner)
    left, right = st.columns(2)
    labels = {"plain": "plain, 71 units", "highway": "highway, 50 units"}
    left.plotly_chart(
        figures.against_depth(losses_at_depth, labels, DEPTHS, _chance(sweep), is_dark()),
        theme=None, key=f"figure1_depth_{sweep.id}", alt="Final loss against depth",
    )  # fmt: skip
    right.plotly_chart(
        figures.over_epochs(curves, _chance(sweep), is_dark()),
        theme=None, key=f"figure1_curves_{sweep.id}", alt="Loss over epochs",
    )  # fmt: skip
    _said_of_depth({family: {d: _median(tries[0]) for d, tries in at.items()}
                    for family, at in losses_at_depth.items()})  # fmt: skip
    st.caption(
        f"Dots: each seed's final training loss ({final.WORDS}); faint: the tries that were"
        " not the best. Right: the best tries, median over seeds, running mean over a tenth of the"
        f" steps. Depth counts the input layer, as in the paper: Srivastava et al. 2015"
        f" (arXiv 1505.00387), Fig. 1. Best of {sweep.options.get('tries')} tries:"
        f" {'; '.join(lines)}.{_diverged(losses.values())}"
    )


def _median(losses: Sequence[float]) -> float:
    return float(final.median(losses))


def _diverged(losses: Iterable[Sequence[float]]) -> str:
    """How many of all these nets diverged, as a sentence; empty where none did."""
    each = [loss for seeds in losses for loss in seeds]
    dead = len(each) - len(final.living(each))
    return f" {dead} of {len(each)} nets diverged and are left out." if dead else ""


def _said_of_depth(best_of: Mapping[str, Mapping[int, float]]) -> None:
    """How much the best loss of each family grows from its shallowest net to its deepest."""
    parts = []
    for family, at in best_of.items():
        if len(at) > 1:
            first, last = min(at), max(at)
            text = f"{family} **{_loss(at[first])}** at {first} layers,"
            text += f" **{_loss(at[last])}** at {last}"
            times = at[last] / at[first]
            if math.isfinite(times):
                text += f": {times:.{0 if times > 10 else 1}f} times as much"
            parts.append(text)
    if parts:
        st.markdown(f"Median of the best try: {'; '.join(parts)}.")


def _loss(value: float) -> str:
    return f"{value:.2g}" if math.isfinite(value) else "diverged"


def _is(experiment: Experiment, family: str, depth: int) -> bool:
    lane = experiment.lanes[0]
    return lane.family == family and lane.knobs["depth"] == depth


def _curve(run: Run) -> tuple[list[float], list[float]]:
    """Epochs and the median loss over seeds, a running mean over the last steps."""
    loss = final.median(run.log.lane(0, "loss")[:, :, 0], axis=1)
    steps = run.log.column("step")
    size = len(steps) - final.first(steps)
    smooth = np.convolve(loss, np.ones(size) / size, mode="valid")
    steps = steps[size - 1 :]
    experiment = run.experiment
    epochs = (steps + 1) * experiment.batch_size / experiment.dataset.train_size
    every = max(1, len(epochs) // 100)
    return epochs[::every].tolist(), smooth[::every].tolist()


def _bias() -> None:
    st.markdown(
        "Which depth trains with which gate bias? Every cell of the map is a net trained for 200"
        " steps at learning rate 0.1, three seeds; the number is the median of their final losses."
    )
    left, _, *boxes = _row()
    data = _data(left, "bias_data")
    section("bias", {"data": data}, _draw_bias, boxes)


def _draw_bias(sweep: Sweep, ended: Mapping[str, Run]) -> None:
    losses = {}
    for run in ended.values():
        for i, lane in enumerate(run.experiment.lanes):
            losses[lane.knobs["depth"], lane.knobs["gate_bias"]] = final_losses(run, i)
    st.plotly_chart(
        figures.bias_map(losses, DEPTHS, BIASES, _chance(sweep), is_dark()),
        theme=None, key=f"bias_map_{sweep.id}", alt="Final loss by depth and gate bias",
    )  # fmt: skip
    trained = {b: [d for d in DEPTHS if (d, b) in losses
                   and _median(losses[d, b]) < _chance(sweep) / 2] for b in BIASES}  # fmt: skip
    deepest = (f"b_T = {_short(b)}: **{max(at) if at else 'none'}**" for b, at in trained.items())
    st.markdown(f"Deepest net whose loss falls below half of guessing: {', '.join(deepest)}.")
    st.caption(
        f"Final training loss: {final.WORDS}; {_chance(sweep):.2f} is guessing. Another"
        " learning rate or more steps move the border: the map is of this recipe."
        f"{_diverged(losses.values())}"
    )


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _fixed() -> None:
    st.markdown(
        "The gate **fixed** at one T for all cells. Uncoupled, y = H(x)·T + x: at T = 1 that is a"
        " residual unit. Coupled, y = H(x)·T + x·(1 − T): T = 1 is a plain layer. **Where is the"
        " best compromise?**"
    )
    left, right, *boxes = _row()
    data = _data(left, "fixed_data")
    lr = choices.one_of(right, "Learning rate", (0.03, 0.1), "lr", key="fixed_lr")
    section("fixed", {"lr": lr, "data": data}, _draw_fixed, boxes)


def _draw_fixed(sweep: Sweep, ended: Mapping[str, Run]) -> None:
    lines = []
    for lane, (label, family) in enumerate(
        (("coupled: C = 1 − T", "highway"), ("uncoupled: C = 1", "resnet"))
    ):
        at = {
            float(run.experiment.lanes[lane].knobs["gate"]): final_losses(run, lane)
            for run in ended.values()
        }
        lines.append((label, family, at))
    st.plotly_chart(
        figures.over_gates(lines, _chance(sweep), is_dark()),
        theme=None,
        key=f"fixed_{sweep.id}",
        alt="Final loss of gates that are numbers",
    )
    st.caption(
        f"Dots: each seed's final training loss ({final.WORDS}); every tenth of 300 steps is"
        " recorded; 20 layers of 50 tanh units."
        f"{_diverged(losses for _, _, at in lines for losses in at.values())}"
    )
    if ended and len(ended) == len(sweep.experiments):
        _best_gate(lines)
        _special_case(min(ended.values(), key=_distance_from_half))


def _best_gate(lines: Sequence[tuple[str, str, Mapping[float, Sequence[float]]]]) -> None:
    """Is the half-open gate the worst, and which one is the best where the carry gate is 1?"""
    coupled, uncoupled = ({t: _median(at[t]) for t in sorted(at)} for _, _, at in lines)
    loss_texts = ", ".join(
        f"{_loss(coupled[t])} at T = {t:g}" for t in (min(coupled), 0.5, max(coupled))
    )
    worst, lowest = max(coupled, key=coupled.__getitem__), min(uncoupled, key=uncoupled.__getitem__)
    half = "the worst of all" if worst == 0.5 else f"not the worst, which is T = {worst:g}"
    st.markdown(
        f"Median loss, coupled: {loss_texts}: the half-open gate is **{half}**. Uncoupled, the"
        f" lowest is {_loss(uncoupled[lowest])} at **T = {lowest:g}**."
    )


def _distance_from_half(run: Run) -> float:
    return abs(float(run.experiment.lanes[0].knobs["gate"]) - 0.5)


def _special_case(run: Run) -> None:
    """Exactly a residual net, or only up to 2^−L: measured on the layers of one of the nets."""
    answer = manager.current().measure(run.id, "special_case", {})["lanes"][0]
    layers = answer["layers"]
    st.markdown(
        f"**Is a residual net a special case?** The layers of one of these nets, stacked {layers}"
        f" high: as residual units and with **T = C = 1** the outputs differ by at most"
        f" **{answer['uncoupled']:g}**. With the **coupled** gate half open, T = C = 0.5, the"
        f" output is $2^{{{answer['log2']:.2f}}}$ times the residual one (ReLU, no biases)."
        f" Multiplied by $2^{{{layers}}}$ it differs by at most"
        f" **{answer['coupled']:g}** times the largest output, and"
        f" {100 * answer['same_class']:.0f} % of {answer['samples']} samples get the same class."
        f" With the net's own tanh and biases the two differ by up to"
        f" {answer['as_learned']:,.0f} times the largest output."
    )
    st.caption(f"{probe('special_case').definition} *Caveat:* {probe('special_case').caveat}")


VIEWS: dict[str, tuple[str, Callable[[], None]]] = {
    "bias": ("Gate bias at init", gate_bias.lesson),
    "figure1": ("Depth: plain against highway", _figure1),
    "map": ("Which bias trains", _bias),
    "fixed": ("T from 0 to 1", _fixed),
}
