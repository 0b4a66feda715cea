"""Everybody picks one: 100 different learning rates of a residual net of 20 layers, and 100 gate
biases of a highway net, 300 steps each, trained by a warm worker as a room's class run. Seconds
from Run to the last result, and to the first; how many results were missing; and the seconds that
were told beforehand, as a multiple of those that it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.hall.row import Row
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.picks import Pick
from skipviz.server.class_run import ClassRuns
from skipviz.server.manager import Manager
from skipviz.store.store import Store

GOAL_S, COUNT, STEPS, DEPTH = 20.0, 100, 300, 20
PATIENCE_S = 600.0


def _pick(family: str, knob: str, low: float, high: float, *, log: bool) -> Pick:
    lane = Lane(family=family, knobs={"backbone": "dense", "depth": DEPTH})
    experiment = Experiment(lanes=[lane], steps=STEPS, record_every=5, device="cpu")
    return Pick(
        asks="Pick a number.", knob=knob, label=knob, low=low, high=high, log=log, step=0.01,
        experiment=experiment, says="",
    )  # fmt: skip


PICKS = {
    "lr": _pick("resnet", "lr", 0.001, 0.1, log=True),
    "bias": _pick("highway", "gate_bias", -8.0, 2.0, log=False),
}


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case: a manager of its own, whose runs lie in `folder`."""
    manager = Manager(Store(folder), running=1)
    manager.start()
    try:
        _until(lambda: manager.dispatcher.ready)
        runs = ClassRuns(manager)
        count = COUNT // 10 if quick else COUNT
        return [row for name, pick in PICKS.items() for row in _rows(runs, name, pick, count)]
    finally:
        manager.close()


def _rows(runs: ClassRuns, name: str, pick: Pick, count: int) -> list[Row]:
    numbers = np.geomspace(pick.low, pick.high, count) if pick.log else np.linspace(-8, 2, count)
    different = sorted({float(f"{number:.4g}") for number in numbers})
    _until(lambda: runs.expected_s(pick, len(different)) is not None)
    told_s = runs.expected_s(pick, len(different)) or 0.0
    began = time.perf_counter()
    run = runs.start(name, pick, different, lambda run: None)
    _until(lambda: bool(run.outcomes) or run.ended)
    first_s = time.perf_counter() - began
    _until(lambda: run.ended)
    took_s = time.perf_counter() - began
    return [
        Row(f"sweep-100-{name}", GOAL_S, took_s),
        Row(f"sweep-100-{name}-first", GOAL_S / 4, first_s),
        Row(f"sweep-100-{name}-missing", 0, count - len(run.outcomes)),
        Row(f"sweep-100-{name}-told", 2.0, max(told_s / took_s, took_s / max(told_s, 1e-9))),
    ]


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the class run did not end in time")
        time.sleep(0.02)
