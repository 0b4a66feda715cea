"""Is a residual net a special case of a highway net, exactly?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from collections.abc import Callable

    from skipviz.engine.trained import Trained

    Join = Callable[[Any, Any], Any]


def measure(trained: Trained, samples: int) -> dict[str, Any]:
    """For each lane; None where it has no highway units of one shape, as dense nets have.

    Three stacks of the lane's own H (weight layer and activation), on the stem's outputs:
    residual x + H(x), built of residual units; highway with T = C = 1; highway with T = C = 0.5.

    layers        how many units, L
    uncoupled     largest |difference| between the outputs of residual and T = C = 1
    coupled       the same with ReLU for the activation and without biases, of T = C = 0.5 times 2^L
                  and residual, as a share of the largest residual output
    as_learned    the same with the lane's own activation and biases
    log2          log2 of the size of the coupled stack's output as a share of the residual one's,
                  with ReLU and without biases: −L where they agree
    same_class    share of samples whose largest logit is the same, coupled (ReLU, no biases) and
                  residual, with the lane's head without its bias
    """
    lanes = [
        _lane(trained, lane, samples) if _stackable(wiring) else None
        for lane, wiring in enumerate(trained.wirings)
    ]
    return {"step": trained.step, "lanes": lanes}


def _stackable(wiring: Any) -> bool:
    units = wiring.units[1:-1]
    return bool(units) and all(
        unit.body.kind == "highway" and len(unit.body.output_shape) == 1 for unit in units
    )


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import torch

    from skipviz.engine import ablation, exact_sums, hooks

    net, units = trained.nets[lane], trained.wirings[lane].units[1:-1]
    rows = ablation.evenly_spaced_rows(trained, lane, samples)
    learned = [net.get_submodule(f"{unit.path}.transform") for unit in units]
    rectified = [_rectified(h) for h in learned]
    with torch.no_grad(), exact_sums.on_cpu():
        x = net.get_submodule("stem")(trained.batches.pictures(rows)).cpu().double()
        results = {}
        for name, layers in (("learned", learned), ("rectified", rectified)):
            residual = _residual(layers, x)
            halved = _highway(layers, 0.5, x) * 2.0 ** len(layers)
            results[name] = residual, halved
        residual = results["learned"][0]
        whole = _highway(learned, 1.0, x)
        bare, halved = results["rectified"]
        head = net.get_submodule("head.classifier")
        classes = [(each @ head.weight.cpu().double().T).argmax(1) for each in (bare, halved)]
        size = float((halved.norm() / bare.norm()).log2()) - len(layers)
        return {
            "layers": len(units),
            "samples": len(rows),
            "uncoupled": float((whole - residual).abs().max()),
            "coupled": hooks.to_json(_share(halved, bare)),
            "as_learned": hooks.to_json(_share(results["learned"][1], residual)),
            "log2": hooks.to_json(size),
            "same_class": float((classes[0] == classes[1]).float().mean()),
        }


def _share(outputs: Any, wanted: Any) -> float:
    return float((outputs - wanted).abs().max() / wanted.abs().max())


def _rectified(transform: Any) -> Any:
    """H with the same weights, without a bias, and ReLU for its activation."""
    from torch import nn

    layer = next(iter(transform.children()))
    bare = nn.Linear(layer.in_features, layer.out_features, bias=False)
    bare.weight = layer.weight
    return nn.Sequential(bare, nn.ReLU())


def _residual(layers: list[Any], x: Any) -> Any:
    """Through residual units whose branches are these layers, in float64."""
    from torch import nn

    from skipviz.models.resnet.net import ResidualUnit
    from skipviz.models.resnet.plan import ResidualPlan

    for layer in layers:
        unit = ResidualUnit(ResidualPlan(before_split=(), branch=(), shortcut=(), after_add=()))
        unit.branch = nn.Sequential(*layer)
        x = _double(unit)(x)
    return x


def _highway(layers: list[Any], gate: float, x: Any) -> Any:
    """Through highway units with T = C = `gate` and these layers, in float64."""
    from torch import nn

    from skipviz.models.highway.net import HighwayUnit
    from skipviz.models.highway.plan import HighwayPlan
    from skipviz.models.steps import Step

    constant = (Step("constant", "constant", value=gate),)
    for layer in layers:
        unit = HighwayUnit(HighwayPlan(transform=(), gate=constant, carry=constant, gate_bias=0.0))
        unit.transform = nn.Sequential(*layer)
        x = _double(unit)(x)
    return x


def _double(unit: Any) -> Any:
    """A copy in float64 on the CPU: the lane's own layers stay as they are."""
    import copy

    return copy.deepcopy(unit).cpu().double()


PROBE = Probe(
    question="Is a residual net a special case of a highway net, exactly?",
    title="ResNet as a special case",
    definition="The lane's own layers H stacked three ways on the same inputs, in float64: as"
    " residual units y = H(x) + x, as highway units with T = C = 1, and with T = C = 0.5, which is"
    " the coupled gate half open. The first two are compared as they are; the third after"
    " multiplying by 2^L, with ReLU and without biases, because there H(a x) = a H(x).",
    source="The claim: ResNet is a highway net whose gates do not depend on the data; Srivastava et"
    " al. 2015 (arXiv 1505.00387), equations (2) and (3)",
    cost="Five forward passes of dense highway lanes over the samples.",
    caveat="Equal functions are not equal nets to train: a factor of 2^−L in the output is one in"
    " the gradient of the first layers too.",
    knobs=(Knob("samples", "int", "Samples", "Of the training split.", 500, low=2, high=100_000),),
    measure=measure,
)
