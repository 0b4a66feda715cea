"""Which sentences of the highway papers does this run bear out?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


CLAIMS: dict[str, tuple[str, str]] = {
    "decreased": (
        "Most biases decreased in training.",
        "share of gate biases below where they started: more than 0.5",
    ),
    "sparse": (
        "The transform gates of a single sample are sparsely active.",
        "share of T < 0.1, over samples, layers and cells: more than 0.5",
    ),
    "stripes": (
        "Most outputs stay constant over many layers: stripes.",
        "share of cells that a layer changes by at most 0.1 sd: more than 0.5",
    ),
    "early": (
        "Most of the change of the outputs happens in the early layers.",
        "share of the first third of the layers in the sum of all ‖y − x‖: more than 0.5",
    ),
    "deeper": (
        "Biases grow with depth.",
        "correlation of the depth with the layers' mean bias: at least 0.5",
    ),
    "inverse": (
        "The biases are inversely related to the gates' mean activity.",
        "correlation over layers of mean bias and mean T: at most −0.5",
    ),
}
"""Sentences of Srivastava et al. 2015, Training Very Deep Networks, section 4, each with the number
and the bound that decide; the bounds are ours."""

BOUNDS = {"deeper": (0.5, None), "inverse": (None, -0.5)}
"""(at least, at most); all others: more than 0.5."""


def measure(trained: Trained, samples: int) -> dict[str, Any]:
    """For each lane: {claim: {"value", "init", "holds"}}; None where the lane has no gates.

    value, init   the deciding number, now and at init; None where there is none (biases that are
                  all the same, gates that are not learned)
    holds         does this net show it; None where there is no number
    """
    lanes = [
        _lane(trained, lane, samples) if wiring.gates else None
        for lane, wiring in enumerate(trained.wirings)
    ]
    return {"step": trained.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    start = trained.at_init()
    now, init = _numbers(trained, start, lane, samples), _numbers(start, start, lane, samples)
    return {
        key: {"value": now[key], "init": init[key], "holds": holds(key, now[key])} for key in CLAIMS
    }


def holds(key: str, value: float | None) -> bool | None:
    """Whether a claim's number keeps its bound."""
    if value is None:
        return None
    if key not in BOUNDS:
        return value > 0.5
    low, high = BOUNDS[key]
    return (low is None or value >= low) and (high is None or value <= high)


def _numbers(trained: Trained, start: Trained, lane: int, samples: int) -> dict[str, Any]:
    """The deciding number of every claim."""
    import numpy as np
    import torch

    from skipviz.engine import ablation, exact_sums, gate_stats, hooks

    counted = gate_stats.carried(trained, lane, samples)
    numbers = {
        "sparse": counted["below_01"],
        "stripes": counted["stripes"],
        "early": counted["early"],
        **dict.fromkeys(("decreased", "deeper", "inverse")),
    }
    biases = gate_stats.biases(trained, lane)
    if biases:
        now, before = torch.cat(biases), torch.cat(gate_stats.biases(start, lane))
        sums = np.zeros(len(biases))
        rows = ablation.evenly_spaced_rows(trained, lane, samples)
        for _, ts, _ in gate_stats.passes(trained, lane, rows):
            sums += [exact_sums.on_host(gate_stats.pooled(t)).mean(1).sum() for t in ts]
        means = np.array([exact_sums.on_host(bias).mean() for bias in biases])
        numbers["decreased"] = hooks.to_json(float((now < before).float().mean()))
        numbers["deeper"] = _correlation(np.arange(len(means)), means)
        numbers["inverse"] = _correlation(means, sums)
    return numbers


def _correlation(x: Any, y: Any) -> float | None:
    """Pearson's, of two vectors (n,); None where one of them is constant."""
    from skipviz.engine import hooks

    x, y = x - x.mean(), y - y.mean()
    scale = float((x**2).sum() ** 0.5 * (y**2).sum() ** 0.5)
    value = hooks.to_json(float((x * y).sum()) / scale) if scale > 1e-12 else None
    return value if value is None else float(value)


PROBE = Probe(
    question="Which sentences of the highway papers does this run bear out?",
    title="The papers' sentences",
    definition="; ".join(f"“{text}” {bound}" for text, bound in CLAIMS.values()) + ".",
    source="Srivastava et al. 2015 (arXiv 1507.06228), section 4; the bounds are ours",
    cost="Four forward passes of each highway lane over the samples.",
    caveat="The papers looked at nets of 50 layers, trained for long on MNIST and CIFAR-100, chosen"
    " as the best of many. Some sentences hold at init already: then training did not bring them"
    " about.",
    knobs=(Knob("samples", "int", "Samples", "Of the training split.", 2000, low=2, high=100_000),),
    measure=measure,
)
