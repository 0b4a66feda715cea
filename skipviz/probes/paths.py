"""How long are the paths that the gradient takes through a net with skips?"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

AT_ONCE = 64
"""So many paths are followed in one batch."""


def measure(trained: Trained, when: str, samples: int, draws: int) -> dict[str, Any]:
    """For each lane with n units of two ways that add up; units 0 for a lane that has none.

    length     (n + 1,) 0 to n: units whose layers a path goes through
    count      (n + 1,) share of all 2^n paths that have this length
    gradient   (n + 1,) share of the gradient: the mean norm at the stem's output along `draws`
               random paths of this length, times their number
    factor     by how many powers of ten one more unit on the path shrinks the gradient
    middle     the lengths between which the middle 90 % of the gradient lie; `middle_count` of the
               paths
    """
    state = trained.at_init() if when == "init" else trained
    lanes = [_lane(state, lane, samples, draws) for lane in range(len(state.nets))]
    return {"step": state.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int, draws: int) -> dict[str, Any]:
    import numpy as np
    import torch

    from skipviz.engine.hooks import to_json

    chain, labels = _chain(trained, lane, samples)
    n = sum(_adds(body) for _, body, _ in chain)
    if n == 0:
        return {"units": 0}
    rng = np.random.default_rng(trained.seed)
    masks = [np.zeros(n)]
    lengths = [0]
    for length in range(1, n + 1):
        for _ in range(draws if length < n else 1):
            mask = np.zeros(n)
            mask[rng.choice(n, length, replace=False)] = 1
            masks.append(mask)
            lengths.append(length)
    through = torch.tensor(np.array(masks, dtype=np.float32))
    size = np.concatenate([_follow(chain, labels, part) for part in through.split(AT_ONCE)])
    mean = np.array([float(size[np.array(lengths) == k].mean()) for k in range(n + 1)])
    count = np.array([comb(n, k) / 2**n for k in range(n + 1)])
    mass = mean * count
    gradient = mass / mass.sum() if mass.sum() else mass
    alive = np.flatnonzero(mean > 0)
    slope = np.polyfit(alive, np.log10(mean[alive]), 1)[0] if len(alive) > 1 else float("nan")
    return {
        "units": n,
        "length": list(range(n + 1)),
        "count": to_json(count.tolist()),
        "gradient": to_json(gradient.tolist()),
        "factor": to_json(float(slope)),
        "middle": _middle(gradient),
        "middle_count": _middle(count),
    }


def _middle(shares: Any) -> list[int]:
    """The places between which the middle 90 % of the shares lie."""
    import numpy as np

    below = np.cumsum(shares)
    return [int(np.searchsorted(below, 0.05)), int(np.searchsorted(below, 0.95))]


def _chain(trained: Trained, lane: int, samples: int) -> tuple[list[tuple[Any, Any, Any]], Any]:
    """Every unit from the first behind the stem to the head: (module, its drawing, its input); and
    the samples' labels."""
    import torch

    from skipviz.engine.hooks import capture_outputs, on_batch_statistics, sample_batch

    net, wiring = on_batch_statistics(trained.nets[lane]), trained.wirings[lane]
    paths = [unit.path for unit in wiring.units]
    x, labels = sample_batch(trained, samples)
    with torch.no_grad(), capture_outputs(net, paths) as outputs:
        net(x)
    chain = [
        (net.get_submodule(unit.path), unit.body, outputs[before].detach())
        for before, unit in zip(paths, wiring.units[1:], strict=False)
    ]
    return chain, labels


def _adds(body: Any) -> bool:
    """Whether a unit has two ways that add up."""
    return body.meeting is not None and body.meeting.kind == "add"


def _follow(chain: list[tuple[Any, Any, Any]], labels: Any, through: Any) -> Any:
    """The norm of the gradient at the stem's output along each path, (paths,) float64 in NumPy.

    through   (paths, n): 1 where a path takes the unit's layers, 0 where it goes around
    """
    import torch
    from torch import nn

    from skipviz.engine import exact_sums
    from skipviz.engine.two_ways import after, two_ways

    paths, n = through.shape
    grad, place = None, n
    for unit, body, at in reversed(chain):
        x = at.clone().requires_grad_()
        if grad is None:  # the head
            (one,) = torch.autograd.grad(nn.functional.cross_entropy(unit(x), labels), x)
            grad = one.expand(paths, *one.shape)
            continue
        if not _adds(body):
            (grad,) = torch.autograd.grad(unit(x), x, grad, is_grads_batched=True)
            continue
        place -= 1
        carried, _, joined = two_ways(unit, body, x)
        if after(unit, body, joined) is not joined:
            (grad,) = torch.autograd.grad(
                after(unit, body, joined), joined, grad, is_grads_batched=True, retain_graph=True
            )
        (whole,) = torch.autograd.grad(joined, x, grad, is_grads_batched=True, retain_graph=True)
        around = grad
        if carried is not x:
            (around,) = torch.autograd.grad(carried, x, grad, is_grads_batched=True)
        mask = through[:, place].to(x).view(paths, *[1] * x.dim())
        grad = mask * (whole - around) + (1 - mask) * around
    assert grad is not None
    return exact_sums.on_host(exact_sums.norms_of(grad.flatten(1)[:, None].contiguous()))


PROBE = Probe(
    question="How long are the paths that the gradient takes?",
    title="Effective paths",
    definition="A net of n units with skips is a sum over 2^n paths: at each unit a path goes"
    " through the layers or around them. For each length the gradient is followed back along random"
    " paths of that length alone; its mean norm times the number of such paths is that length's"
    " share.",
    source="Veit et al. 2016 (arXiv 1605.06431), sections 3 and 5",
    cost="One backward pass for each path that is drawn.",
    caveat="Few paths of each length are drawn, and norms of paths do not add up to the norm of"
    " their sum. A highway unit goes around with its carry gate as it is, through with all the"
    " rest.",
    knobs=(
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("samples", "int", "Samples", "Of the training split.", 64, low=2, high=512),
        Knob("draws", "int", "Draws", "Paths of each length.", 6, low=1, high=100),
    ),
    measure=measure,
)
