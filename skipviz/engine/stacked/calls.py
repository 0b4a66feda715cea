"""What a step of drawn nets does, as a list of calls on buffers that stay.

Made once for a batch size. Of each step of the program there is an output and, on the way back,
dLoss/doutput; those of signal points are kept, the others lie in buffers that are used again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from skipviz.engine.exact_sums import norms_of, widest
from skipviz.engine.stacked import chance, operations
from skipviz.engine.stacked.program import Place, in_place, places, readers_of

Call = Callable[[], Any]


class Calls:
    """The calls of a step, forward and back.

    x, step   of the step under way
    out       each operation's output (N, C, B)
    grad      while the way back is written down: dLoss/dout of each operation, None while there is
              none
    """

    def __init__(self, nets: Any, batch: int) -> None:
        """nets: the `Drawn` that owns weights and numbers."""
        self.nets, self.batch, self.program = nets, batch, nets.program
        self.count = len(nets.nets)
        self.readers = readers_of(self.program)
        self.x, self.step = torch.empty(0), 0
        self.inside = [in_place(self.program, k, self.readers) for k in range(len(self.program))]
        found = places(self.program)
        assert found is not None
        self.places: list[Place] = found
        self.points = [k for k, step in enumerate(self.program) if step.point]
        self._whole: list[Tensor] = []
        self._apart: list[int] = []
        self.out = self._outputs()
        self.slope = self._empty(self.program[-1].channels)
        self.masks: dict[int, Tensor] = {}
        self.survivals: dict[int, Tensor] = {}
        self.normalised: dict[int, tuple[Tensor, ...]] = {}
        self._there: list[Call] = []
        for k, step in enumerate(self.program):
            operations.FORWARD[step.kind](self, k)
        if self.masks:
            self._there.insert(0, chance.draw_masks(self))
        if self.survivals:
            self._there.insert(0, chance.draw_branches(self))
        self._write_back()

    # --- buffers

    def _empty(self, channels: int) -> Tensor:
        return torch.empty(self.count, channels, self.batch, **self.nets.like)

    def _outputs(self) -> list[Tensor]:
        """Every output. Those of all signal points that are not joined to others lie in one
        tensor, and so do their gradients: `_whole`."""
        sizes: dict[int, int] = {}
        for place, step in zip(self.places, self.program, strict=True):
            sizes[place.buffer] = max(sizes.get(place.buffer, 0), place.start + step.channels)
        self._apart = [k for k in self.points if self.places[k].shared]
        rows = [k for k in self.points if k not in self._apart]
        buffers: dict[int, Tensor] = {}
        self._signals: dict[int, Tensor] = {}
        if rows:
            width = self.program[rows[0]].channels
            shape = len(rows), self.count, width, self.batch
            self._whole = [torch.empty(shape, **self.nets.like) for _ in range(2)]
            outs, signals = (whole.unbind() for whole in self._whole)
            self._signals = dict(zip(rows, signals, strict=True))
            buffers = {self.places[k].buffer: out for k, out in zip(rows, outs, strict=True)}
        for buffer, size in sizes.items():
            buffers.setdefault(buffer, self._empty(size))
        return [
            buffers[place.buffer][:, place.start : place.start + step.channels]
            for place, step in zip(self.places, self.program, strict=True)
        ]

    # --- writing down the way back

    def _write_back(self) -> None:
        self._back: list[tuple[Call, bool]] = []
        self._spare: dict[int, list[Tensor]] = {}
        self._joined: dict[int, Tensor] = {}
        self._apart_norms = torch.zeros(len(self.program), self.count, dtype=self._widest)
        self.grad: list[Tensor | None] = [None] * len(self.program)
        self.own = [False] * len(self.program)
        self.grad[-1] = self.slope
        for k in range(len(self.program) - 1, -1, -1):
            grad, kind = self.grad[k], self.program[k].kind
            if grad is None and kind == "constant":
                continue
            if grad is None:
                raise ValueError(f"step {k}, {kind}: its output is not used")
            if k in self._apart:
                self._back.append((partial(self._read_apart, k, grad), True))
            operations.BACKWARD[kind](self, k, grad)
            if self.own[k]:
                self._spare.setdefault(self.program[k].channels, []).append(grad)
        del self.grad, self.own, self._spare

    def _read_apart(self, k: int, grad: Tensor) -> None:
        """Reads a signal gradient whose buffer goes on to hold another's."""
        self._apart_norms[k] = norms_of(grad)

    @property
    def _widest(self) -> torch.dtype:
        return widest(self.nets.like["device"])

    def then(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """One more call of the way forward."""
        self._there.append(partial(call, *args, **kwargs))

    def back(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """One more call of the way back."""
        self._back.append((partial(call, *args, **kwargs), False))

    def spare(self, channels: int) -> Tensor:
        """A buffer for a moment."""
        free = self._spare.get(channels)
        return free.pop() if free else self._empty(channels)

    def release(self, buffer: Tensor) -> None:
        """A spare buffer is not needed any more."""
        self._spare.setdefault(buffer.shape[1], []).append(buffer)

    def send(
        self, source: int, write: Callable[[Tensor], None],
        add: Callable[[Tensor], None] | None = None,
    ) -> None:  # fmt: skip
        """A part of dLoss/dout of a source: `write(out)` writes down the call that fills `out` with
        it, `add(out)` one that adds it."""
        if source < 0:
            return
        there = self.grad[source]
        if there is None:
            self.grad[source] = out = self._room(source)
            write(out)
        elif add is not None:
            add(there)
        else:
            part = self.spare(self.program[source].channels)
            write(part)
            self.back(there.add_, part)
            self.release(part)

    def _room(self, source: int) -> Tensor:
        """Where dLoss/dout of a source will lie."""
        place, channels = self.places[source], self.program[source].channels
        if source in self._signals:
            return self._signals[source]
        if not place.shared:
            self.own[source] = True
            return self.spare(channels)
        if place.buffer not in self._joined:
            alike = [k for k, other in enumerate(self.places) if other.buffer == place.buffer]
            width = max(self.places[k].start + self.program[k].channels for k in alike)
            self._joined[place.buffer] = self._empty(width)
        return self._joined[place.buffer][:, place.start : place.start + channels]

    def free(self, source: int) -> bool:
        """May dLoss/dout of a source lie where that of its only reader lies?"""
        alone = source >= 0 and self.readers[source] == 1 and self.grad[source] is None
        return alone and source not in self._signals and not self.places[source].shared

    def hand(self, k: int, source: int) -> None:
        """dLoss/dout of a source is the tensor that was that of step k."""
        self.grad[source], self.own[source], self.own[k] = self.grad[k], self.own[k], False

    # --- one step

    def forward(self, x: Tensor, step: int) -> Tensor:
        """Logits (N, K, B) of x (N, B, F)."""
        self.x, self.step = x, step
        for call in self._there:
            call()
        return self.out[-1]

    def backward(self, slope: Tensor, measure: bool) -> None:
        """Fills every gradient from dLoss/dlogits (N, K, B)."""
        self.slope.copy_(slope)
        for call, of_reading in self._back:
            if measure or not of_reading:
                call()

    def point_norms(self) -> tuple[Tensor, Tensor]:
        """Signal gradients and activation scales at the points, (P, N) each."""
        signals = torch.zeros(len(self.program), self.count, dtype=self._widest)
        scales = torch.zeros_like(signals)
        rows = list(self._signals)
        if rows:
            outs, grads = self._whole
            signals[rows], scales[rows] = norms_of(grads), norms_of(outs)
        for k in self._apart:
            signals[k], scales[k] = self._apart_norms[k], norms_of(self.out[k])
        sizes = [math.sqrt(self.out[k][0].numel()) for k in self.points]
        roots = torch.tensor(sizes, dtype=self._widest)[:, None]
        return signals[self.points], scales[self.points] / roots
