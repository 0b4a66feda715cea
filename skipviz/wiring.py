"""A net as a drawing: units, operations, joins and shapes, without torch.

A family's `wiring(settings)` makes one `Wiring`; the graph, the shape table, the counts and the axes of every chart are
read from it, and tests compare it with the real module, so that the drawing cannot lie.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A place in a net that charts name: the path of its module and the depth (1 = first weighted layer) it sits at."""

    path: str
    depth: int
