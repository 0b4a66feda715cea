"""The gate bias at init: what a slider for b_T does to the gradient, measured and predicted."""

from __future__ import annotations

import math
import time

import numpy as np
import streamlit as st

from skipviz.core.escapes import sentence
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.highway_sweeps import DEPTHS
from skipviz.figures import sweeps as figures
from skipviz.server.run import Run
from skipviz.ui.run import choices
from skipviz.ui.run.share import is_fixed
from skipviz.ui.run.training import at_init
from skipviz.ui.theme import is_dark

BIASES = tuple(place / 4 for place in range(-24, 9))

WAIT_S = 1.5
"""So long the page waits for one step at init, which takes a warm worker a moment."""


def lesson() -> None:
    """What a slider for b_T does to the gradient before any training, and the calculator's word."""
    left, right = st.columns([3, 1.3], vertical_alignment="bottom")
    bias = choices.option_in_address("bias", BIASES, -2.0)
    if not is_fixed():
        bias = left.slider(
            "Gate bias b_T", BIASES[0], BIASES[-1], bias, BIASES[1] - BIASES[0], key="lesson_bias"
        )
    choices.note("bias", bias, -2.0)
    depth = choices.one_of(right, "Depth", DEPTHS, "depth", key="lesson_depth", usual=50)
    lane = Lane(family="highway", knobs={"backbone": "dense", "depth": depth, "gate_bias": bias})
    run = at_init(Experiment(lanes=[lane], seeds=3))
    if run is None:
        return
    if not _measured(run):
        _wait(run)
        return
    gradient = run.log.lane(0, "signal_gradient_norm", slice(1))[0]  # (S, P)
    open_share = 1 / (1 + math.exp(-bias))
    layers = gradient.shape[1] - 1
    predicted = layers * math.log10(1 - open_share)
    with np.errstate(divide="ignore"):
        measured_decades = np.log10(gradient[:, 0]) - np.log10(gradient[:, -1])
    decades = " · ".join(_signed(v) if np.isfinite(v) else "−∞" for v in measured_decades)
    st.markdown(
        f"Each gate starts at T = σ({_signed(bias)}) = **{open_share:.3f}** and carries the rest."
        f" Over {layers} gated layers that is {layers} · log₁₀(1 − σ(b_T)) ="
        f" **{_signed(predicted)}** powers of ten; measured at init: **{decades}** (three seeds)."
    )
    st.plotly_chart(
        figures.gate_bias(range(1, layers + 2), gradient, 1 - open_share, is_dark()),
        theme=None,
        key="lesson_chart",
        alt="Gradient at each layer before training, and what the gate bias predicts",
    )
    st.caption(
        "Before any training: the norm of dLoss/dx at each layer, and what is left of the last"
        " layer's when each layer hands the share 1 − σ(b_T) back. The rule counts the carried path"
        " alone: near b_T = 0 the transformations carry some of the gradient too, and more arrives"
        " than predicted."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _measured(run: Run) -> bool:
    """Waits a moment for the one step of a run at init."""
    until = time.monotonic() + WAIT_S
    while not run.log.n and not run.ended and time.monotonic() < until:
        time.sleep(0.02)
    return bool(run.log.n)


def _wait(run: Run) -> None:
    """Draws the page again as soon as the step is there."""

    @st.fragment(run_every=0.4, key=f"lesson_wait_{run.id}")
    def waiting() -> None:
        if run.log.n:
            st.rerun()
        status = run.status()
        st.info(sentence(status.get("message", "")) or "Measuring the gradient at init …")

    waiting()
