"""A lane's net as the row of units that it is: passed through part by part, units taken out for a
while.

B samples, L units that can be taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.core.wiring import Body, Wiring
from skipviz.datafiles.class_samples import spread
from skipviz.engine import exact_sums
from skipviz.engine.trained import Trained

WORK = 2e10
"""Multiply-adds that one measurement may spend: about a second on one core."""

VALUES = 2**22
"""Values of all units' outputs together that one part may hold, so that they stay in the cache."""


def evenly_spaced_rows(
    trained: Trained, lane: int, samples: int = 0, passes: float = 1, work: float = WORK
) -> Tensor:
    """Rows (n,) of the training split, evenly chosen: at most `samples` (0: all), and no more than
    `passes` forward passes of each can be paid for with `work`."""
    cost = passes * sum(unit.body.multiply_adds for unit in trained.wirings[lane].units)
    count = len(trained.batches.labels)
    most = min(samples or count, count, max(100, int(work / max(cost, 1))))
    return torch.from_numpy(spread(count, most)).to(trained.device)


def parts(trained: Trained, lane: int, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The standardised images (B, C, H, W) of these rows, and the rows (B,), part by part."""
    units = trained.wirings[lane].units
    values = sum(prod(unit.body.output_shape) * (2 if unit.body.gate else 1) for unit in units)
    for part in rows.split(max(1, VALUES // values)):
        yield trained.batches.pictures(part), part


@dataclass(frozen=True)
class Lesion:
    """One unit that can be taken out: `path` is the module whose output is replaced.

    layers   the depths of its weighted layers, as charts count them; it ends at the last of them
    place    in `Wiring.units`
    how      "gate": T = 0. "branch": what is added or appended is 0. "unit": y = x
    """

    layers: range
    place: int
    path: str
    how: str

    @property
    def depth(self) -> int:
        return self.layers[-1]


def lesions(wiring: Wiring) -> list[Lesion]:
    """Every unit that can be taken out: those that have a gate or something around their layers,
    and layers that keep the shape. What carries nothing across (a plain layer between two shapes)
    is left out."""
    removals = []
    depths = {point.path: point.depth for point in wiring.points}
    for place, unit in enumerate(wiring.units):
        inner, how = _taken_out(unit.body)
        if how and unit.body.kind not in ("stem", "transition", "head"):
            path = f"{unit.path}.{inner}" if inner else unit.path
            end = depths[unit.path] + 1
            removals.append(Lesion(range(end - len(unit.body.weights), end), place, path, how))
    return removals


def _taken_out(body: Body) -> tuple[str, str]:
    """The module of a unit that a lesion replaces, "" for the whole unit, and how, read from its
    drawing; how is "" where the unit cannot be taken out."""
    if body.gate:
        return body.gate, "gate"
    if body.branch_end:
        return body.branch_end, "branch"
    keeps_shape = body.weights and body.input_shape == body.output_shape
    return "", "unit" if keeps_shape else ""


@contextmanager
def without(net: nn.Module, lesions_made: Iterable[Lesion]) -> Iterator[None]:
    """While this lasts, the net is without these units; after it, it is as before."""

    def zero(module: nn.Module, args: Any, out: Tensor) -> Tensor:
        return torch.zeros_like(out)

    def identity(module: nn.Module, args: Any, out: Tensor) -> Tensor:
        x: Tensor = args[0]
        return x

    hooks = [
        net.get_submodule(lesion.path).register_forward_hook(
            identity if lesion.how == "unit" else zero
        )
        for lesion in lesions_made
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def score(trained: Trained, lane: int, rows: Tensor) -> tuple[float, float]:
    """Mean cross-entropy in nats and accuracy of a lane's net as it stands, over these rows."""
    net, total = trained.nets[lane], np.zeros(2)
    for x, part in parts(trained, lane, rows):
        total += _scored(trained, net(x), part)
    loss, right = (total / len(rows)).tolist()
    return loss, right


@torch.no_grad()
def ablate_each(
    trained: Trained, lane: int, lesions_made: Sequence[Lesion], rows: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Loss (L,) and accuracy (L,) without each of these units in turn, over these rows.

    Only what comes after a unit that was taken out is computed again.
    """
    net = trained.nets[lane]
    units = [net.get_submodule(unit.path) for unit in trained.wirings[lane].units]
    total = np.zeros((len(lesions_made), 2))
    for x, part in parts(trained, lane, rows):
        inputs = [x]
        for unit in units[:-1]:
            inputs.append(unit(inputs[-1]))
        for i, lesion in enumerate(lesions_made):
            with without(net, [lesion]):
                y = units[lesion.place](inputs[lesion.place])
            for unit in units[lesion.place + 1 :]:
                y = unit(y)
            total[i] += _scored(trained, y, part)
    total /= len(rows)
    return total[:, 0], total[:, 1]


def _scored(trained: Trained, logits: Tensor, rows: Tensor) -> np.ndarray:
    """Summed loss and number of right answers (2,)."""
    labels = trained.batches.training_labels(trained.seed)[rows]
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
    right = (logits.argmax(1) == labels).sum()
    return exact_sums.on_host(torch.stack([loss, right.to(loss.dtype)]))
