"""How wide is the valley that training ended in?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

ABOVE = 0.5
"""How far above the centre, in nats, the valley's floor reaches."""

SETTLED, TURNS, DIGITS = 1e-5, 200, 4
"""The eigenvalue is sought until its error is at most this share of it, in at most so many turns;
so many digits of it are then known."""


def measure(trained: Trained, points: int, reach: float, samples: int) -> dict[str, Any]:
    """For each lane: the training loss on a plane through its weights.

    at       (points,) places along both axes: 1 moves every filter by its own length
    loss     (points, points) nats
    centre, guess   the loss at the trained weights, and that of guessing, log(classes)
    floor    share of the plane whose loss is less than 0.5 above the centre's
    worse    share of the plane whose loss is above guessing, log(classes)
    median   loss on the plane
    sharpest the largest eigenvalue of the Hessian of the loss at the centre, four digits
    """
    lanes = [_lane(trained, lane, points, reach, samples) for lane in range(len(trained.nets))]
    return {"step": trained.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, points: int, reach: float, samples: int) -> dict[str, Any]:
    import numpy as np
    import torch
    from torch import nn

    from skipviz.engine.hooks import on_batch_statistics, sample_batch, to_json

    net = on_batch_statistics(trained.nets[lane])
    x, y = sample_batch(trained, samples)
    weights = list(net.parameters())
    centre = [weight.detach().clone() for weight in weights]
    axes = [_direction(centre, trained.seed, axis) for axis in range(2)]
    at = torch.linspace(-reach, reach, points).tolist()
    grid = np.empty((points, points))
    with torch.no_grad():
        for i, a in enumerate(at):
            for j, b in enumerate(at):
                for weight, middle, u, v in zip(weights, centre, *axes, strict=True):
                    weight.copy_(middle + a * u + b * v)
                grid[i, j] = float(nn.functional.cross_entropy(net(x), y))
        for weight, middle in zip(weights, centre, strict=True):
            weight.copy_(middle)
        here = float(nn.functional.cross_entropy(net(x), y))
    grid = np.nan_to_num(grid, nan=math.inf, posinf=math.inf)
    chance = math.log(trained.experiment.dataset.num_classes)
    return {
        "at": to_json(at),
        "loss": to_json(np.minimum(grid, 1e12).tolist()),
        "centre": to_json(here),
        "guess": to_json(chance),
        "floor": float((grid < here + ABOVE).mean()),
        "worse": float((grid > chance).mean()),
        "median": to_json(float(np.median(np.minimum(grid, 1e12)))),
        "sharpest": to_json(_sharpest(net, x, y, trained.seed), DIGITS),
    }


def _direction(centre: list[Any], seed: int, axis: int) -> list[Any]:
    """A random direction in which each filter (each row of a matrix) is as long as the net's own;
    biases and normalisations stay where they are (Li et al. 2018, section 4)."""
    import torch

    random = torch.Generator().manual_seed(2 * seed + axis)
    direction = []
    for weight in centre:
        noise = torch.randn(weight.shape, generator=random).to(weight)
        if weight.dim() < 2:
            direction.append(torch.zeros_like(weight))
            continue
        own, its = (t.flatten(1).norm(dim=1) for t in (weight, noise))
        scale = (own / its).view(-1, *[1] * (weight.dim() - 1))
        direction.append(noise * scale)
    return direction


def _sharpest(net: Any, x: Any, y: Any, seed: int) -> float:
    """The largest eigenvalue of the Hessian, by Lanczos iteration with Hessian-vector products:
    until `SETTLED` of it would change no more, at most `TURNS` times. NaN where it is not finite.

    Three vectors are held, whatever the net's size: that they lose their orthogonality to the first
    ones repeats eigenvalues that were found and leaves the largest as it is (Paige 1980).
    """
    import numpy as np
    import torch
    from torch import nn

    from skipviz.engine.exact_sums import on_host

    weights = [w for w in net.parameters() if w.requires_grad]
    loss = nn.functional.cross_entropy(net(x), y)
    grads = torch.autograd.grad(loss, weights, create_graph=True)

    kind = np.float64 if weights[0].dtype == torch.float64 else np.float32

    def product(v: Any) -> Any:
        parts = np.split(v.astype(kind), np.cumsum([w.numel() for w in weights])[:-1])
        along = [torch.from_numpy(p).to(w).view_as(w) for p, w in zip(parts, weights, strict=True)]
        moved = torch.autograd.grad(grads, weights, along, retain_graph=True)
        return np.concatenate([on_host(each).ravel() for each in moved])

    v = np.random.default_rng(seed).standard_normal(sum(w.numel() for w in weights))
    before, v = np.zeros_like(v), v / np.linalg.norm(v)
    diagonal, beside = list[float](), list[float]()
    for _ in range(min(TURNS, len(v))):
        rest = product(v)
        if not np.isfinite(rest).all():
            return math.nan
        diagonal.append(float(rest @ v))
        rest = rest - diagonal[-1] * v - (beside[-1] if beside else 0.0) * before
        size = float(np.linalg.norm(rest))
        values, vectors = np.linalg.eigh(
            np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        )
        if size * abs(vectors[-1, -1]) <= SETTLED * abs(values[-1]):
            break
        beside.append(size)
        before, v = v, rest / size
    return float(values[-1])


PROBE = Probe(
    question="How wide is the valley that training ended in?",
    title="Loss landscape",
    definition="The training loss on a plane through the trained weights, spanned by two random"
    " directions in which each filter is as long as the net's own; and the largest eigenvalue of"
    " the Hessian of the loss.",
    source="Li et al. 2018 (arXiv 1712.09913), section 4",
    cost="One forward pass for each point of the plane, some dozens of backward passes.",
    caveat="A plane is not the landscape: of thousands of directions two are seen. What it can tell"
    " is a narrow valley from a wide one, and nets that ended at different losses are hard to"
    " compare. BatchNorm uses the statistics of the samples at hand.",
    knobs=(
        Knob("points", "int", "Points", "On each axis.", 15, low=3, high=51),
        Knob("reach", "float", "Reach", "How far each axis goes.", 1.0, low=0.01, high=10),
        Knob("samples", "int", "Samples", "Of the training split.", 256, low=8, high=4096),
    ),
    measure=measure,
)
