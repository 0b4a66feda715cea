"""How much goes around the layers, and how much through them: forwards and backwards?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, when: str, samples: int) -> dict[str, Any]:
    """For each lane, at each unit that something leads around (U of them; a plain net has none).

    depth     (U,) of the unit's end
    ratio     (U,) ‖changed‖ / ‖carried‖: what the layers add, beside what goes around them
    carried   (U,) norm of the part of dLoss/dx at the unit's input that came around the layers
    changed   (U,) norm of the rest, which came through them
    share     (U,) carried / (carried + changed)
    """
    state = trained.at_init() if when == "init" else trained
    lanes = [_lane(state, lane, samples) for lane in range(len(state.nets))]
    return {"step": state.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import torch
    from torch import nn

    from skipviz.engine.hooks import capture_outputs, on_batch_statistics, sample_batch, to_json
    from skipviz.engine.two_ways import has_two_ways

    net, wiring = on_batch_statistics(trained.nets[lane]), trained.wirings[lane]
    points = list(wiring.points)
    x, y = sample_batch(trained, samples)
    paths = [unit.path for unit in wiring.units if unit.body.kind != "head"]
    with capture_outputs(net, paths) as outputs:
        loss = nn.functional.cross_entropy(net(x), y)
    before = dict(zip(paths[1:], paths, strict=False))
    rows = [point for point in points if has_two_ways(wiring.body(point.path))]
    grads = torch.autograd.grad(loss, [outputs[point.path] for point in rows]) if rows else ()
    ratios = [
        _unit(net.get_submodule(path), wiring.body(path), outputs[before[path]].detach(), grad)
        for path, grad in zip([point.path for point in rows], grads, strict=True)
    ]
    ratio, carried, changed = zip(*ratios, strict=True) if ratios else ((), (), ())
    share = [a / (a + b) if a + b else float("nan") for a, b in zip(carried, changed, strict=True)]
    return {
        "depth": [point.depth for point in rows],
        "ratio": to_json(list(ratio)),
        "carried": to_json(list(carried)),
        "changed": to_json(list(changed)),
        "share": to_json(share),
    }


def _unit(unit: Any, body: Any, x: Any, grad: Any) -> tuple[float, float, float]:
    """(‖changed‖ / ‖carried‖, gradient around, gradient through) of one unit, from its input x and
    the gradient at its output."""
    import torch

    from skipviz.engine.exact_sums import norms
    from skipviz.engine.two_ways import after, two_ways

    x = x.requires_grad_()
    carried, changed, joined = two_ways(unit, body, x)
    (at_join,) = torch.autograd.grad(after(unit, body, joined), joined, grad, retain_graph=True)
    (whole,) = torch.autograd.grad(joined, x, at_join, retain_graph=True)
    around = at_join[:, : carried.shape[1]]  # of a concatenation the old channels are the first
    if carried is not x:
        (around,) = torch.autograd.grad(carried, x, around)
    sizes = norms([t.detach() for t in (changed, carried, around, whole - around)]).tolist()
    return sizes[0] / sizes[1] if sizes[1] else float("inf"), sizes[2], sizes[3]


PROBE = Probe(
    question="How much goes around the layers, and how much through them?",
    title="Skip and branch",
    definition="At each unit: the norm of what the layers add over the norm of what goes around"
    " them (residual: ‖F(x)‖/‖h(x)‖; highway: ‖H·T‖/‖x·C‖; dense: ‖H(x)‖/‖x‖), and the two parts of"
    " the gradient at the unit's input, the one that came around and the one that came through.",
    source="He et al. 2016, equation (5): the gradient is the sum of the two; He et al. 2015,"
    " Fig. 7 (residuals are small)",
    cost="One forward and one backward pass, and each unit once more.",
    caveat="Norms of two parts do not add up to the norm of the whole: the parts may point against"
    " each other. The share says which is longer, not which matters.",
    knobs=(
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("samples", "int", "Samples", "Of the training split.", 128, low=2, high=1024),
    ),
    measure=measure,
)
