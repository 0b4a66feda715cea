"""A step of all convolutional lanes as one CUDA graph: launched in one piece, each lane on a stream
of its own.

A graph repeats kernels on the very memory that they were recorded with, and nothing of Python runs
meanwhile (PyTorch, "CUDA semantics", section "CUDA graphs"). So what changes from step to step
stands in tensors that are written to before each replay: what chance decides of the batches, the
learning rate, the step. The graph picks, cuts and mirrors the batches, and makes forward pass,
backward pass, norms, clipping and update. Readings go to a table on the device, which the host
reads when it is full or somebody wants to see: it does not wait in between. A net whose loss is not
finite is stopped on the device.

The first steps run the same code eagerly, on the streams that are recorded later: libraries choose
their kernels and autograd remembers its streams. If recording fails, all steps do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from skipviz.engine import exact_sums
from skipviz.engine.batches import Batches
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.optimise import Adam, clip

WARM_STEPS = 4
"""Eager steps before the recording; PyTorch asks for three."""

ROWS = 25
"""Steps whose readings the table holds: so many may be under way before the host waits."""

Result = TypeVar("Result")
Body = Callable[[], None]


def claims(device: torch.device) -> bool:
    """Can steps be recorded?"""
    return device.type == "cuda"


class GraphedSteps:
    """Steps of several nets, each on the batch of its seed. `failure` says why they run eagerly.

    indices   (S, 1 or 4, B) what chance decides of each seed's batch, as `Batches.indices` gives it
    table   (ROWS, n) of each measured step every net's loss, error and reading
    ended   (N,) the step at which each net's loss was no longer finite, else -1
    """

    def __init__(
        self,
        trainers: Sequence[NetTrainer],
        batches: Batches,
        record: Callable[[Body], Body] | None = None,
    ) -> None:
        """record: makes of a step what repeats it; by default a CUDA graph."""
        self.trainers, self.batches, self.record = list(trainers), batches, record or recorded
        self.failure = ""
        self.steps = self.rows = 0
        of, device = batches.experiment, batches.device
        self.seeds = range(of.seed, of.seed + of.seeds)
        on_cuda = device.type == "cuda"
        self.streams = [torch.cuda.Stream(device) if on_cuda else None for _ in self.trainers]
        self.indices = torch.stack([batches.indices(0, seed) for seed in self.seeds])
        self.lr = torch.zeros((), dtype=torch.float32, device=device)
        self.step = torch.zeros((), dtype=torch.int64, device=device)
        self.row = torch.zeros(1, dtype=torch.int64, device=device)
        self.ended = torch.full((len(self.trainers),), -1, device=device)
        self.widths = [2 + trainer.instruments.size for trainer in self.trainers]
        kind = exact_sums.widest(device)
        self.table = torch.zeros(ROWS, sum(self.widths), dtype=kind, device=device)
        self._replay: Body | None = None

    @property
    def is_recorded(self) -> bool:
        return self._replay is not None

    @property
    def full(self) -> bool:
        """Must the readings be taken before another step is measured?"""
        return self.rows == ROWS

    def learn(self, step: int, measure: bool) -> None:
        """One update of every net on the batch of its seed; where measured, its reading is kept for
        `readings()`."""
        if not self.steps:  # a run may go on with nets that had ended before
            before = [-1 if p.diverged_at is None else p.diverged_at for p in self.trainers]
            self.ended.copy_(torch.tensor(before))
        self.steps += 1
        self._tell(step)
        if self._replay is None and self.steps > WARM_STEPS and not self.failure:
            self._capture()
        (self._replay or self._body)()
        self.rows += measure

    def readings(self) -> list[list[np.ndarray]]:
        """Of each step that was measured since the last time: each net's loss, error and
        instruments' reading. The only place where the host waits."""
        for trainer, step in zip(self.trainers, self.ended.tolist(), strict=True):
            if step >= 0:
                trainer.diverged_at = step
        rows = exact_sums.on_host(self.table[: self.rows])
        self.rows = 0
        ends = np.cumsum(self.widths)[:-1]
        return [np.split(row, ends) for row in rows]

    def _tell(self, step: int) -> None:
        """Writes all that is new in a step to where the recorded kernels look for it."""
        self.indices.copy_(torch.stack([self.batches.indices(step, seed) for seed in self.seeds]))
        self.lr.fill_(self.trainers[0].optimiser.lr)
        self.step.fill_(step)
        self.row.fill_(self.rows)
        for trainer in self.trainers:
            trainer.step = step
            if isinstance(trainer.optimiser, Adam):
                trainer.optimiser.steps = step + 1

    # --- what is recorded

    def _capture(self) -> None:
        try:
            self._replay = self.record(self._body)
        except RuntimeError as error:
            self.failure = (str(error) or type(error).__name__).splitlines()[0]
            warnings.warn(f"CUDA graph: {self.failure}; training runs without it", stacklevel=2)
            for trainer in self.trainers:
                trainer.net.zero_grad(set_to_none=True)

    def _body(self) -> None:
        """A step of all nets, on nothing but tensors that stay where they are."""
        seed_batches = [
            self.batches.batch_from(indices, seed)
            for indices, seed in zip(self.indices, self.seeds, strict=True)
        ]
        places = self.table.split(self.widths, 1)
        jobs = [
            partial(
                self._step, trainer, *seed_batches[trainer.seed_index], self.ended[i], places[i]
            )
            for i, trainer in enumerate(self.trainers)
        ]
        apart(self.streams, jobs)

    def _step(
        self, trainer: NetTrainer, x: Tensor, y: Tensor, ended: Tensor, place: Tensor
    ) -> None:
        trainer.instruments.watch()
        # casts that autocast keeps from an eager step would be recorded as constants
        logits, loss = trainer.differentiate(x, y, keep_casts=False)
        ends = (ended < 0) & ~loss.isfinite()
        ended.copy_(torch.where(ends, self.step, ended))
        place.index_copy_(0, self.row, trainer.reading(loss, logits, y)[None])
        optimiser, most = trainer.optimiser, trainer.experiment.clip
        if most:
            clip(optimiser.weights, most)
        optimiser.update(self.lr, (self.step + 1).float(), (ended >= 0).float())


def apart(
    streams: Sequence[torch.cuda.Stream | None], jobs: Sequence[Callable[[], Result]]
) -> list[Result]:
    """What the jobs return, each done on its stream: all start after what came before, and what
    comes after waits for all. Without streams they are done in turn."""
    own = [stream for stream in streams if stream is not None]
    if not own:
        return [job() for job in jobs]
    main, results = torch.cuda.current_stream(), []
    for stream, job in zip(own, jobs, strict=True):
        stream.wait_stream(main)
        with torch.cuda.stream(stream):
            results.append(job())
    for stream in own:
        main.wait_stream(stream)
    return results


def recorded(body: Body) -> Body:
    """A CUDA graph of `body`, ready to be replayed; RuntimeError where it cannot be recorded."""
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        body()
    return graph.replay
