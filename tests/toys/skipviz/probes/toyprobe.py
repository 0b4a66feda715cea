"""How large are a net's weights, layer by layer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, first: int) -> dict[str, Any]:
    """For each lane, of its first `first` weighted layers: `depth`, `weight_norm` (L2), and the
    `largest` of the norms."""
    from skipviz.engine.exact_sums import norms

    lanes = []
    for lane, wiring in enumerate(trained.wirings):
        layers = wiring.layers[:first]
        sizes = norms([trained.weight(lane, layer.path) for layer in layers]).tolist()
        depth = [layer.depth for layer in layers]
        lanes.append({"depth": depth, "weight_norm": sizes, "largest": max(sizes)})
    return {"step": trained.step, "lanes": lanes}


PROBE = Probe(
    question="How large are a net's weights?",
    title="Toy weights",
    definition="The L2 norm of the weights of each layer.",
    source="common usage",
    cost="One pass over the weights.",
    caveat="A norm says nothing of what the weights do.",
    knobs=(Knob("first", "int", "Layers", "So many of the first.", 100, low=1, high=1202),),
    measure=measure,
)
