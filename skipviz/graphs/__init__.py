"""A net's wiring as a graph in DOT: drawn in the browser, no `dot` program needed.

graphs.net(wiring)                                     the net, repeats collapsed
graphs.net(wiring, zoom="stage", stage="stage2")       one stage
graphs.net(wiring, zoom="unit", unit="stages.1.0")     one unit in full, with all shapes
graphs.diff(plain, resnet)                             two nets, their differences marked
"""

from __future__ import annotations

from typing import Literal

import graphviz

from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.graphs import zooms
from skipviz.graphs.diffs import diff_drawing
from skipviz.graphs.dot import Painter, digraph
from skipviz.graphs.drawing import Drawing

__all__ = ["Zoom", "diff", "drawing", "net"]

Zoom = Literal["net", "stage", "unit"]


def drawing(
    wiring: Wiring, zoom: Zoom = "net", stage: str | None = None, unit: str | None = None
) -> Drawing:
    """What the graph shows. Stages go by key, units by path; left out: a typical one."""
    if zoom == "net":
        return zooms.net(wiring)
    typical = zooms.representative(wiring)
    if zoom == "unit":
        unit_at = {each.path: each for each in wiring.units}
        if unit is not None and unit not in unit_at:
            raise SpecError(f"unit '{unit}': {wiring.name} has no such unit")
        return zooms.unit(wiring, unit_at[unit] if unit else typical)
    stages = {each.key: each for each in wiring.stages}
    if stage is None:
        stage = next(each.key for each in wiring.stages if typical in each.units)
    if stage not in stages:
        raise SpecError(f"stage '{stage}': must be one of {', '.join(stages)}")
    return zooms.stage(wiring, stages[stage])


def net(
    wiring: Wiring,
    zoom: Zoom = "net",
    stage: str | None = None,
    unit: str | None = None,
    dark: bool = False,
) -> graphviz.Digraph:
    """The graph of a net, a stage or a unit."""
    return digraph(drawing(wiring, zoom, stage, unit), Painter(wiring.family, dark))


def diff(a: Wiring, b: Wiring, dark: bool = False) -> graphviz.Digraph:
    """Both nets in one graph: what only `a` has is dashed in a's colour, what only b has in b's."""
    return digraph(diff_drawing(a, b), Painter(b.family, dark, other=a.family))
