"""Which earlier features does a dense net use: what its weights show, what it would miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, samples: int) -> dict[str, Any]:
    """For each lane, for each of its dense blocks; no blocks for nets of other families.

    targets   what reads: each unit of the block, and what follows it
    sources   what is read: the block's input and the features of each unit
    weight    (targets, sources) mean |W| of the first layer of the target over the source's
              features; null above the diagonal. `weight_at_init`: the same before any update
    missing   (targets, sources) how far the loss rises if this target reads zeros there
    removed   (sources,) how far it rises if all targets do
    loss      as it is, nats
    """
    lanes = [_lane(trained, lane, samples) for lane in range(len(trained.nets))]
    return {"step": trained.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int) -> dict[str, Any]:
    import torch
    from torch import nn

    from skipviz.engine.hooks import on_batch_statistics, sample_batch, to_json

    net, fresh = on_batch_statistics(trained.nets[lane]), trained.fresh(lane)
    x, y = sample_batch(trained, samples)

    def loss() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(net(x), y))

    base = loss()
    blocks = []
    for block in _blocks(trained.wirings[lane]):
        layers = [net.get_submodule(path).weight for path in block["paths"]]
        first = [fresh.get_submodule(path).weight for path in block["paths"]]
        spans = block["spans"]
        blocks.append(
            {
                "targets": block["targets"],
                "sources": block["sources"],
                "weight": short_or_none([_means(w, spans) for w in layers]),
                "weight_at_init": short_or_none([_means(w, spans) for w in first]),
                "missing": short_or_none(
                    [[_without([w], span, loss, base) for span in spans] for w in layers]
                ),
                "removed": to_json([_without(layers, span, loss, base) for span in spans]),
            }
        )
    return {"loss": to_json(base), "blocks": blocks}


def short_or_none(rows: list[list[float | None]]) -> list[list[float | None]]:
    """Rows with six digits; None stays."""
    from skipviz.engine.hooks import to_json

    return [[None if value is None else to_json(value) for value in row] for row in rows]


def _blocks(wiring: Any) -> list[dict[str, Any]]:
    """Each run of dense units with what follows it: whose first layer reads which channels."""
    blocks: list[dict[str, Any]] = []
    units = wiring.units
    for i, unit in enumerate(units):
        if not unit.body.appends:
            continue
        if not units[i - 1].body.appends:
            width = unit.body.input_shape[0]
            blocks.append({"paths": [], "targets": [], "sources": ["input"], "spans": [(0, width)]})
        block = blocks[-1]
        number = len(block["targets"]) + 1
        block["paths"].append(unit.module(unit.body.weights[0]))
        block["targets"].append(f"unit {number}")
        block["sources"].append(f"unit {number}")
        block["spans"].append((unit.body.input_shape[0], unit.body.output_shape[0]))
        following = units[i + 1]
        if not following.body.appends:
            block["paths"].append(following.module(following.body.weights[0]))
            block["targets"].append("classifier" if i + 2 == len(units) else "transition")
    return blocks


def _means(weight: Any, spans: list[tuple[int, int]]) -> list[float | None]:
    """Mean |W| of a layer over each span of its inputs; None where it does not read that far."""
    size = weight.detach().abs()
    return [float(size[:, a:b].mean()) if b <= size.shape[1] else None for a, b in spans]


def _without(layers: list[Any], span: tuple[int, int], loss: Any, base: float) -> float | None:
    """How far the loss rises if these layers read zeros in a span; None where none reads it."""
    import torch

    low, high = span
    reading = [weight for weight in layers if weight.shape[1] >= high]
    if not reading:
        return None
    weights_before = [weight[:, low:high].detach().clone() for weight in reading]
    with torch.no_grad():
        for weight in reading:
            weight[:, low:high] = 0
        risen = loss() - base
        for weight, own in zip(reading, weights_before, strict=True):
            weight[:, low:high] = own
    return risen


PROBE = Probe(
    question="Which earlier features does a dense net use?",
    title="Feature reuse",
    definition="For each unit of a dense block and each earlier source of features: the mean |W| of"
    " the unit's first layer over them, now and at init; and how far the training loss rises if the"
    " unit reads zeros there instead.",
    source="Huang et al. 2016 (arXiv 1608.06993), section 5 and Fig. 5 (the weights); the ablation"
    " is ours",
    cost="One forward pass for each pair of source and target.",
    caveat="The picture of |W| is mostly the init unless weight decay is strong: compare it with"
    " the one at init. What a unit would miss is the honest reading, but one source is taken away"
    " at a time: two that say the same look useless.",
    knobs=(Knob("samples", "int", "Samples", "Of the training split.", 512, low=8, high=4096),),
    measure=measure,
)
