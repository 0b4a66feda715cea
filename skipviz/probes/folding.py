"""Is a skip over one linear layer anything but another start?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skipviz.engine.trained import Trained
    from skipviz.models.resnet.net import ResidualUnit


def measure(trained: Trained, precision: str, steps: int, samples: int) -> dict[str, Any]:
    """For each lane; None where it has no residual units, or not on the dense backbone.

    unit          (U,) 1 is nearest the input
    left_init     (U,) share of each unit's branch that no matrix and bias give: the norm of what
                  the best fit over the samples leaves, over that of the branch around its mean; of
                  the net at init, in float64. None where the samples are too few to tell
    left          the same of the trained net
    accuracy      of the trained net on the samples
    folds         whether every branch is one linear layer, so that every skip can be folded

    and where it folds, of nets that begin where the run began:

    with_skips    (steps,) loss at each step of the net with its skips
    folded        that of the net without them whose weights begin at W + I
    distance      |difference| of both
    weights       largest |difference| at the end of a weight of the folded net and its W + I
    """
    lanes = [_lane(trained, lane, precision, steps, samples) for lane in range(len(trained.nets))]
    return {"step": trained.step, "lanes": lanes}


def _lane(
    trained: Trained, lane: int, precision: str, steps: int, samples: int
) -> dict[str, Any] | None:
    import torch

    from skipviz.engine import exact_sums, hooks

    net = hooks.on_batch_statistics(trained.nets[lane]).cpu()
    units = _residual_units(net)
    dense = trained.experiment.lanes[lane].settings(trained.experiment.dataset)["backbone"]
    if dense != "dense" or not units:
        return None
    with exact_sums.on_cpu():
        start = hooks.on_batch_statistics(trained.fresh(lane)).cpu()
        x, y = (each.cpu() for each in hooks.sample_batch(trained, samples))
        with torch.no_grad():
            correct = net(x).argmax(1) == y
        answer = {
            "unit": list(range(1, len(units) + 1)),
            "left_init": hooks.to_json(_left(start, x)),
            "left": hooks.to_json(_left(net, x)),
            "accuracy": float(correct.float().mean()),
            "folds": all(map(_folds, units)),
        }
        return answer | (_pair(trained, lane, precision, steps) if answer["folds"] else {})


def _residual_units(net: nn.Module) -> list[ResidualUnit]:
    from skipviz.models.resnet.net import ResidualUnit

    every = (module for module in net.modules() if isinstance(module, ResidualUnit))
    return [unit for unit in every if unit.shortcut is not None]


def _folds(unit: ResidualUnit) -> bool:
    """Is it f(x + W x + b)?"""
    from torch import nn

    return [type(layer) for layer in unit.branch] == [nn.Linear] and unit.scale is None


def _folded(net: nn.Module) -> nn.Module:
    """A copy without skips that computes the same: I is added to the weights of each unit."""
    import copy

    import torch

    net = copy.deepcopy(net)
    for unit in _residual_units(net):
        unit.shortcut = None
        (weight,) = (weight for weight in unit.branch.parameters() if weight.dim() == 2)
        with torch.no_grad():
            weight.add_(torch.eye(len(weight), dtype=weight.dtype))
    return net


def _pair(trained: Trained, lane: int, precision: str, steps: int) -> dict[str, Any]:
    """The net with its skips and the folded one, each trained from the run's start."""
    import torch

    from skipviz.engine.hooks import to_json

    dtype = getattr(torch, precision)
    net = trained.fresh(lane).cpu().to(dtype)
    folded = _folded(net)
    losses = [trained.losses_of(each, 0, steps) for each in (net, folded)]
    ends = zip(_folded(net).parameters(), folded.parameters(), strict=True)
    return {
        "with_skips": to_json(losses[0]),
        "folded": to_json(losses[1]),
        "distance": to_json([abs(a - b) for a, b in zip(*losses, strict=True)]),
        "weights": to_json(max(float((a - b).detach().abs().max()) for a, b in ends)),
    }


def _left(net: nn.Module, x: Tensor) -> list[float]:
    """What the best matrix and bias leave of each unit's branch, as a share of it."""
    import copy

    import torch

    net = copy.deepcopy(net).double()
    shares = []
    with torch.no_grad():
        x = net.get_submodule("stem")(x.double())
        for unit in _residual_units(net):  # one that is left over without a skip comes last
            shares.append(_unfitted(x, unit.branch(unit.before_split(x))))
            x = unit(x)
    return shares


def _unfitted(x: Tensor, outputs: Tensor) -> float:
    import torch

    inputs = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    if len(inputs) <= inputs.shape[1]:  # so few can always be fitted
        return float("nan")
    fit = inputs @ torch.linalg.lstsq(inputs, outputs, driver="gelsd").solution
    return float((outputs - fit).norm() / (outputs - outputs.mean(0)).norm())


PROBE = Probe(
    question="Is a skip over one linear layer anything but another start of the weights?",
    title="Folded skips",
    definition="Where each skip goes around one linear layer, f(x + W x) = f((W + I) x). The net"
    " with its skips, and a plain one whose weights begin at W + I, are trained side by side from"
    " the run's start, with its batches and its optimiser, and their losses compared step by step."
    " For every residual net: the share of each unit's branch that no matrix and bias give, by"
    " least squares over the samples.",
    source="Zagoruyko and Komodakis 2017 (arXiv 1706.00388); Ding et al. 2021 (arXiv 2101.03697),"
    " section 3.3",
    cost="Two trainings of its own, net by net: seconds for some hundred steps of a thin net.",
    caveat="The same function has the same gradient with respect to W and to W + I, so an optimiser"
    " that looks at gradients alone makes the same steps; one that decays weights does not. Nor is"
    " rounding the same, and training magnifies it: in float32 both may part visibly after a while."
    " The share that is left is one of the branch, not of the signal, and over these samples.",
    knobs=(
        Knob(
            "precision",
            "choice",
            "Precision",
            "Of both trainings.",
            "float64",
            ("float64", "float32"),
        ),
        Knob("steps", "int", "Steps", "Trained for so many.", 200, low=1, high=5000),
        Knob("samples", "int", "Samples", "Of the training split.", 1024, low=2, high=100_000),
    ),
    measure=measure,
)
