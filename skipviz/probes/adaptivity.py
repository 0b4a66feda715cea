"""Is it used that T depends on the input?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, samples: int) -> dict[str, Any]:
    """For each lane; None in place of the numbers where it has no gates.

    base        {"loss", "accuracy"} on the training samples
    per_cell    the same with T(x) replaced by its mean over the samples, cell by cell
    per_layer   the same with T(x) replaced by one number for each layer
    smallest, largest   T over samples, layers and cells
    closed      how many values of T are exactly 0 in float32, of how many: `values`
    samples, of         so many training samples, of so many
    """
    lanes = [
        _lane(trained, lane, samples) if wiring.gates else None
        for lane, wiring in enumerate(trained.wirings)
    ]
    return {"step": trained.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import numpy as np
    import torch

    from skipviz.engine import ablation, exact_sums, gate_stats, hooks

    rows = ablation.evenly_spaced_rows(trained, lane, samples, passes=4)
    sums: list[Any] = []
    low, high, closed, values = 1.0, 0.0, 0, 0
    for _, ts, _ in gate_stats.passes(trained, lane, rows):
        sums = [exact_sums.on_host(t).sum(0) + (sums[i] if sums else 0) for i, t in enumerate(ts)]
        low = min(low, *(float(t.min()) for t in ts))
        high = max(high, *(float(t.max()) for t in ts))
        closed += sum(int((t == 0).sum()) for t in ts)
        values += sum(t.numel() for t in ts)
    means = [torch.tensor(np.float32(each / len(rows))).to(rows.device) for each in sums]
    return {
        "samples": len(rows),
        "of": len(trained.batches.labels),
        "base": _scored(trained, lane, rows, []),
        "per_cell": _scored(trained, lane, rows, means),
        "per_layer": _scored(trained, lane, rows, [m.mean().expand_as(m) for m in means]),
        "smallest": hooks.to_json(low),
        "largest": hooks.to_json(high),
        "closed": closed,
        "values": values,
    }


def _scored(trained: Trained, lane: int, rows: Any, means: list[Any]) -> dict[str, Any]:
    """Loss and accuracy while every gate says `means`; of no means, as it is."""
    from skipviz.engine import ablation, hooks

    net, gates = trained.nets[lane], trained.wirings[lane].gates
    handles = [
        net.get_submodule(gate.path).register_forward_hook(
            lambda module, args, out, mean=mean: mean.expand_as(out)
        )
        for gate, mean in zip(gates, means, strict=False)
    ]
    try:
        loss, accuracy = ablation.score(trained, lane, rows)
    finally:
        for hook in handles:
            hook.remove()
    return {"loss": hooks.to_json(loss), "accuracy": hooks.to_json(accuracy)}


PROBE = Probe(
    question="Is it used that T depends on the input?",
    title="Adaptive gates",
    definition="Loss and accuracy on training samples with every T(x) replaced by its mean over"
    " those samples: cell by cell (of feature maps: pixel by pixel), and by one number for a whole"
    " layer; the smallest and the largest T that occurred.",
    source="The question: whether ResNet, whose gates do not depend on the data, is a special case"
    " of a highway net that gives something up; the measurement is ours",
    cost="Four forward passes of each highway lane over the samples.",
    caveat="The net was not trained with means: what it loses is what it had come to rely on, not"
    " what a net without adaptive gates could not do. The sigmoid never closes a gate: T is 0 only"
    " where float32 rounds it down.",
    knobs=(Knob("samples", "int", "Samples", "At most so many.", 2000, low=2, high=100_000),),
    measure=measure,
)
