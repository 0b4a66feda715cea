"""A step of all convolutional lanes as one CUDA graph: launched in one piece, each lane on a stream
of its own.

A graph repeats kernels on the very memory that they were recorded with, and nothing of Python runs
meanwhile (PyTorch, "CUDA semantics", section "CUDA graphs"). So what changes from step to step
stands in tensors that are written to before each replay: the batch, which is cut and mirrored on
the device before, the learning rate, the step. A net whose loss is not finite is stopped on the
device, and the host learns of it with the next reading. The first steps run eagerly, on the streams
that are recorded later: libraries choose their kernels and autograd remembers its streams. If
recording fails, all steps do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from skipviz.engine.optimise import Sgd, gradients
from skipviz.spec import Experiment

if TYPE_CHECKING:
    from skipviz.engine.training import Pupil

WARM_STEPS = 4
"""Eager steps before the recording; PyTorch asks for three."""

Result = TypeVar("Result")
Body = Callable[[], None]
Batch = tuple[Tensor, Tensor]
"""Images (B, C, H, W) and labels (B,) of one seed."""


def claims(experiment: Experiment, device: torch.device) -> bool:
    """Can steps be recorded? On CUDA, by SGD: Adam's corrections change with every step, and the
    norm that clipping compares must not leave the device."""
    by_sgd = experiment.optimiser in ("sgd", "nesterov") and not experiment.clip
    return device.type == "cuda" and by_sgd


class Captured:
    """Steps of several nets, each on the batch of its seed. `failure` says why they run eagerly."""

    def __init__(
        self, pupils: Sequence[Pupil], record: Callable[[Body], Body] | None = None
    ) -> None:
        """record: makes of a step what repeats it; by default a CUDA graph."""
        self.pupils, self.record = list(pupils), record or recorded
        self.failure = ""
        self.steps = 0
        device = next(self.pupils[0].net.parameters()).device
        on_cuda = device.type == "cuda"
        self.streams = [torch.cuda.Stream(device) if on_cuda else None for _ in self.pupils]
        self._replay: Body | None = None

    @property
    def captured(self) -> bool:
        return self._replay is not None

    def learn(self, batches: Sequence[Batch], step: int, measure: bool) -> list[np.ndarray | None]:
        """One update of every net on the batch of its turn; where measured, its reading."""
        self.steps += 1
        if self._replay is None and self.steps > WARM_STEPS and not self.failure:
            self._capture(batches)
        if self._replay is None:
            # measured in any case: a reading makes tensors that the recording must find
            jobs = [partial(p.learn, *batches[p.turn], step, True) for p in self.pupils]
            reads = apart(self.streams, jobs)
            return reads if measure else [None] * len(reads)
        for (x, y), (new_x, new_y) in zip(self.batches, batches, strict=True):
            x.copy_(new_x)
            y.copy_(new_y)
        self.lr.fill_(self.pupils[0].optimiser.lr)
        self.step.fill_(step)
        self._replay()
        return self._readings() if measure else [None] * len(self.pupils)

    # --- what is recorded

    def _capture(self, batches: Sequence[Batch]) -> None:
        device = batches[0][0].device
        self.batches = [(x.clone(), y.clone()) for x, y in batches]
        self.lr = torch.zeros((), device=device)
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        never = [-1 if p.diverged_at is None else p.diverged_at for p in self.pupils]
        self.ended = list(torch.tensor(never, device=device).unbind())
        self.reads: list[Tensor] = [torch.empty(0)] * len(self.pupils)
        try:
            self._replay = self.record(self._body)
        except RuntimeError as error:
            self.failure = str(error).splitlines()[0]
            warnings.warn(f"CUDA graph: {self.failure}; training runs without it", stacklevel=2)
            for pupil in self.pupils:
                pupil.net.zero_grad(set_to_none=True)

    def _body(self) -> None:
        """A step of all nets, on nothing but tensors that stay where they are."""
        apart(self.streams, [partial(self._step, i, p) for i, p in enumerate(self.pupils)])

    def _step(self, i: int, pupil: Pupil) -> None:
        x, y = self.batches[pupil.turn]
        pupil.instruments.watch()
        x = x.contiguous(memory_format=pupil.layout)
        # casts that autocast kept from an eager step would be recorded as constants
        with torch.autocast(x.device.type, torch.bfloat16, enabled=pupil.half, cache_enabled=False):
            logits = pupil.net(x)
            loss = nn.functional.cross_entropy(logits, y)
        pupil.net.zero_grad(set_to_none=True)
        loss.backward()
        error = (logits.argmax(1) != y).double().mean()
        loss = loss.detach()
        ends = (self.ended[i] < 0) & ~loss.isfinite()
        self.ended[i].copy_(torch.where(ends, self.step, self.ended[i]))
        reading = pupil.instruments.reading()
        head = torch.stack([self.ended[i].double(), loss.double(), error])
        self.reads[i] = torch.cat([head, reading])
        assert isinstance(pupil.optimiser, Sgd)
        update(pupil.optimiser, self.lr, self.ended[i] < 0)

    def _readings(self) -> list[np.ndarray | None]:
        """Each net's loss, error and reading: the only place where the host waits."""
        rows = torch.cat(self.reads).cpu().numpy()
        found = np.split(rows, np.cumsum([len(read) for read in self.reads])[:-1])
        for pupil, row in zip(self.pupils, found, strict=True):
            if row[0] >= 0 and pupil.diverged_at is None:
                pupil.diverged_at = int(row[0])
        return [row[1:] for row in found]


@torch.no_grad()
def update(optimiser: Sgd, lr: Tensor, alive: Tensor) -> None:
    """The update of optimise.Sgd with the learning rate in a tensor; where not `alive`, none."""
    weights, velocity = optimiser.weights, optimiser.velocity
    grads = gradients(weights, optimiser.weight_decay)
    torch._foreach_mul_(velocity, optimiser.momentum)
    torch._foreach_add_(velocity, grads)
    ahead = velocity
    if optimiser.nesterov:
        ahead = list(torch._foreach_add(grads, velocity, alpha=optimiser.momentum))
    for weight, direction in zip(weights, ahead, strict=True):
        weight.copy_(torch.where(alive, weight - lr * direction, weight))


def apart(
    streams: Sequence[torch.cuda.Stream | None], jobs: Sequence[Callable[[], Result]]
) -> list[Result]:
    """What the jobs return, each done on its stream: all start after what came before, and what
    comes after waits for all. Without streams they are done in turn."""
    own = [stream for stream in streams if stream is not None]
    if not own:
        return [job() for job in jobs]
    main, found = torch.cuda.current_stream(), []
    for stream, job in zip(own, jobs, strict=True):
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            found.append(job())
    for stream in own:
        main.wait_stream(stream)
    return found


def recorded(body: Body) -> Body:
    """A CUDA graph of `body`, ready to be replayed; RuntimeError where it cannot be recorded."""
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        body()
    return graph.replay
