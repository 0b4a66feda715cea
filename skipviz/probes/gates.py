"""Which cells does each gated layer transform, and which does it carry?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, lane: int, sample: int, when: str, maps: int) -> dict[str, Any]:
    """Lists [layers][cells]; one row for each gated unit, of a net without gates for each unit
    after the stem.

    depth           of each row
    bias            of the transform gates; no rows where the gates are not learned
    mean            T, mean over the training samples; no rows without gates
    mean_output     the units' outputs y, mean over the same samples
    sample_gate     T of one training sample; no rows without gates
    sample_output   y of the same sample
    maps            of convolutional nets: T of the sample as [layers][channels][height][width]
    samples         so many training samples, of `of`
    Feature maps are averaged over space: a cell is a channel there.
    """
    if lane >= len(trained.nets):
        raise SpecError(f"lane {lane}: this run has lanes 0 to {len(trained.nets) - 1}")
    if sample >= len(trained.batches.labels):
        raise SpecError(f"sample {sample}: there are {len(trained.batches.labels)} to train on")
    state = trained.at_init() if when == "init" else trained
    return {
        "step": state.step,
        "gated": bool(trained.wirings[lane].gates),
        "image": trained.batches.images[sample].tolist(),
        "label": int(trained.batches.labels[sample]),
        **_means(state, lane),
        **_one(state, lane, sample, maps),
    }


def _means(trained: Trained, lane: int) -> dict[str, Any]:
    import torch

    from skipviz.engine import ablation, exact_sums, gate_stats, hooks

    rows = ablation.evenly_spaced_rows(trained, lane)
    mean: list[Any] = []
    out: list[Any] = []
    for _, ts, xs in gate_stats.passes(trained, lane, rows):
        sums = [exact_sums.on_host(gate_stats.pooled(t)).sum(0) for t in ts]
        mean = [a + b for a, b in zip(mean, sums, strict=True)] if mean else sums
        sums = [exact_sums.on_host(gate_stats.pooled(x)).sum(0) for x in _rows(trained, lane, xs)]
        out = [a + b for a, b in zip(out, sums, strict=True)] if out else sums
    return {
        "samples": len(rows),
        "of": len(trained.batches.labels),
        "depth": [point.depth for point in _rows(trained, lane, trained.wirings[lane].points)],
        "bias": hooks.to_json(list(map(torch.Tensor.tolist, gate_stats.biases(trained, lane)))),
        "mean": hooks.to_json([(each / len(rows)).tolist() for each in mean]),
        "mean_output": hooks.to_json([(each / len(rows)).tolist() for each in out]),
    }


def _one(trained: Trained, lane: int, sample: int, maps: int) -> dict[str, Any]:
    import torch

    from skipviz.engine import gate_stats, hooks

    row = torch.tensor([sample], device=trained.device)
    _, ts, xs = next(gate_stats.passes(trained, lane, row))
    fields = {
        "sample_gate": hooks.to_json([gate_stats.pooled(t)[0].tolist() for t in ts]),
        "sample_output": hooks.to_json(
            [gate_stats.pooled(x)[0].tolist() for x in _rows(trained, lane, xs)]
        ),
    }
    if maps and ts and ts[0].dim() == 4:
        fields["maps"] = hooks.to_json([t[0, :maps].tolist() for t in ts])
    return fields


def _rows(trained: Trained, lane: int, points: Any) -> list[Any]:
    """Those of the signal points that have a row: the gated units, or all but the stem."""
    wiring = trained.wirings[lane]
    gated_units = {gate.unit for gate in wiring.gates}
    paths = [point.path for point in wiring.points]
    return [
        point
        for path, point in zip(paths, points, strict=True)
        if (path in gated_units if gated_units else path != "stem")
    ]


PROBE = Probe(
    question="Which cells does each gated layer transform, and which does it carry?",
    title="Gates",
    definition="For every gated layer and cell: the bias b_T of the transform gate; T, mean over"
    " the training split; T of one training sample; and the layer's output for that sample, in"
    " which carried cells show as stripes. In convolutional nets a cell is a channel, averaged over"
    " space.",
    source="Srivastava et al. 2015 (arXiv 1505.00387), Fig. 2",
    cost="One forward pass over the training split; of nets for which that would take more than"
    " seconds, over evenly chosen samples.",
    caveat="Look at the same picture at init: most stripes are the bias's doing and not learned.",
    knobs=(
        Knob("lane", "int", "Lane", "Counted from 0.", 0, low=0, high=3),
        Knob("sample", "int", "Sample", "Row of the training split.", 0, low=0, high=100_000),
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("maps", "int", "Maps", "So many channels of T as maps.", 0, low=0, high=64),
    ),
    measure=measure,
)
