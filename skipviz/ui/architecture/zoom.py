"""How near one looks at a net: the whole, a stage, a unit; and what a click leads to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import graphviz

from skipviz import graphs
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Stage, Unit, Wiring
from skipviz.graphs.drawing import shape_text
from skipviz.graphs.zooms import representative


@dataclass(frozen=True)
class Zoom:
    """A place in a net: `at` is "" for the whole, a stage's key, or a unit's path."""

    wiring: Wiring
    at: str = ""

    def __post_init__(self) -> None:
        if self.at and self.unit is None and self.stage is None:
            raise SpecError(f"at '{self.at}': {self.wiring.name} has no such stage or unit")

    @cached_property
    def _units(self) -> dict[str, Unit]:
        return {unit.path: unit for unit in self.wiring.units}

    @cached_property
    def unit(self) -> Unit | None:
        """The unit that is looked into, if it is one. Stem and head are units."""
        return self._units.get(self.at)

    @cached_property
    def stage(self) -> Stage | None:
        """The stage that is looked into, or that the unit belongs to."""
        for stage in self.wiring.stages:
            inside = self.unit is not None and self.unit in stage.units
            if (stage.key == self.at and self.unit is None) or (inside and self._is_in(stage)):
                return stage
        return None

    def _is_in(self, stage: Stage) -> bool:
        return any(unit.path == self.at for unit in stage.units)

    @property
    def shown_unit(self) -> Unit:
        """The unit whose code and formula stand beside the graph."""
        if self.unit is not None:
            return self.unit
        if self.stage is not None:
            return self.stage.units[-1] if len(self.stage.units) == 1 else self.stage.units[1]
        return representative(self.wiring)

    def dot(self, dark: bool) -> graphviz.Digraph:
        if self.unit is not None:
            return graphs.net(self.wiring, zoom="unit", unit=self.at, dark=dark)
        if self.stage is not None:
            return graphs.net(self.wiring, zoom="stage", stage=self.at, dark=dark)
        return graphs.net(self.wiring, dark=dark)

    def targets(self) -> dict[str, tuple[str, str]]:
        """What can be clicked, by the graph's own name for it: (where it leads, in words)."""
        if self.unit is not None:
            return {}
        if self.stage is not None:
            drawing = graphs.drawing(self.wiring, "stage", stage=self.at)
        else:
            drawing = graphs.drawing(self.wiring)
        zooms = {}
        stages = {stage.key: stage.title for stage in self.wiring.stages}
        typical = representative(self.wiring).path
        for key, title, _ in drawing.clusters:
            path = typical if key == "one" else key
            words = f"Open {stages.get(key, title)}"
            zooms[f"cluster_{key}"] = (path, words)
        for node in drawing.nodes:
            owner = typical if node.id in drawing.aside else self._owner(node.id)
            if owner:
                zooms[node.id] = (owner, f"Open {self._units[owner].body.title} {owner}")
        return zooms

    def _owner(self, node_id: str) -> str:
        """The unit that a node belongs to: its own path, or the start of it."""
        parts = node_id.split(".")
        names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        return next((name for name in names if name in self._units), "")

    def crumbs(self) -> list[tuple[str, str]]:
        """The way from the whole net to here: (words, place)."""
        way = [(self.wiring.name, "")]
        stage, unit = self.stage, self.unit
        if stage is not None and len(stage.units) > 1:
            way.append((stage.title, stage.key))
        if unit is not None:
            number = ""
            if stage is not None and len(stage.units) > 1:
                i = next(i for i, each in enumerate(stage.units) if each.path == unit.path)
                number = f" {i + 1} of {len(stage.units)}"
            way.append((unit.body.title + number, unit.path))
        elif stage is not None and len(stage.units) == 1:
            way.append((stage.title, stage.key))
        return way

    def words(self) -> str:
        """What the graph shows, for those who do not see it."""
        title = ", ".join(text for text, _ in self.crumbs())
        end = self.shown_unit.body.output_shape if self.unit else self.wiring.output_shape
        return f"Graph of {title}, with output {shape_text(end)}"


def nearest_zoom(wiring: Wiring, at: str) -> Zoom:
    """The place `at`, or the whole net where there is no such place in this one."""
    try:
        return Zoom(wiring, at)
    except SpecError:
        return Zoom(wiring)
