"""The module engine: trains the reference modules of all lanes in lock-step and measures every
step.

B batch size, S seeds. Step k is measured before its update: frame 0 is the net at init.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from skipviz.engine import device as devices
from skipviz.engine.feed import Feed
from skipviz.engine.instruments import Instruments
from skipviz.engine.nets import make_net
from skipviz.engine.optimise import Adam, Sgd
from skipviz.frame import Frame, LaneFrame
from skipviz.spec import Experiment, Lane, architecture

MAPS_PER_RUN = 100
"""At most so many gate maps are recorded in a run, at evenly spaced steps."""


class Pupil:
    """One net of one lane and one seed, with its optimiser and instruments."""

    def __init__(self, experiment: Experiment, lane: Lane, seed: int, device: torch.device) -> None:
        settings = lane.settings(experiment.dataset)
        self.net = make_net(lane, experiment.dataset, seed).to(device)
        self.instruments = Instruments(self.net, architecture(lane.family).wiring(settings))
        self.optimiser = _optimiser(experiment, self.net)
        self.diverged_at: int | None = None

    def learn(
        self, x: torch.Tensor, y: torch.Tensor, step: int, measure: bool
    ) -> np.ndarray | None:
        """One update on the batch x (B, C, H, W), y (B,); where measured: loss, error and the
        instruments' reading.

        A net whose loss is not finite is left as it is: it learns no more, and its readings stay
        as they come.
        """
        if measure:
            self.instruments.watch()
        logits = self.net(x)
        loss = nn.functional.cross_entropy(logits, y)
        self.net.zero_grad(set_to_none=True)
        loss.backward()
        read = self._read(loss, logits, y) if measure else None
        finite = math.isfinite(read[0]) if read is not None else bool(loss.isfinite())
        if not finite and self.diverged_at is None:
            self.diverged_at = step
        if self.diverged_at is None:
            self.optimiser.step()
        return read

    def _read(self, loss: torch.Tensor, logits: torch.Tensor, y: torch.Tensor) -> np.ndarray:
        error = (logits.argmax(1) != y).float().mean()
        instruments = self.instruments.reading()
        head = torch.stack([loss.detach(), error]).to(instruments.device).to(instruments.dtype)
        return torch.cat([head, instruments]).cpu().numpy()

    def state(self) -> dict[str, Any]:
        """Weights and optimiser state: tensors and numbers only."""
        return {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state(),
            "diverged_at": self.diverged_at,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimiser.load(state["optimiser"])
        self.diverged_at = state["diverged_at"]


def _optimiser(experiment: Experiment, net: nn.Module) -> Sgd | Adam:
    weights: list[torch.Tensor] = list(net.parameters())
    if experiment.optimiser == "adam":
        return Adam(weights, experiment.lr, experiment.weight_decay)
    return Sgd(weights, experiment.lr, experiment.weight_decay, experiment.momentum)


class Training:
    """An experiment under way. `frames()` yields what is recorded; `state()` and `load()` carry it
    over a break."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.device = devices.pick(experiment.device)
        self.step = 0
        self._seeds = range(experiment.seed, experiment.seed + experiment.seeds)
        self.feed = Feed(experiment, self.device)
        self.lanes = [
            [Pupil(experiment, lane, seed, self.device) for seed in self._seeds]
            for lane in experiment.lanes
        ]
        self._map_every = max(1, math.ceil(experiment.steps / MAPS_PER_RUN))
        self._sample = self.feed.pictures(slice(0, 1))

    def frames(self) -> Iterator[Frame]:
        """Every recorded step from the present one on."""
        threads = torch.get_num_threads()
        torch.set_num_threads(devices.threads(self.experiment))
        try:
            with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
                while self.step < self.experiment.steps:
                    frame = self._advance()
                    if frame is not None:
                        yield frame
        finally:
            torch.set_num_threads(threads)

    def _advance(self) -> Frame | None:
        """One step of every net; the frame where the step is recorded."""
        step = self.step
        record = step % self.experiment.record_every == 0 or step == self.experiment.steps - 1
        maps = record and step % self._map_every < self.experiment.record_every
        batches = [self.feed.batch(step, seed) for seed in self._seeds]
        lanes = []
        for pupils in self.lanes:
            drawn = (
                pupils[0].instruments.maps(self._sample)
                if maps and _gated(pupils)
                else (None, None)
            )
            reads = [
                pupil.learn(x, y, step, record)
                for pupil, (x, y) in zip(pupils, batches, strict=True)
            ]
            if record:
                lanes.append(self._lane_frame(pupils, reads, drawn))
        self.step += 1
        return Frame(step=step, lanes=tuple(lanes)) if record else None

    def _lane_frame(
        self, pupils: list[Pupil], reads: list[Any], drawn: tuple[Any, Any]
    ) -> LaneFrame:
        one = self.experiment.seeds == 1
        parts = [
            pupil.instruments.split(read[2:]) for pupil, read in zip(pupils, reads, strict=True)
        ]
        fields = {
            name: parts[0][name] if one else np.stack([p[name] for p in parts]) for name in parts[0]
        }
        loss, error = (
            float(reads[0][i]) if one else np.array([read[i] for read in reads]) for i in range(2)
        )
        diverged = [pupil.diverged_at for pupil in pupils if pupil.diverged_at is not None]
        return LaneFrame(
            loss=loss,
            error=error,
            gate_map=drawn[0],
            output_map=drawn[1],
            diverged_at=min(diverged, default=None),
            **fields,
        )

    def state(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors, numbers and strings (loadable with torch's
        weights_only)."""
        return {
            "step": self.step,
            "experiment": self.experiment.to_json(),
            "random": torch.get_rng_state(),
            "lanes": [[pupil.state() for pupil in pupils] for pupils in self.lanes],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from `state()` of the same experiment."""
        self.step = state["step"]
        torch.set_rng_state(state["random"])
        for pupils, states in zip(self.lanes, state["lanes"], strict=True):
            for pupil, saved in zip(pupils, states, strict=True):
                pupil.load(saved)


def _gated(pupils: list[Pupil]) -> bool:
    return bool(pupils[0].instruments.wiring.gates)


def train(experiment: Experiment) -> Iterator[Frame]:
    """Trains an experiment and yields one Frame for each recorded step.

    All randomness comes from the seed: two runs of one experiment on one machine give identical
    frames.
    """
    yield from Training(experiment).frames()
