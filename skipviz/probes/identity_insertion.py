"""What happens to a trained net that is made deeper by layers that do nothing?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skipviz.core import final
from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from torch import nn

    from skipviz.engine.trained import Trained

NOISE = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Standard deviations of what is added to every weight of the inserted layers."""


def measure(trained: Trained, insert: int, steps: int, samples: int) -> dict[str, Any]:
    """For each lane; None where it is no plain dense net without normalisation.

    depth, deeper        layers before and after
    difference           largest |difference| of a logit over the samples
    loss, loss_deeper    mean cross-entropy of both nets on the samples, nats; the same `accuracy`
    noise                standard deviations of what is added to the inserted weights
    noisy                accuracy of the deeper net with that noise
    curve, tuned         loss of each step of training the deeper net on, and the mean of the last
    """
    lanes = [_lane(trained, lane, insert, steps, samples) for lane in range(len(trained.nets))]
    return {"step": trained.step, "noise": list(NOISE), "lanes": lanes}


def _lane(
    trained: Trained, lane: int, insert: int, steps: int, samples: int
) -> dict[str, Any] | None:
    import torch

    from skipviz.engine.hooks import sample_batch, to_json

    settings = trained.experiment.lanes[lane].settings(trained.experiment.dataset)
    dense = settings["backbone"] == "dense" and settings.get("norm", "none") == "none"
    if trained.experiment.lanes[lane].family != "plain" or not dense:
        return None
    x, y = sample_batch(trained, samples)
    deeper = _deeper(trained, lane, insert)
    with torch.no_grad():
        before, after = trained.nets[lane](x), deeper(x)
    noisy = [_noisy(trained, lane, insert, sd, x, y) for sd in NOISE]
    curve = trained.losses_of(deeper, trained.step, steps)
    return {
        "depth": settings["depth"],
        "deeper": settings["depth"] + insert,
        "difference": float((before - after).abs().max()),
        "loss": to_json(float(torch.nn.functional.cross_entropy(before, y))),
        "loss_deeper": to_json(float(torch.nn.functional.cross_entropy(after, y))),
        "accuracy": float((before.argmax(1) == y).float().mean()),
        "accuracy_deeper": float((after.argmax(1) == y).float().mean()),
        "noisy": to_json(noisy),
        "curve": to_json(curve),
        "tuned": to_json(_final(curve)) if curve else None,
    }


def _deeper(trained: Trained, lane: int, insert: int) -> nn.Module:
    """The lane's net with `insert` more layers in front of its head, each W = I and b = 0."""
    import torch

    from skipviz.core.experiment import Lane
    from skipviz.engine.nets import make_net

    shallow_lane = trained.experiment.lanes[lane]
    settings = shallow_lane.settings(trained.experiment.dataset)
    longer = Lane(
        family=shallow_lane.family,
        knobs=dict(shallow_lane.knobs) | {"depth": settings["depth"] + insert},
    )
    net = make_net(longer, trained.experiment.dataset, trained.seed).to(trained.device)
    shallow_state = trained.nets[lane].state_dict()
    state = {name: shallow_state.get(name, value) for name, value in net.state_dict().items()}
    for name in state.keys() - shallow_state.keys():
        state[name] = torch.zeros_like(state[name])
        if state[name].dim() == 2:
            state[name].fill_diagonal_(1)
    net.load_state_dict(state)
    return net.eval()


def _noisy(trained: Trained, lane: int, insert: int, sd: float, x: Any, y: Any) -> float:
    """Accuracy of the deeper net with N(0, sd²) added to every weight of the inserted layers."""
    import torch

    net = _deeper(trained, lane, insert)
    shallow_names = trained.nets[lane].state_dict().keys()
    random = torch.Generator().manual_seed(trained.seed)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name not in shallow_names and weight.dim() == 2:
                weight.add_((sd * torch.randn(weight.shape, generator=random)).to(weight.device))
        return float((net(x).argmax(1) == y).float().mean())


def _final(curve: list[float]) -> float:
    """The loss that training on ends with."""
    return final.mean(range(len(curve)), np.array(curve)[:, None])[0]


PROBE = Probe(
    question="What happens to a trained net that is made deeper by layers that do nothing?",
    title="Identity layers",
    definition="Layers with W = I and b = 0 are inserted in front of the classifier of a plain"
    " dense net. Measured: the largest difference of a logit; the accuracy after Gaussian noise was"
    " added to every inserted weight; the loss when the deeper net is trained on with the run's"
    " batches and optimiser.",
    source="He et al. 2015 (arXiv 1512.03385), section 1: a deeper net has a solution by"
    " construction",
    cost="A training of its own, net by net: a second for some hundred steps of a thin net.",
    caveat="Exact for ReLU, whose output is never negative; with tanh or sigmoid W = I is no"
    " identity, and the difference says how far off it is. That a solution exists does not say"
    " that training finds it.",
    knobs=(
        Knob("insert", "int", "Layers inserted", "So many.", 15, low=1, high=200),
        Knob("steps", "int", "Steps", "Trained on for so many.", 200, low=0, high=5000),
        Knob("samples", "int", "Samples", "Of the training split.", 1024, low=2, high=100_000),
    ),
    measure=measure,
)
