"""How many cells are carried, how far, and is that learned?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, samples: int) -> dict[str, Any]:
    """For each lane its numbers at init and now; None where a net has none (gates, equal shapes).

    gated   has the lane transform gates
    init, now   the numbers of `engine.gated.tally`:
        mean, below_01, below_05   T: its mean, and the share of (sample, layer, cell) under 0.1 and
        under 0.5
        selectivity, selective     the deviation of T over samples: mean of cells, share above 0.1
        stripes, stripes_own, lengths, median, mean_length, longest
        correlation, change, first, last, early
    """
    from skipviz.engine import gate_stats

    states = {"init": trained.at_init(), "now": trained}
    lanes = [
        {"gated": bool(wiring.gates)}
        | {name: gate_stats.carried(state, lane, samples) for name, state in states.items()}
        for lane, wiring in enumerate(trained.wirings)
    ]
    return {"step": trained.step, "lanes": lanes}


PROBE = Probe(
    question="How many cells are carried, how far, and is that learned?",
    title="Carried cells",
    definition="Share of cells with T < 0.1 and T < 0.5, over all samples, layers and cells."
    " Stripes: the share of cells that a layer changes by at most 0.1 sd, where sd is the deviation"
    " of the net's signal over samples, layers and cells, as a picture of the outputs has one"
    " colour scale; measured too against the sd of each layer's own input. Stripe length: through"
    " how many layers in a row a cell stays within 0.1 sd of the value it had before the first of"
    " them; of each cell of each sample its longest. Selectivity: the deviation of a cell's T over"
    " samples. Correlation: of a layer's input and output over samples and cells. Change:"
    " ‖y − x‖ / ‖x‖, mean over the first and over the last third of the layers.",
    source="Srivastava et al. 2015 (arXiv 1507.06228), section 4 and Fig. 2; the thresholds are"
    " ours",
    cost="Two forward passes of each lane over the samples.",
    caveat="Compare with the same numbers at init: most stripes are the gate bias's doing. In a net"
    " whose signal fades with depth, the last layers change little by that alone; measured against"
    " each layer's own sd that does not count. Other thresholds give other shares.",
    knobs=(Knob("samples", "int", "Samples", "Of the training split.", 2000, low=2, high=100_000),),
    measure=measure,
)
