"""A net as the list of its operations, read from its drawing, and where their outputs lie.

Two nets of one list can be trained together; what the list does not say (factors, shares of
dropout) each of them has for itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import prod

from skipviz.core.wiring import INPUT, WEIGHTS, Op, Unit, Wiring

ACTIVATIONS = ("relu", "tanh", "sigmoid")
KINDS = {
    *ACTIVATIONS, "linear", "norm", "layer_norm", "dropout", "stochastic_depth", "scale", "rezero",
    "add", "multiply", "complement", "constant", "concat",
}  # fmt: skip
"""The operations that can stand in a dense net's program; `flatten` is none, for a signal is flat
here."""

MAPS = {"conv", "zero_pad", "global_avg", "global_max", "avg_pool", "max_pool"}
"""What else stands in a convolutional net's, which the fused kernel alone trains."""


@dataclass(frozen=True)
class Step:
    """One operation.

    sources   the steps, by number, whose outputs it takes; -1: the net's input
    channels  of its output
    sides     height and width of its output, a feature map; () where it is flat
    kernel    the side of its window, and its stride
    layer     a weighted layer that the depth counts
    point     its output is a signal point
    gate      its output is the transform gate of a unit
    """

    kind: str
    sources: tuple[int, ...]
    channels: int
    layer: bool = False
    point: bool = False
    gate: bool = False
    sides: tuple[int, ...] = ()
    kernel: int = 1
    stride: int = 1

    @property
    def pixels(self) -> int:
        return prod(self.sides)


Program = tuple[Step, ...]


def program_of(wiring: Wiring) -> Program | None:
    """The program of a net; None where the drawing has an operation that is not known, or where
    something other than a weight layer takes the input."""
    steps = [step for step, _ in traced(wiring)]
    has_maps = any(step.sides for step in steps)
    kinds = (KINDS | MAPS) - {"layer_norm", "dropout"} if has_maps else KINDS
    known = all(
        step.kind in kinds and (step.kind in WEIGHTS or -1 not in step.sources) for step in steps
    )
    known = known and not any(_is_otherwise(wiring, unit) for unit in wiring.units)
    return tuple(steps) if known and places(tuple(steps)) is not None else None


def _is_otherwise(wiring: Wiring, unit: Unit) -> bool:
    """Has a unit a convolution whose channels are cut into groups, or maps of several pixels that
    are made flat? Of those the order of channels and pixels would matter; a dense net's input is
    flattened as it comes."""
    body = unit.body
    shapes = {INPUT: body.input_shape} | {op.name: op.shape for op in body.ops}
    for op in body.ops:
        source = shapes[body.sources(op.name)[0]]
        if op.kind == "conv" and op.multiply_adds != source[0] * prod(op.shape) * op.kernel**2:
            return True
        if op.kind == "flatten" and prod(source[1:]) > 1 and unit is not wiring.units[0]:
            return True
    return False


def traced(wiring: Wiring) -> list[tuple[Step, str]]:
    """Each step of a net with the path of what does it: a module, or, of an operation that is none,
    the unit."""
    steps: list[tuple[Step, str]] = []
    layers = {layer.path for layer in wiring.layers}
    points = {point.path for point in wiring.points}
    before = -1
    for unit in wiring.units:
        numbers = {INPUT: before}
        for op in unit.body.ops:
            sources = tuple(numbers[name] for name in unit.body.sources(op.name))
            if op.kind == "flatten":
                numbers[op.name] = sources[0]
                continue
            numbers[op.name] = len(steps)
            step = Step(
                op.kind, sources, op.shape[0], unit.module(op) in layers, gate=_is_gate(op, unit),
                sides=op.shape[1:], kernel=op.kernel, stride=op.stride,
            )  # fmt: skip
            steps.append((step, unit.module(op) or unit.path))
        before = numbers[unit.body.ops[-1].name] if unit.body.ops else before
        if unit.path in points:
            steps[before] = replace(steps[before][0], point=True), steps[before][1]
    return steps


def _is_gate(op: Op, unit: Unit) -> bool:
    """Does this operation put out the unit's T? It is the last one of the gate's module."""
    gate = unit.body.gate
    ops = [each for each in unit.body.ops if gate and each.path.startswith(f"{gate}.")]
    return bool(ops) and ops[-1] is op


# --- where outputs lie


@dataclass(frozen=True)
class Place:
    """Of a step's output: the buffer, by the number of the step that it was made for, and its first
    channel there; `shared`: a concatenation joins it to others."""

    buffer: int
    start: int = 0
    shared: bool = False


def in_place(program: Program, k: int, readers: Counter[int]) -> bool:
    """Does step k write over its first source? It may where nobody else reads that, and where
    neither the way back nor an instrument asks for it."""
    step = program[k]
    if step.kind not in (*ACTIVATIONS, "add", "scale", "stochastic_depth"):
        return False
    source = program[step.sources[0]]
    wanted = source.point or source.gate or source.kind in (*ACTIVATIONS, "constant", "concat")
    return step.sources[0] >= 0 and not wanted and readers[step.sources[0]] == 1


def readers_of(program: Program) -> Counter[int]:
    """How often each step's output is taken."""
    return Counter(source for step in program for source in step.sources)


def places(program: Program) -> list[Place] | None:
    """Where each step's output lies. What is concatenated lies side by side from the start, so that
    nothing is copied: [x, H(x)] is the beginning of [x, H(x), H'(..)]. None where the program has
    concatenations that cannot lie so."""
    readers, found = readers_of(program), [Place(k) for k in range(len(program))]
    last = {source: k for k, step in enumerate(program) for source in step.sources}
    sizes = {k: step.channels for k, step in enumerate(program)}
    for k, step in enumerate(program):
        if in_place(program, k, readers):
            found[k] = found[step.sources[0]]
        if step.kind != "concat":
            continue
        old, new = (found[source] for source in step.sources)
        width = program[step.sources[0]].channels
        fits = old.start == 0 and sizes[old.buffer] == width and not new.shared
        if (
            not fits
            or old.buffer == new.buffer
            or any(last[source] != k for source in step.sources)
        ):
            return None
        for j, place in enumerate(found[:k]):
            if place.buffer == new.buffer:
                found[j] = Place(old.buffer, width, True)
            elif place.buffer == old.buffer:
                found[j] = replace(place, shared=True)
        found[k] = Place(old.buffer, 0, True)
        sizes[old.buffer] = step.channels
    return found
