"""How are weights, activations and gradients distributed, layer by layer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

BINS = 60
QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def measure(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    """Histograms of one lane over the first `samples` training samples, with the labels that it
    was trained on.

    weights, activations, gradients   for each layer (activations, gradients: for each signal
        point): path, depth, edges (61), counts (60), quantiles (1, 25, 50, 75, 99 %), zeros (share
        of exact zeros)
    """
    import torch
    from torch import nn

    if lane >= len(trained.nets):
        raise SpecError(f"lane {lane}: this run has lanes 0 to {len(trained.nets) - 1}")
    net, wiring, batches = trained.nets[lane], trained.wirings[lane], trained.batches
    seen: dict[str, Any] = {}

    def keep(path: str, out: Any) -> None:
        out.retain_grad()
        seen[path] = out

    hooks = [
        net.get_submodule(point.path).register_forward_hook(
            lambda module, args, out, path=point.path: keep(path, out)
        )
        for point in wiring.points
    ]
    try:
        rows = slice(0, samples)
        logits = net(batches.pictures(rows))
        labels = batches.training_labels(trained.seed)[rows]
        nn.functional.cross_entropy(logits, labels).backward()
        points = [(point, seen[point.path]) for point in wiring.points]
        layers = [(layer, trained.weight(lane, layer.path)) for layer in wiring.layers]
        with torch.no_grad():
            return {
                "step": trained.step,
                "weights": [_histogram(layer, w) for layer, w in layers],
                "activations": [_histogram(point, x.detach()) for point, x in points],
                "gradients": [_histogram(point, x.grad) for point, x in points],
            }
    finally:
        net.zero_grad(set_to_none=True)
        for hook in hooks:
            hook.remove()


def _histogram(place: Any, values: Any) -> dict[str, Any]:
    """Counts between the smallest and the largest value, in float64 on the CPU."""
    import numpy as np

    from skipviz.engine import exact_sums

    flat = exact_sums.on_host(values).ravel()
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        finite = np.zeros(1)
    counts, edges = np.histogram(finite, bins=BINS)
    return {
        "path": place.path,
        "depth": place.depth,
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "quantiles": np.quantile(finite, QUANTILES).tolist(),
        "zeros": float(np.mean(finite == 0)),
    }


PROBE = Probe(
    question="How are weights, activations and gradients distributed, layer by layer?",
    title="Histograms",
    definition="Every weight of each layer; every value of x, and of dLoss/dx, at each signal point"
    " for the same samples.",
    source="common usage",
    cost="One forward and one backward pass.",
    caveat="dLoss/dx is of the mean loss over the samples: with more samples each value is smaller."
    " The net is in evaluation mode: BatchNorm uses its running statistics.",
    knobs=(
        Knob("lane", "int", "Lane", "Counted from 0.", 0, low=0, high=3),
        Knob("samples", "int", "Samples", "Of the training split.", 256, low=2, high=1024),
    ),
    measure=measure,
)
