"""Where `auto` trains: a kind of net, what was measured of it on each device here, and a choice.

    kind(experiment)              "thin", "wide" or "convolutional"
    Placing(steps, why)           what was measured; `choice` and `sentence` of a kind
    Placing.from_json(value)      as a worker says it, or as it lies in the cache
    alike(stored, wanted)         whether a stored run is of the experiment that a form says

Hundreds of tiny products a step lose to the overhead of a GPU; convolutions gain by it. How wide a
dense net must be for that depends on the machine: one calibration measures it
(`engine.calibration`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture

KINDS = ("thin", "wide", "convolutional")
WIDE = 256
"""Units of a layer from which on a dense net counts as wide."""

NETS = {
    "thin": f"dense nets of under {WIDE} units",
    "wide": f"dense nets of {WIDE} units or more",
    "convolutional": "convolutional nets",
}
NAMES = {"cpu": "the CPU", "cuda": "the GPU", "mps": "the GPU"}


def kind(experiment: Experiment) -> str:
    """The kind of an experiment's nets; all of its lanes train on one device, so that one
    convolutional lane, and after it a wide one, decides."""
    settings = [lane.settings(experiment.dataset) for lane in experiment.lanes]
    if any(each["backbone"] != "dense" for each in settings):
        return "convolutional"
    return "wide" if max(_units(lane, experiment) for lane in experiment.lanes) >= WIDE else "thin"


def _units(lane: Lane, experiment: Experiment) -> int:
    """Units of a dense net's widest signal; a dense block's grows with each layer."""
    settings = lane.settings(experiment.dataset)
    if "width" in settings:
        return int(settings["width"])
    wiring = architecture(lane.family).wiring(settings)
    return int(max(unit.body.input_shape[0] for unit in wiring.units[1:]))


def alike(stored: Experiment, wanted: Experiment | None) -> bool:
    """Are the two the same? A stored run says which device was chosen where a form says `auto`."""
    if wanted is None or wanted.device != "auto":
        return stored == wanted
    return stored == wanted.with_(device=stored.device)


@dataclass(frozen=True)
class Placing:
    """What is known of the devices here.

    devices   those that can train, the GPU first
    steps     of each kind, the seconds of one step on each device; without the kinds that were not
              measured
    why       why a kind was not measured; "" where all were, or where there is nothing to choose
    """

    devices: Sequence[str] = ("cpu",)
    steps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    why: str = ""

    def choice(self, kind: str) -> str:
        """The device for nets of a kind: the faster; unmeasured, the CPU for thin dense nets and
        the GPU for all others."""
        measured = self.steps.get(kind, {})
        if set(measured) == set(self.devices):
            return min(self.devices[::-1], key=measured.__getitem__)  # as fast as another: the CPU
        return "cpu" if kind == "thin" else self.devices[0]

    def sentence(self, kind: str) -> str:
        """Why nets of this kind train where they do."""
        chosen, measured = self.choice(kind), self.steps.get(kind, {})
        if len(self.devices) < 2:
            return f"trains on {NAMES[chosen]}: there is no other device here"
        other = next(device for device in self.devices if device != chosen)
        if set(measured) != set(self.devices):
            reason = self.why or "not measured yet"
            return f"trains on {NAMES[chosen]}, as is usual for {NETS[kind]} ({reason})"
        times = measured[other] / measured[chosen]
        fast = f"{times:.0f}×" if times >= 3 else f"{times:.1f}×"
        return f"trains on {NAMES[chosen]}: {fast} as fast as {NAMES[other]} on {NETS[kind]}"

    def with_device(self, experiment: Experiment) -> Experiment:
        """The experiment with `auto` replaced by its device; one chosen by hand stays."""
        if experiment.device != "auto":
            return experiment
        return experiment.with_(device=self.choice(kind(experiment)))

    def to_json(self) -> dict[str, Any]:
        steps = {kind: dict(each) for kind, each in self.steps.items()}
        return {"devices": list(self.devices), "steps": steps, "why": self.why}

    @classmethod
    def from_json(cls, value: Any) -> Placing:
        """The inverse of `to_json`. ValueError for anything else."""
        try:
            devices = tuple(str(each) for each in value["devices"])
            steps = {
                str(kind): {str(device): float(seconds) for device, seconds in each.items()}
                for kind, each in value["steps"].items()
            }
            why = str(value["why"])
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no placing: {error}") from None
        if not devices or not set(devices) <= set(NAMES):
            raise ValueError(f"no placing: devices {devices}")
        return cls(devices, steps, why)
