"""The axes of an experiment's charts: which lanes there are, and the layers each of them has."""

from __future__ import annotations

from skipviz.core.experiment import Experiment
from skipviz.core.lane_names import families, labels
from skipviz.core.map_plan import pictures
from skipviz.store.frame_log import LaneAxes


def lane_axes(experiment: Experiment) -> list[LaneAxes]:
    """One Track for each lane, read from its wiring."""
    axes = []
    lanes_and_names = zip(experiment.lanes, labels(experiment), families(experiment), strict=True)
    plans = pictures(experiment)
    for (lane, label, family), picture in zip(lanes_and_names, plans, strict=True):
        wiring = lane.wiring(experiment.dataset)
        axes.append(
            LaneAxes(
                label=label,
                family=family,
                points=[(point.path, point.depth) for point in wiring.points],
                layers=[(layer.path, layer.depth) for layer in wiring.layers],
                gates=[(gate.path, gate.depth) for gate in wiring.gates],
                cells=picture.cells if picture else 0,
                seeds=experiment.seeds,
                held_out=experiment.evaluate_every > 0,
                units=[(unit.path, unit.depth) for unit in picture.units] if picture else [],
                samples=picture.samples if picture else 0,
                averaged=picture.averaged if picture else 0,
                bias=picture.bias if picture else None,
            )
        )
    return axes


__all__ = ["families", "labels", "lane_axes"]
