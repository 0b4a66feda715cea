"""Are the norms on the charts right? The same ones computed in another way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

STEP = 1e-5
"""How far a component of the signal is moved either way, as a share of the signal's scale."""

LEAST = 1e-7
"""A norm below this is lost in the rounding of the loss: differences say nothing of it."""

WIDEST = 128
"""Signals with more components than this are not moved one by one."""


def measure(trained: Trained, points: int) -> dict[str, Any]:
    """For each lane, before any update, on the batch of the first step: what frame 0 shows.

    depth        (P,) of each signal point
    autograd     (P,) L2 norm of dLoss/dx of the mean loss: the module in float64 on the CPU
    scale        (P,) root mean square of x, likewise
    weight       (layers,) L2 norm of dLoss/dW, biases left out, likewise
    differences  (P,) the norm of dLoss/dx again, from differences of the loss alone: each component
                 of x is moved both ways. At so many evenly chosen points of a dense net without
                 normalisation; None at all others, and where the norm is too small for that
    """
    state = trained.at_init()
    lanes = [_lane(state, lane, points) for lane in range(len(state.nets))]
    return {"step": 0, "lanes": lanes}


def _lane(trained: Trained, lane: int, points: int) -> dict[str, Any]:
    import numpy as np
    import torch
    from torch import nn

    from skipviz.engine import exact_sums
    from skipviz.engine.hooks import capture_outputs, on_batch_statistics, to_json

    with exact_sums.on_cpu():
        net = on_batch_statistics(trained.nets[lane]).cpu().double()
        images, labels = trained.batches.batch(0, trained.seed)
        x, y = images.cpu().double(), labels.cpu()
        wiring = trained.wirings[lane]
        paths = [point.path for point in wiring.points]
        with capture_outputs(net, paths) as outputs:
            loss = nn.functional.cross_entropy(net(x), y)
        signals = [outputs[path] for path in paths]
        layers: Any = [net.get_submodule(layer.path).weight for layer in wiring.layers]
        grads = torch.autograd.grad(loss, [*signals, *layers])
        sizes = [float(np.sqrt((each.numpy() ** 2).sum())) for each in grads]
        scales = [float(np.sqrt((each.detach().numpy() ** 2).mean())) for each in signals]
        differences: list[float | None] = [None] * len(paths)
        alone = not any("norm" in type(module).__name__.lower() for module in net.modules())
        for place in np.unique(np.linspace(0, len(paths) - 1, points).round().astype(int)):
            if alone and signals[place].dim() == 2 and signals[place].shape[1] <= WIDEST:
                found = _by_differences(net, paths[place], (x, y), STEP * scales[place])
                differences[place] = found if found >= LEAST else None
    return {
        "depth": [point.depth for point in wiring.points],
        "autograd": to_json(sizes[: len(paths)]),
        "scale": to_json(scales),
        "weight": to_json(sizes[len(paths) :]),
        "differences": to_json(differences),
    }


def _by_differences(net: Any, path: str, batch: tuple[Any, Any], step: float) -> float:
    """The L2 norm of dLoss/dx at the module at `path`: without normalisation the loss of a sample
    depends on its own x alone, so that one pass moves a component of all samples."""
    import numpy as np
    import torch
    from torch import nn

    x, y = batch
    squares, width, component = 0.0, 1, 0

    def moved(module: Any, args: Any, out: Any) -> Any:
        nonlocal width
        width = out.shape[1]
        both = out.clone()
        both[: len(x), component] += step
        both[len(x) :, component] -= step
        return both

    handle = net.get_submodule(path).register_forward_hook(moved)
    try:
        with torch.no_grad():
            while component < width:
                logits = net(torch.cat([x, x]))
                losses = nn.functional.cross_entropy(logits, torch.cat([y, y]), reduction="none")
                up, down = losses.numpy().reshape(2, -1)
                squares += float((((up - down) / (2 * step * len(x))) ** 2).sum())
                component += 1
    finally:
        handle.remove()
    return float(np.sqrt(squares))


PROBE = Probe(
    question="Are the norms on the charts right?",
    title="Norms computed otherwise",
    definition="Of the nets at init, on the batch of the first step: the norms of dLoss/dx and"
    " dLoss/dW by torch's autograd on the module in float64, and that of dLoss/dx by differences of"
    " the loss, without any derivative. They must be what the charts show at step 0.",
    source="common usage; the two ways are ours",
    cost="A forward and backward pass in float64, and a forward pass for each component of the"
    " signal at each point that is moved.",
    caveat="Differences take a ReLU's kink between their two ends for a slope, and do not see norms"
    " below 1e-7. BatchNorm ties the samples of a batch together: such nets are not moved.",
    knobs=(Knob("points", "int", "Points", "Moved one by one.", 2, low=1, high=10),),
    measure=measure,
)
