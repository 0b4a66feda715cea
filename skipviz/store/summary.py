"""What a list says of a run: how it ended lane by lane, and its loss curves as a small picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.store import frame_table
from skipviz.store.lane_axes import families, labels
from skipviz.store.thinning import thin

MOST_POINTS = 48
MOST_BYTES = 256 * 2**20
"""Of frames beyond it no picture is made: reading them takes longer than a list may."""

GUESSING = 0.95
"""A final loss above this share of the loss of guessing counts as guessing."""


def summary(experiment: Experiment, frames: Path) -> dict[str, Any]:
    """The verdict, one sentence, and for each lane its family and its loss curve as points (x, y),
    both from 0 to 1, y the logarithm of the loss, downwards; empty where nothing was recorded.

    {"verdict", "curves": [[family, [[x, y], …]], …]}
    """
    try:
        if frames.stat().st_size > MOST_BYTES:
            return {"verdict": "", "curves": []}
        steps, losses = _losses(experiment, frames)
    except (OSError, SpecError, KeyError, ValueError):
        return {"verdict": "", "curves": []}
    if not len(steps):
        return {"verdict": "", "curves": []}
    names = labels(experiment)
    chance = math.log(max(2, experiment.dataset.num_classes))
    words = [
        f"{name} {_word(steps, loss, chance)}" for name, loss in zip(names, losses, strict=True)
    ]
    return {"verdict": ", ".join(words), "curves": _curves(experiment, steps, losses)}


def _losses(experiment: Experiment, frames: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """The recorded steps (T,) and each lane's losses (T, S)."""
    count, seeds = len(experiment.lanes), experiment.seeds
    columns = ["step", *(f"lane{i}_loss" for i in range(count))]
    parts: list[list[np.ndarray]] = [[] for _ in columns]
    with frame_table.opened(frames) as source:
        for batch in source.batches():
            for part, name in zip(parts, columns, strict=True):
                values = batch.column(name)
                values = values if name == "step" else values.flatten()
                part.append(values.to_numpy(zero_copy_only=False))
    if not parts[0]:
        return np.zeros(0, int), []
    steps, *losses = (np.concatenate(part) for part in parts)
    return steps, [loss.reshape(len(steps), seeds) for loss in losses]


def _word(steps: np.ndarray, losses: np.ndarray, chance: float) -> str:
    """How a lane ended: its final loss, the median over the seeds that live."""
    ends = final.mean(steps.tolist(), losses)
    living = final.living(ends)
    gone = len(ends) - len(living)
    if not living:
        return "diverged"
    loss = float(final.median(ends))
    more = " (guessing)" if loss > GUESSING * chance else ""
    return f"{loss:.3g}{more}" + (f", {gone} of {len(ends)} seeds diverged" if gone else "")


def _curves(experiment: Experiment, steps: np.ndarray, losses: list[np.ndarray]) -> list[list[Any]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [np.log10(np.maximum(final.median(loss, axis=1), 1e-6)) for loss in losses]
    finite = np.concatenate([each[np.isfinite(each)] for each in logs])
    if not len(finite):
        return []
    low, high = float(finite.min()), float(finite.max())
    span = max(high - low, 1e-9)
    width = max(int(steps[-1]) - int(steps[0]), 1)
    curves: list[list[Any]] = []
    for family, values in zip(families(experiment), logs, strict=True):
        rows = thin(values[:, None], MOST_POINTS)
        rows = rows[np.isfinite(values[rows])]
        xs = (steps[rows] - steps[0]) / width
        ys = (high - values[rows]) / span
        points = [[round(float(x), 3), round(float(y), 3)] for x, y in zip(xs, ys, strict=True)]
        curves.append([family, points])
    return curves
