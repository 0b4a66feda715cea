"""A run's nets as training left them, for probes to measure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from skipviz.engine import device as devices
from skipviz.engine.feed import Feed
from skipviz.engine.nets import make_net
from skipviz.spec import Experiment, SpecError, architecture
from skipviz.wiring import Wiring


@dataclass(frozen=True)
class Trained:
    """The nets of an experiment's lanes (first seed), in evaluation mode, after `step` updates.

    Measured on the data that they were trained on: `feed` holds both splits.
    """

    experiment: Experiment
    step: int
    nets: list[nn.Module]
    wirings: list[Wiring]
    feed: Feed

    @property
    def device(self) -> torch.device:
        return self.feed.device

    def weight(self, lane: int, path: str) -> torch.Tensor:
        """The weight of the layer at `path`, detached."""
        found: Any = self.nets[lane].get_submodule(path).weight
        weight: torch.Tensor = found.detach()
        return weight

    @torch.no_grad()
    def logits(self, lane: int, images: torch.Tensor, batch: int = 512) -> torch.Tensor:
        """Logits (n, classes) on the CPU of uint8 images (n, C, H, W)."""
        net = self.nets[lane]
        parts = [net(self.feed.standardise(part)).cpu() for part in images.split(batch)]
        return torch.cat(parts)


def load(folder: Path) -> Trained:
    """The newest checkpoint of a stored run; SpecError where there is none that can be read."""
    experiment = Experiment.from_json((folder / "experiment.json").read_bytes())
    device = devices.pick(experiment.device)
    path = folder / "checkpoint.pt"
    if not path.is_file():
        raise SpecError(
            "run: it has no saved weights yet; they are saved every few seconds and at the end"
        )
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise SpecError(f"run: its saved weights cannot be read ({type(error).__name__})") from None
    nets, wirings = [], []
    for lane, pupils in zip(experiment.lanes, saved["lanes"], strict=True):
        net = make_net(lane, experiment.dataset, experiment.seed).to(device)
        net.load_state_dict(pupils[0]["net"])
        nets.append(net.eval())
        wirings.append(architecture(lane.family).wiring(lane.settings(experiment.dataset)))
    feed = Feed(experiment, device)
    return Trained(experiment, saved["step"], nets, wirings, feed)
