"""What gates do and what becomes of the cells they carry, as numbers.

n samples, F cells of one unit (of feature maps: channels × pixels), P signal points, G gated units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.engine import ablation
from skipviz.engine.exact_sums import on_host
from skipviz.engine.hooks import capture_outputs, to_json
from skipviz.engine.trained import Trained

TOLERANCE = 0.1
"""A cell is kept by a unit that changes it by at most so many standard deviations of the net's
signal."""

HELD = 2**24
"""Values of all signal points together that are held at once."""


def biases(trained: Trained, lane: int) -> list[Tensor]:
    """The transform gates' biases, (F,) for each gated unit; empty where gates are not learned."""
    per_layer = []
    for gate in trained.wirings[lane].gates:
        for layer in trained.nets[lane].get_submodule(gate.path).children():
            if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer.bias is not None:
                per_layer.append(layer.bias.detach())
    return per_layer


@torch.no_grad()
def passes(
    trained: Trained, lane: int, rows: Tensor
) -> Iterator[tuple[Tensor, list[Tensor], list[Tensor]]]:
    """Part by part: the rows (B,), T of every gated unit and x at every signal point, as they
    stand: (B, F) or (B, C, H, W)."""
    net, wiring = trained.nets[lane], trained.wirings[lane]
    gates, points = [g.path for g in wiring.gates], [p.path for p in wiring.points]
    with capture_outputs(net, gates + points) as out:
        for images, part in ablation.parts(trained, lane, rows):
            net(images)
            yield part, [out[path] for path in gates], [out[path] for path in points]


def pooled(x: Tensor) -> Tensor:
    """Feature maps averaged over space: (B, C, H, W) → (B, C)."""
    return x.flatten(2).mean(2) if x.dim() > 2 else x


