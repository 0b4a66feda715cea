"""A run's nets as training left them, for probes to measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import nn

from skipviz.core import schedule
from skipviz.core.declarations import Probe
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.wiring import Wiring
from skipviz.engine import device as devices
from skipviz.engine.batches import Batches
from skipviz.engine.device_choice import with_device
from skipviz.engine.evaluate import Evaluator
from skipviz.engine.nets import make_net
from skipviz.engine.optimise import clip, optimiser


@dataclass(frozen=True)
class Trained:
    """The nets of an experiment's lanes for one of its seeds, in evaluation mode, after `step`
    updates, BatchNorm's statistics re-estimated.

    seed_index   which of the experiment's seeds: its first plus `seed_index`
    Measured on the data that they were trained on: `batches` holds both splits.
    """

    experiment: Experiment
    step: int
    nets: list[nn.Module]
    wirings: list[Wiring]
    batches: Batches
    seed_index: int = 0

    @property
    def device(self) -> torch.device:
        return self.batches.device

    @property
    def seed(self) -> int:
        return self.experiment.seed + self.seed_index

    def at_init(self) -> Trained:
        """The same nets before any update, built again from their seed."""
        nets = [self.fresh(lane) for lane in range(len(self.nets))]
        for net in nets:
            Evaluator(self.batches).reestimate_batchnorm(net)
            net.eval()
        return replace(self, step=0, nets=nets)

    def fresh(self, lane: int) -> nn.Module:
        """The net of a lane at init, in training mode."""
        net = make_net(self.experiment.lanes[lane], self.experiment.dataset, self.seed)
        return net.to(self.device)

    def weight(self, lane: int, path: str) -> torch.Tensor:
        """The weight of the layer at `path`, detached."""
        tensor: Any = self.nets[lane].get_submodule(path).weight
        weight: torch.Tensor = tensor.detach()
        return weight

    def ask(self, declared: Probe, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a probe measures on these nets. SpecError.

        Dense nets on one thread: two that share small products wait for each other wherever a core
        is busy, and take twenty times as long.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1 if devices.thin(self.experiment) else threads)
        try:
            return declared.measure(self, **declared.options(options))
        finally:
            torch.set_num_threads(threads)

    def losses_of(self, net: nn.Module, first: int, steps: int) -> list[float]:
        """The loss at each of so many steps, from step `first` on, in which `net` is trained where
        and as precisely as its weights lie, with the run's optimiser, batches, clipping and
        learning rates: behind the run's last step the rate stays what it was there."""
        experiment = self.experiment
        weights: list[torch.Tensor] = list(net.train().parameters())
        learner, losses = optimiser(experiment, weights), []
        for step in range(first, first + steps):
            learner.lr = schedule.rate(experiment, min(step, experiment.steps - 1))
            x, y = self.batches.batch(step, self.seed)
            loss = nn.functional.cross_entropy(net(x.to(weights[0])), y.to(weights[0].device))
            net.zero_grad(set_to_none=True)
            loss.backward()
            if experiment.clip:
                clip(weights, experiment.clip)
            learner.step()
            losses.append(loss.item())
        return losses

    @torch.no_grad()
    def logits(self, lane: int, images: torch.Tensor, batch: int = 512) -> torch.Tensor:
        """Logits (n, classes) on the CPU of uint8 images (n, C, H, W)."""
        net = self.nets[lane]
        parts = [net(self.batches.standardise(part)).cpu() for part in images.split(batch)]
        return torch.cat(parts)


def load(folder: Path, seed_index: int = 0) -> Trained:
    """The newest checkpoint of a stored run, one seed of it; SpecError where there is none that can
    be read."""
    experiment = Experiment.from_json((folder / "experiment.json").read_bytes())
    device = devices.pick(with_device(experiment).device)
    path = folder / "checkpoint.pt"
    if not path.is_file():
        raise SpecError(
            "run: it has no saved weights yet; they are saved every few seconds and at the end"
        )
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, UnpicklingError) as error:
        raise SpecError(f"run: its saved weights cannot be read ({type(error).__name__})") from None
    return restore(experiment, saved, Batches(experiment, device), seed_index)


def restore(
    experiment: Experiment, saved: dict[str, Any], batches: Batches, seed_index: int
) -> Trained:
    """One seed's nets from the state of a training (`Training.state()`, or a checkpoint)."""
    if not 0 <= seed_index < experiment.seeds:
        raise SpecError(
            f"seed number {seed_index}: this run has {experiment.seeds}, counted from 0"
        )
    nets, wirings, evaluator = [], [], Evaluator(batches)
    for lane, trainers in zip(experiment.lanes, saved["lanes"], strict=True):
        net = make_net(lane, experiment.dataset, experiment.seed + seed_index).to(batches.device)
        net.load_state_dict(trainers[seed_index]["net"])
        evaluator.reestimate_batchnorm(
            net
        )  # a checkpoint from the midst of a run has statistics that lag
        nets.append(net.eval())
        wirings.append(lane.wiring(experiment.dataset))
    return Trained(experiment, saved["step"], nets, wirings, batches, seed_index)
