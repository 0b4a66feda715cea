"""What does a small change of the signal become on its way up: does a net turn it, or crush it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

MOST_VALUES = 400
"""A signal of more values is not measured: the Jacobian takes a backward pass for each of them."""


def measure(trained: Trained, when: str, samples: int) -> dict[str, Any]:
    """For each lane, the Jacobian of the last signal by the first, sample by sample, in float64.

    values     (N, M): of the last signal and of the first
    singular   (K,), K = min(N, M): the k-th largest singular value, median over the samples
    log10      (K,) the same as powers of ten; None of 0
    middle     the median of `log10`
    spread     decades from the largest down to the median one
    A lane whose signals have too many values has empty lists, and `why` says so.
    """
    state = trained.at_init() if when == "init" else trained
    lanes = [_lane(state, lane, samples) for lane in range(len(state.nets))]
    return {"step": state.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import numpy as np

    from skipviz.engine.hooks import to_json

    jacobians, values = _jacobians(trained, lane, samples)
    if jacobians is None:
        answer = {"values": values, "singular": [], "log10": [], "middle": None, "spread": None}
        why = f"a signal of {max(values)} values; at most {MOST_VALUES} are measured"
        return answer | {"why": why}
    singular = np.median(np.linalg.svd(jacobians, compute_uv=False), axis=0)
    with np.errstate(divide="ignore"):
        logs = np.log10(singular)
    return {
        "values": values,
        "singular": to_json(singular),
        "log10": to_json(logs),
        "middle": to_json(float(np.median(logs))),
        "spread": to_json(float(logs[0] - np.median(logs))),
    }


def _jacobians(trained: Trained, lane: int, samples: int) -> tuple[Any, list[int]]:
    """(B, N, M) in float64, or None where they are too large; and [N, M]."""
    import copy

    import torch

    from skipviz.engine import exact_sums
    from skipviz.engine.hooks import capture_outputs, sample_batch

    points = trained.wirings[lane].points
    pictures, _ = sample_batch(trained, samples)
    with exact_sums.on_cpu():
        net = copy.deepcopy(trained.nets[lane]).cpu().double()
        with torch.enable_grad(), capture_outputs(net, [p.path for p in points]) as outputs:
            net(pictures.cpu().double())
        first, last = outputs[points[0].path], outputs[points[-1].path]
        values = [last[0].numel(), first[0].numel()]
        if max(values) > MOST_VALUES:
            return None, values
        # In evaluation no sample looks at another: one backward pass serves all of them.
        rows = [
            torch.autograd.grad(each.sum(), first, retain_graph=True)[0].flatten(1)
            for each in last.flatten(1).unbind(1)
        ]
        return torch.stack(rows, 1).numpy(), values


PROBE = Probe(
    question="What does a small change of the signal become on its way up?",
    title="Input–output Jacobian",
    definition="The singular values of the derivative of the last signal by the first: by how much"
    " the net stretches a small change in each of its own directions. All near 1: every change"
    " arrives, turned but not stretched (dynamical isometry). A few large ones and many tiny ones:"
    " nearly all changes are lost.",
    source="Saxe et al. 2014 (dynamical isometry of deep linear nets); Pennington et al. 2017"
    " (the whole spectrum); Xiao et al. 2018",
    cost="One forward pass, and a backward pass for each value of the last signal.",
    caveat="In evaluation: BatchNorm with fixed statistics, no dropout. Signals of at most"
    f" {MOST_VALUES} values, so dense nets and the smallest maps. It is the derivative at single"
    " samples; what large changes become, it does not say.",
    knobs=(
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("samples", "int", "Samples", "Of the training split.", 16, low=1, high=256),
    ),
    measure=measure,
)
