"""How does the signal fare on its way up: does it grow, and do different inputs stay different?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, when: str, samples: int) -> dict[str, Any]:
    """For each lane, at each signal point.

    depth       (P,) of the point
    scale       (P,) root mean square of x
    similarity  (P,) mean cosine of the angle between the x of two different samples, over all pairs
    gradient    (P,) L2 norm of dLoss/dx of the mean loss
    """
    state = trained.at_init() if when == "init" else trained
    lanes = [_lane(state, lane, samples) for lane in range(len(state.nets))]
    return {"step": state.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import torch
    from torch import nn

    from skipviz.engine.exact_sums import norms, on_host
    from skipviz.engine.hooks import capture_outputs, on_batch_statistics, sample_batch, to_json

    net, points = on_batch_statistics(trained.nets[lane]), trained.wirings[lane].points
    x, y = sample_batch(trained, samples)
    with capture_outputs(net, [point.path for point in points]) as outputs:
        loss = nn.functional.cross_entropy(net(x), y)
    signals = [outputs[point.path] for point in points]
    grads = torch.autograd.grad(loss, signals)
    flat = [on_host(signal.flatten(1)) for signal in signals]
    return {
        "depth": [point.depth for point in points],
        "scale": to_json([float((each**2).mean() ** 0.5) for each in flat]),
        "similarity": to_json([_similarity(each) for each in flat]),
        "gradient": to_json(norms(list(grads))),
    }


def _similarity(x: Any) -> float:
    """The mean cosine over all pairs of different rows of (B, F); rows that are 0 point nowhere."""
    length = (x**2).sum(1) ** 0.5
    unit = x[length > 0] / length[length > 0, None]
    n = len(unit)
    if n < 2:
        return float("nan")
    return float(((unit.sum(0) ** 2).sum() - n) / (n * (n - 1)))


PROBE = Probe(
    question="Does the signal keep its size, and do different inputs stay different?",
    title="Signal propagation",
    definition="At each signal point: the root mean square of x, the mean cosine of the angle"
    " between the x of two different samples (1: all inputs have become one), and the norm of"
    " dLoss/dx.",
    source="Schoenholz et al. 2017 (correlation of two inputs by depth); He et al. 2015, section"
    " 4.1",
    cost="One forward and one backward pass.",
    caveat="BatchNorm uses the statistics of the samples at hand. With ReLU no activation is"
    " negative, so that even unrelated inputs have a cosine above 0.",
    knobs=(
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("samples", "int", "Samples", "Of the training split.", 256, low=2, high=1024),
    ),
    measure=measure,
)
