"""One net of one seed under training, with its instruments: the module engine's unit of work."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.engine import device as devices
from skipviz.engine import exact_sums
from skipviz.engine.instruments import Instruments
from skipviz.engine.nets import make_net
from skipviz.engine.optimise import Adam, Sgd, clip, optimiser
from skipviz.engine.precise_layers import DROPOUT, carefully
from skipviz.engine.thread_pool import draws


class NetTrainer:
    """One net of one lane and one seed, the experiment's first plus `seed_index`, with instruments.

    Trained by itself as the reference module that it is, unless it stands in a stack.
    """

    def __init__(
        self, experiment: Experiment, lane: Lane, seed_index: int, device: torch.device
    ) -> None:
        self.seed_index = seed_index
        self.seed = seed = experiment.seed + seed_index
        settings = lane.settings(experiment.dataset)
        wiring = architecture(lane.family).wiring(settings)
        self.half = settings["backbone"] != "dense" and experiment.precision == "bfloat16"
        self.layout = torch.contiguous_format
        if settings["backbone"] != "dense":
            values = experiment.batch_size * math.prod(settings["input_shape"][1:])
            self.layout = devices.layout(
                device, gated=bool(wiring.gates), half=self.half, values=values
            )
        net = make_net(lane, experiment.dataset, seed)
        self.net = net.to(device).to(memory_format=self.layout)
        self.draws = draws(net)
        self.step = 0
        on_cpu = device.type == "cpu"
        carefully(
            self.net, last=on_cpu and self.layout == torch.channels_last, half=self.half,
            draw=self._stream if on_cpu else None,
        )  # fmt: skip
        self.instruments = Instruments(self.net, wiring)
        self.experiment = experiment
        self.diverged_at: int | None = None

    @cached_property
    def optimiser(self) -> Sgd | Adam:
        """Made when it is needed: a net in a stack needs none."""
        return optimiser(self.experiment, list(self.net.parameters()))

    def _stream(self, *key: int) -> np.random.Generator:
        """What layers draw from at the present step, on the CPU; `key` tells them apart."""
        return np.random.default_rng([self.seed, self.step, *key])

    def learn(
        self, x: torch.Tensor, y: torch.Tensor, step: int, measure: bool
    ) -> np.ndarray | None:
        """One update on the batch x (B, C, H, W), y (B,); where measured: loss, error and the
        instruments' reading.

        A net whose loss is not finite is left as it is: it learns no more, and its readings stay
        as they come. What chance takes out does not depend on what is trained beside the net.
        """
        self.step = step
        if self.draws and x.device.type != "cpu":
            torch.manual_seed(dropout_seed(self.seed, step))
        if measure:
            self.instruments.watch()
        logits, loss = self.differentiate(x, y)
        read = exact_sums.on_host(self.reading(loss, logits, y)) if measure else None
        finite = math.isfinite(read[0]) if read is not None else bool(loss.isfinite())
        if not finite and self.diverged_at is None:
            self.diverged_at = step
        if self.diverged_at is None:
            if self.experiment.clip:
                clip(self.optimiser.weights, self.experiment.clip)
            self.optimiser.step()
        return read

    def differentiate(
        self, x: torch.Tensor, y: torch.Tensor, keep_casts: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and loss on a batch; the weights hold its gradients. `keep_casts`: autocast keeps
        what it has cast until the pass is over."""
        x = x.contiguous(memory_format=self.layout)
        kind, half = x.device.type, self.half
        with torch.autocast(kind, torch.bfloat16, enabled=half, cache_enabled=keep_casts):
            logits = self.net(x)
            loss = nn.functional.cross_entropy(logits, y)
        self.net.zero_grad(set_to_none=True)
        loss.backward()
        return logits, loss.detach()

    def reading(self, loss: torch.Tensor, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Loss, error and the instruments' reading, in the widest kind of the device, and there."""
        error = (logits.argmax(1) != y).float().mean()
        instruments = self.instruments.reading()
        head = torch.stack([loss, error]).to(instruments.device).to(instruments.dtype)
        return torch.cat([head, instruments])

    def state(self) -> dict[str, Any]:
        """Weights and optimiser state: tensors and numbers only."""
        alone = "optimiser" in vars(self)
        return {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state() if alone else None,
            "diverged_at": self.diverged_at,
        }

    def load(self, state: dict[str, Any], *, alone: bool) -> None:
        """Goes on from `state()`. `alone`: with its optimiser; a stack has one for its nets."""
        self.net.load_state_dict(state["net"])
        if alone and state["optimiser"] is not None:
            self.optimiser.load(state["optimiser"])
        self.diverged_at = state["diverged_at"]


def dropout_seed(seed: int, step: int) -> int:
    """What torch's generator on a GPU starts from at a step: what dropout and stochastic depth take
    out depends on nothing else."""
    return int(np.random.SeedSequence([seed, step, DROPOUT]).generate_state(1, np.uint64)[0])
