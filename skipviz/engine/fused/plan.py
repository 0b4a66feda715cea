"""Where everything lies of a net that the kernel computes as it is drawn, decided beforehand.

The rules are those of `skipviz/engine/stacked/calls.py`: outputs that nobody needs any more are
written over, a gradient is handed on where its source has no other reader, buffers of gradients are
used again, and what is concatenated lies side by side. Places are in floats; rows are padded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from skipviz.core.wiring import WEIGHTS
from skipviz.engine.fused.native import KINDS, NOTHING, PLUS, WRITE, Op
from skipviz.engine.stacked import StackShape
from skipviz.engine.stacked.program import ACTIVATIONS, places, readers_of

FACTORS = ("scale", "stochastic_depth", "rezero", "dropout")
"""What multiplies each value of its source."""

SAME = {"stochastic_depth": "scale"}
"""What the kernel knows by another name: a branch that takes part in a step counts once, others
not at all."""

Padded = Callable[[int], int]


class Plan:
    """The operations of a program for batches of B samples.

    ops       for `struct net`, which all nets of the program share
    sizes     floats of each arena: weights, running statistics, working memory, room for turned
              weights, room for a gradient, room for a sample with a border
    """

    def __init__(
        self, shape: StackShape, batch: int, modules: Sequence[Any], padded: Padded
    ) -> None:
        """modules: what does each step in the reference net."""
        self.shape, self.program, self.batch, self.padded = shape, shape.program, batch, padded
        self.sizes = dict.fromkeys(("weights", "running", "work", "back", "grad", "patch"), 0)
        found = places(self.program)
        assert found is not None
        self.places = found
        self.readers = readers_of(self.program)
        self.ops = (Op * len(self.program))()
        self._lay_out(modules)
        self._number()
        self._join_products()
        self._plan_the_way_back()

    # --- the way forward

    def _take(self, arena: str, floats: int) -> int:
        """Room in an arena: where it begins."""
        self.sizes[arena] += floats
        return self.sizes[arena] - floats

    def rows(self, k: int) -> int:
        """Rows of a step's output: of each sample one, or one for each pixel."""
        return self.batch * self.program[k].pixels

    def rows_of_weights(self, k: int) -> int:
        """Of the weight matrix of a step: all that its window sees of a sample."""
        return self.program[k].kernel ** 2 * self.shape.channels_into(k)

    def _lay_out(self, modules: Sequence[Any]) -> None:
        strides: dict[int, int] = {}
        for place, step in zip(self.places, self.program, strict=True):
            wide = self.padded(place.start + self.padded(step.channels))
            strides[place.buffer] = max(strides.get(place.buffer, 0), wide)
        starts = {k: self._take("work", self.rows(k) * wide) for k, wide in strides.items()}
        self.strides = strides
        for k, (op, step) in enumerate(zip(self.ops, self.program, strict=True)):
            place = self.places[k]
            op.kind, op.channels = KINDS.index(SAME.get(step.kind, step.kind)), step.channels
            op.first, op.second = (*step.sources, -1, -1)[:2]
            op.out, op.stride = starts[place.buffer] + place.start, strides[place.buffer]
            op.biased = getattr(modules[k], "bias", None) is not None
            op.epsilon, op.momentum = (getattr(modules[k], of, 0.0) for of in ("eps", "momentum"))
            op.high, op.wide = step.sides or (1, 1)
            self._open_window(k, op, modules[k])
            self._give_room(k, op)

    def _open_window(self, k: int, op: Op, module: Any) -> None:
        """What a step sees of the map before it; of a whole map the window is the map."""
        step = self.program[k]
        op.inputs = self.shape.channels_into(k)
        op.in_high, op.in_wide = self.shape.sides_into(k) or (1, 1)
        op.kernel, op.hop = step.kernel, step.stride
        if step.kind in ("global_avg", "global_max"):
            op.kernel = op.hop = max(op.in_high, op.in_wide)
        if step.kind == "conv" and (set(module.dilation) != {1} or module.padding_mode != "zeros"):
            raise ValueError(
                "a convolution is not computed as it is drawn: dilated, or padded otherwise"
            )
        if step.kind in ("conv", "max_pool"):
            borders = {int(border) for border in np.ravel(module.padding)}
            (op.border,) = borders

    def _give_room(self, k: int, op: Op) -> None:
        """Room for what an operation learns and keeps."""
        kind, wide = self.program[k].kind, self.padded(self.program[k].channels)
        rows = 0
        if kind in WEIGHTS:
            rows = self.rows_of_weights(k) + op.biased
            turned = self.program[k].channels * op.kernel**2 * self.padded(op.inputs)
            self.sizes["back"] = max(self.sizes["back"], turned, wide)
        elif kind in ("norm", "layer_norm"):
            rows = 2
            op.room = self._take(
                "work", 5 * wide if kind == "norm" else 2 * self.padded(self.batch)
            )
        elif kind in ("global_max", "max_pool"):
            op.room = self._take("work", self.rows(k) * wide)
        elif kind == "dropout":
            op.room = self._take("work", self.rows(k) * wide)
            op.kept = sum(step.kind == "dropout" for step in self.program[:k])
        elif kind == "rezero":
            rows, wide = 1, self.padded(1)
        if kind == "conv":
            self.sizes["patch"] = max(self.sizes["patch"], *self._patches(op))
        if kind == "norm":
            op.kept = self._take("running", 2 * wide)
        op.weights = self._take("weights", rows * wide)
        self.sizes["grad"] = max(self.sizes["grad"], rows * wide)

    def _patches(self, op: Op) -> Iterator[int]:
        """Floats of a sample with its border: of the input on the way forward, of the output on the
        way back."""
        maps = (op.in_high, op.in_wide, op.border, op.inputs), (
            op.high, op.wide, op.kernel, op.channels,
        )  # fmt: skip
        for high, wide, border, channels in maps:
            yield (high + 2 * border) * (wide + 2 * border) * channels

    def _number(self) -> None:
        """Which reading each operation gives."""
        for name in ("layer", "point", "gate"):
            chosen = [k for k, step in enumerate(self.program) if getattr(step, name)]
            for op in self.ops:
                setattr(op, name, -1)
            for number, k in enumerate(chosen):
                setattr(self.ops[k], name, number)
            setattr(self, f"{name}s", len(chosen))

    layers: int
    points: int
    gates: int

    def _join_products(self) -> None:
        """An addition and a ReLU that write over a product, or over what BatchNorm puts out, are
        done at its end."""
        for k, op in enumerate(self.ops):
            op.plus = -1
            if self.program[k].kind not in (*WEIGHTS, "norm"):
                continue
            end = k
            for kind in ("add", "relu"):
                after = end + 1
                if not (after < len(self.program) and self._continues(end, after, kind)):
                    continue
                if kind == "add":
                    other = self.program[after].sources[1]
                    if other < 0 or self.ops[other].stride != op.stride:
                        break
                    op.plus = other
                op.relu = kind == "relu"
                self.ops[after].done = 1
                end = after

    def _continues(self, k: int, after: int, kind: str) -> bool:
        step, one = self.program[after], self.places[k] == self.places[after]
        return step.kind == kind and step.sources[0] == k and one

    # --- the way back

    def _plan_the_way_back(self) -> None:
        count = len(self.program)
        self._grads: list[tuple[int, int] | None] = [None] * count
        self._own = [False] * count
        self._spare: dict[int, list[int]] = {}
        self._joined: dict[int, int] = {}
        last = self.ops[count - 1]
        self._grads[-1] = last.out, last.stride
        for k in range(count - 1, -1, -1):
            op, grad = self.ops[k], self._grads[k]
            op.to_first = op.to_second = NOTHING
            if grad is None and self.program[k].kind == "constant":
                op.grad = -1
                continue
            if grad is None:
                raise ValueError(f"step {k}, {self.program[k].kind}: its output is not used")
            op.grad, op.grad_stride = grad
            self._way_back(k, op)
            if self._own[k]:
                self._spare.setdefault(self._size(k, op.grad_stride), []).append(op.grad)

    def _way_back(self, k: int, op: Op) -> None:
        step = self.program[k]
        sources = step.sources
        if step.kind == "concat":
            start = op.grad
            for source in sources:
                self._grads[source] = start, op.grad_stride
                start += self.program[source].channels
        elif step.kind == "add":
            heir = next((source for source in sources if self._free(source)), None)
            modes = [NOTHING if source == heir else self._send(source) for source in sources]
            op.to_first, op.to_second = modes
            if heir is not None:
                self._hand(k, heir)
        elif step.kind in (*ACTIVATIONS, *FACTORS) and (self._free(sources[0]) and self._own[k]):
            self._hand(k, sources[0])
            op.to_first = WRITE
        elif step.kind != "constant":
            op.to_first = self._send(sources[0])
            if len(sources) > 1:
                op.to_second = self._send(sources[1])

    def _send(self, source: int) -> int:
        """What a part of a source's gradient does to it; gives it room where it has none."""
        if source < 0 or self.program[source].kind == "constant":
            return NOTHING
        if self._grads[source] is not None:
            return PLUS
        place, wide = self.places[source], self.padded(self.program[source].channels)
        if place.shared:
            wide = self.strides[place.buffer]
            if place.buffer not in self._joined:
                self._joined[place.buffer] = self._take("work", self._size(source, wide))
            self._grads[source] = self._joined[place.buffer] + place.start, wide
        else:
            free = self._spare.get(self._size(source, wide))
            start = free.pop() if free else self._take("work", self._size(source, wide))
            self._grads[source], self._own[source] = (start, wide), True
        return WRITE

    def _size(self, k: int, wide: int) -> int:
        """Floats of what has a step's rows and so many columns."""
        return self.rows(k) * wide

    def _free(self, source: int) -> bool:
        """May a source's gradient be that of its only reader?"""
        alone = source >= 0 and self.readers[source] == 1 and self._grads[source] is None
        return alone and not self.places[source].shared

    def _hand(self, k: int, source: int) -> None:
        self._grads[source], self._own[source] = self._grads[k], self._own[k]
        self._own[k] = False


def widest(shape: StackShape) -> int:
    """The narrower side of the largest weight matrix that is wide both ways."""
    return max(
        min(step.channels, shape.channels_into(k))
        for k, step in enumerate(shape.program)
        if step.kind in WEIGHTS
    )
