"""What does each unit make of one picture, and what do the first filters look for?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

MAX_POINTS = 12


def measure(trained: Trained, lane: int, picture: int, channels: int) -> dict[str, Any]:
    """The signal x at evenly chosen points of one lane's trunk, and the first layer's filters.

    points    for each: path, depth, maps (channels, height, width), lists of numbers; the units of
              a dense net are one map of one row
    filters   the first weighted layer's weights: (n, C, h, w); of a dense net as pictures
    """
    import torch

    if lane >= len(trained.nets):
        raise SpecError(f"lane {lane}: this run has lanes 0 to {len(trained.nets) - 1}")
    images, labels = trained.batches.held_images, trained.batches.held_labels
    if picture >= len(labels):
        raise SpecError(f"picture {picture}: the held-out split has {len(labels)}")
    net, wiring = trained.nets[lane], trained.wirings[lane]
    places = _spread(len(wiring.points), MAX_POINTS)
    points = [wiring.points[i] for i in places]
    seen: dict[str, Any] = {}
    hooks = [
        net.get_submodule(point.path).register_forward_hook(
            lambda module, args, out, path=point.path: seen.__setitem__(path, out[0].cpu())
        )
        for point in points
    ]
    try:
        with torch.no_grad():
            net(trained.batches.standardise(images[picture : picture + 1]))
    finally:
        for hook in hooks:
            hook.remove()
    maps_of_layers = []
    for point in points:
        x = seen[point.path]
        maps = x[:channels] if x.dim() == 3 else x[None, None, :]
        maps_of_layers.append({"path": point.path, "depth": point.depth, "maps": _rounded(maps)})
    return {
        "step": trained.step,
        "image": images[picture].tolist(),
        "label": int(labels[picture]),
        "points": maps_of_layers,
        "filters": _rounded(_filters(trained, lane)[:channels]),
    }


def _filters(trained: Trained, lane: int) -> Any:
    """The first layer's weights as small pictures (n, C, h, w)."""
    path = trained.wirings[lane].layers[0].path
    weight = trained.weight(lane, path).cpu()
    return weight if weight.dim() == 4 else weight.reshape(-1, *trained.batches.images.shape[1:])


def _rounded(values: Any) -> Any:
    """Nested lists, each number to a ten-thousandth of the largest: what a picture needs."""
    from skipviz.engine import exact_sums

    unit = max(float(values.abs().max()), 1e-300) / 1e4
    return [_steps(part, unit) for part in exact_sums.on_host(values)]


def _steps(values: Any, unit: float) -> Any:
    return ((values / unit).round() * unit).tolist()


def _spread(count: int, most: int) -> list[int]:
    """At most so many places, evenly chosen, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


PROBE = Probe(
    question="What does each unit make of one picture, and what do the first filters look for?",
    title="Feature maps and filters",
    definition="The output of up to 12 evenly chosen units for one held-out picture, as it stands"
    " on the trunk; the weights of the first layer, drawn as pictures.",
    source="common usage",
    cost="One forward pass of one picture.",
    caveat="Each map is drawn on a colour scale of its own: brightness cannot be compared between"
    " maps. A map that looks like an edge detector is not proof that the net uses edges.",
    knobs=(
        Knob("lane", "int", "Lane", "Counted from 0.", 0, low=0, high=3),
        Knob("picture", "int", "Picture", "Row of the held-out split.", 0, low=0, high=100_000),
        Knob("channels", "int", "Maps", "How many channels are shown.", 8, low=1, high=64),
    ),
    measure=measure,
)
