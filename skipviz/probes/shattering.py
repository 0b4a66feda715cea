"""Do gradients at nearby inputs resemble each other, or are they noise?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

POINTS = 256
LAGS = 40


def measure(trained: Trained, when: str, lines: int) -> dict[str, Any]:
    """For each lane, along straight lines between pairs of training samples, 256 points each.

    trace            (256,) of the first line: the derivative of one logit along the line, divided
                     by its own deviation
    autocorrelation  (40,) at a distance of 1 to 40 points, the median over the lines
    first            (lines,) at a distance of 1
    sign_changes     the median over the lines, of 255
    """
    state = trained.at_init() if when == "init" else trained
    lanes = [_lane(state, lane, lines) for lane in range(len(state.nets))]
    return {"step": state.step, "points": POINTS, "lanes": lanes}


def _lane(trained: Trained, lane: int, lines: int) -> dict[str, Any]:
    import numpy as np
    import torch

    from skipviz.engine.exact_sums import on_host
    from skipviz.engine.hooks import on_batch_statistics, to_json

    net = on_batch_statistics(trained.nets[lane])
    rng = np.random.default_rng(trained.seed)
    share = torch.linspace(0, 1, POINTS, device=trained.device).view(-1, 1, 1, 1)
    traces = []
    for _ in range(lines):
        pair = torch.from_numpy(rng.choice(len(trained.batches.labels), 2, replace=False))
        one, other = trained.batches.pictures(pair.to(trained.device))
        x = torch.lerp(one, other, share).requires_grad_()
        (grad,) = torch.autograd.grad(net(x)[:, 0].sum(), x)
        along = on_host(((other - one) * grad).flatten(1)).sum(1)
        traces.append(along - along.mean())
    curves = np.array([_autocorrelation(trace) for trace in traces])
    changes = [int((np.sign(t[1:]) != np.sign(t[:-1])).sum()) for t in traces]
    size = traces[0].std()
    return {
        "trace": to_json((traces[0] / size if size else traces[0]).tolist()),
        "autocorrelation": to_json(np.nanmedian(curves, axis=0).tolist()),
        "first": to_json(curves[:, 0].tolist()),
        "sign_changes": float(np.median(changes)),
    }


def _autocorrelation(trace: Any) -> list[float]:
    """The correlation of a trace of mean 0 with itself, 1 to 40 points further; 1 where it is 0
    everywhere: nothing changes along the line."""
    whole = float((trace * trace).sum())
    if not whole:
        return [1.0] * LAGS
    return [float((trace[lag:] * trace[:-lag]).sum()) / whole for lag in range(1, LAGS + 1)]


PROBE = Probe(
    question="Do gradients at nearby inputs resemble each other, or are they noise?",
    title="Shattered gradients",
    definition="The derivative of the first logit along a straight line between two training"
    " samples, at 256 points in one batch; its autocorrelation (1: neighbours agree, 0: white"
    " noise) and how often it changes its sign.",
    source="Balduzzi et al. 2017 (arXiv 1702.08591), section 2",
    cost="One forward and backward pass of 256 points for each line.",
    caveat="The spread between lines and seeds is wide: medians are shown. BatchNorm uses the"
    " statistics of the line's own points, so that each point depends a little on all others.",
    knobs=(
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("lines", "int", "Lines", "How many pairs of samples.", 10, low=1, high=50),
    ),
    measure=measure,
)