def carried(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    """The numbers of `tally` for one lane, over evenly chosen training samples."""
    values = sum(math.prod(point.body.output_shape) for point in trained.wirings[lane].units)
    rows = ablation.evenly_spaced_rows(trained, lane, max(1, min(samples, HELD // values)))
    gates: list[list[Tensor]] = []
    signals: list[list[Tensor]] = []
    for _, ts, xs in passes(trained, lane, rows):
        gates.append([t.flatten(1) for t in ts])
        signals.append([x.flatten(1) for x in xs])
    shapes = [x.shape[1:] for x in xs]
    ts = [torch.cat(part) for part in zip(*gates, strict=True)]
    xs = [torch.cat(part) for part in zip(*signals, strict=True)]
    return {"samples": len(rows)} | tally(xs, ts, [tuple(shape) for shape in shapes])


def tally(xs: list[Tensor], ts: list[Tensor], shapes: Sequence[Any] = ()) -> dict[str, Any]:
    """Carried cells in numbers; None where there is nothing to count.

    xs, ts    x (n, F) at each signal point, T (n, F) of each gated unit
    shapes    of one sample at each point: two neighbours are compared where they agree

    mean, below_01, below_05   of T over everything: mean, share under 0.1 and under 0.5
    selectivity, selective     mean over cells of the deviation of T over samples; share above 0.1
    stripes       share of (sample, unit, cell) with |y − x| at most 0.1 sd, where sd is the
                  deviation of x over samples, signal points and cells: one for the net, as a
                  picture of its outputs has one colour scale
    stripes_own   the same with the sd of each unit's own input: a signal that fades is no stripe
    lengths       how many cells have a longest stripe of 0, 1, 2, … units: see `longest`
    median, mean_length, longest   of those
    correlation   of a unit's input and output over samples and cells, mean over units
    change        ‖y − x‖ / ‖x‖ of each unit, over samples and cells
    first, last   its mean over the first and over the last third of the units
    early         share of the first third in the sum of all units' ‖y − x‖
    """
    shapes = list(shapes) or [x.shape[1:] for x in xs]
    pairs = [(xs[i], xs[i + 1]) for i in range(len(xs) - 1) if shapes[i] == shapes[i + 1]]
    return _of_gates(ts) | (_of_stripes(xs, shapes, pairs) if pairs else dict.fromkeys(STRIPES))


GATES = ("mean", "below_01", "below_05", "selectivity", "selective")
STRIPES = (
    *("stripes", "stripes_own", "lengths", "median", "mean_length", "longest"),
    *("correlation", "change", "first", "last", "early"),
)


def _of_gates(ts: list[Tensor]) -> dict[str, Any]:
    if not ts:
        return dict.fromkeys(GATES)
    count = sum(t.numel() for t in ts)
    deviations = torch.cat([t.std(0, correction=0) for t in ts])
    values = (
        sum(float(on_host(t).sum()) for t in ts) / count,
        sum(int((t < 0.1).sum()) for t in ts) / count,
        sum(int((t < 0.5).sum()) for t in ts) / count,
        float(deviations.mean()),
        float((deviations > 0.1).float().mean()),
    )
    return dict(zip(GATES, map(to_json, values), strict=True))


def _of_stripes(
    xs: list[Tensor], shapes: list[Any], pairs: list[tuple[Tensor, Tensor]]
) -> dict[str, Any]:
    count, sd = sum(x.numel() for x, _ in pairs), _sd(xs)
    kept_count = sum(int(((y - x).abs() <= TOLERANCE * sd).sum()) for x, y in pairs)
    own = sum(int(((y - x).abs() <= TOLERANCE * _sd([x])).sum()) for x, y in pairs)
    runs = torch.cat([longest(part, TOLERANCE * sd).flatten() for part in _same(xs, shapes)])
    moved = [float(np.linalg.norm(on_host(y - x))) for x, y in pairs]
    sizes = [float(np.linalg.norm(on_host(x))) for x, _ in pairs]
    change = [m / s if s else math.nan for m, s in zip(moved, sizes, strict=True)]
    third = max(1, len(pairs) // 3)
    values = (
        kept_count / count,
        own / count,
        torch.bincount(runs).tolist(),
        int(runs.median()),
        float(on_host(runs).mean()),
        int(runs.max()),
        sum(_correlation(x, y) for x, y in pairs) / len(pairs),
        change,
        sum(change[:third]) / third,
        sum(change[-third:]) / third,
        sum(moved[:third]) / sum(moved) if sum(moved) else math.nan,
    )
    return {name: to_json(value) for name, value in zip(STRIPES, values, strict=True)}


def longest(xs: list[Tensor], reach: float) -> Tensor:
    """(n, F): through how many units in a row each cell stays within `reach` of the value that it
    had before the first of them; a cell that leaves begins anew from where it is."""
    anchor = xs[0]
    best = run = torch.zeros(anchor.shape, dtype=torch.int64, device=anchor.device)
    for x in xs[1:]:
        stays = (x - anchor).abs() <= reach
        run = torch.where(stays, run + 1, 0)
        anchor = torch.where(stays, anchor, x)
        best = torch.maximum(best, run)
    return best


def _same(xs: list[Tensor], shapes: list[Any]) -> Iterator[list[Tensor]]:
    """The stretches of at least two signal points in a row that have one shape."""
    for _, places in groupby(range(len(xs)), key=lambda i: shapes[i]):
        part = [xs[i] for i in places]
        if len(part) > 1:
            yield part


def _sd(xs: list[Tensor]) -> float:
    """The deviation of all values together."""
    count = sum(x.numel() for x in xs)
    mean = sum(float(on_host(x).sum()) for x in xs) / count
    return math.sqrt(sum(float(np.square(on_host(x) - mean).sum()) for x in xs) / count)


def _correlation(x: Tensor, y: Tensor) -> float:
    one, other = on_host(x), on_host(y)
    one -= one.mean()
    other -= other.mean()
    scale = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum()) / scale if scale else math.nan
