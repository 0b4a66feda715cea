"""A net as a drawing: stages, units, operations, joins and shapes, without torch.

A family's `wiring(settings)` makes one `Wiring`. Graphs, shape tables, counts and the axes of every
chart are read from it; tests compare it with the real module, so that the drawing cannot lie.

    Wiring  the net: stem, stages, head         Unit  one module of the trunk, at a path
    Stage   the units at one resolution         Body  what a unit is made of; equal units share one
    Op      one operation of a body             Edge  one arrow between two operations
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

Shape = tuple[int, ...]
"""The shape of one sample: (features,) or (channels, height, width)."""

Role = Literal["main", "shortcut", "gate"]

JOINS = {"add": "+", "multiply": "×", "concat": "‖"}
"""The operations in which two signals meet, and the sign that the graph draws for each."""

WEIGHTS = ("conv", "linear")
INPUT = "in"
FLOAT_BYTES = 4

_KEEPS_INPUT = (
    "conv",
    "linear",
    "norm",
    "layer_norm",
    "max_pool",
    "global_max",
    "avg_pool",
    "multiply",
    "rezero",
)
_KEEPS_OUTPUT = ("relu", "tanh", "sigmoid")
_VIEWS = ("flatten",)


@dataclass(frozen=True)
class Op:
    """One operation.

    name      unique in its unit, such as "branch.conv1"; a join is named after its kind
    path      the module that does it, relative to the unit's own; "" where no module does
    shape     of its output for one sample
    kept      bytes per sample that only this operation keeps for the way back (indices, masks)
    """

    name: str
    kind: str
    label: str
    shape: Shape
    path: str = ""
    role: Role = "main"
    parameters: int = 0
    norm_parameters: int = 0
    multiply_adds: int = 0
    kernel: int = 1
    stride: int = 1
    kept: int = 0


@dataclass(frozen=True)
class Edge:
    """An arrow from `source`, an operation or "in", the unit's input. Dashed: not the identity."""

    source: str
    target: str
    role: Role = "main"
    dashed: bool = False


@dataclass(frozen=True)
class Body:
    """What a unit is made of, in the order of execution. The last operation makes the output.

    kind     "stem", "transition", "head", or the family's word: "plain", "residual", "highway", …
    code     where its source is: "skipviz.models.resnet.net:ResidualUnit"
    gate     the path, relative to the unit, of the module whose output is T; "" where there is none
    formula  as its docstring in the stand-alone file: "y = [x, H(x)]"; "" for y = H(x)
    """

    kind: str
    title: str
    input_shape: Shape
    ops: tuple[Op, ...]
    edges: tuple[Edge, ...]
    code: str = ""
    gate: str = ""
    formula: str = ""

    @property
    def output_shape(self) -> Shape:
        return self.ops[-1].shape if self.ops else self.input_shape

    @cached_property
    def joins(self) -> tuple[str, ...]:
        """The kinds of the joins, in the order of execution."""
        return tuple(op.kind for op in self.ops if op.kind in JOINS)

    @cached_property
    def meeting(self) -> Op | None:
        """The operation in which what came around the layers is added to what they made, or has it
        appended; None where nothing leads around them."""
        for op in reversed(self.ops):
            roles = [edge.role for edge in self.edges if edge.target == op.name]
            if op.kind == "add" and "shortcut" in roles:
                return op
            if op.kind == "concat" and roles[0] == "shortcut":
                return op
        return None

    @property
    def appends(self) -> bool:
        """Whether the unit's output is its input with new channels behind it."""
        return self.meeting is self.ops[-1] and self.ops[-1].kind == "concat"

    @cached_property
    def branch_end(self) -> str:
        """The path of the module that ends the way through the layers: with its output at 0 the
        unit adds nothing. "" where nothing leads around the layers."""
        ops = {op.name: op for op in self.ops}
        op = self.meeting
        while op is not None and not op.path:
            ends = [e.source for e in self.edges if e.target == op.name and e.role == "main"]
            op = ops.get(ends[0]) if ends else None
        return op.path if op is not None else ""

    @cached_property
    def weights(self) -> tuple[Op, ...]:
        """The weighted layers of the main path: the ones that `depth` counts."""
        return tuple(op for op in self.ops if op.kind in WEIGHTS and op.role == "main")

    @cached_property
    def parameters(self) -> int:
        return sum(op.parameters for op in self.ops)

    @cached_property
    def norm_parameters(self) -> int:
        return sum(op.norm_parameters for op in self.ops)

    @cached_property
    def multiply_adds(self) -> int:
        return sum(op.multiply_adds for op in self.ops)

    @cached_property
    def signature(self) -> tuple[Any, ...]:
        """Equal for units that differ only in their channels and the sizes of their kernels."""
        return self.kind, tuple((op.name, op.kind, op.stride) for op in self.ops), self.edges

    def sources(self, name: str) -> list[str]:
        return [edge.source for edge in self.edges if edge.target == name]

    @cached_property
    def paths(self) -> tuple[int, int]:
        """Weighted layers on the shortest and on the longest way through."""
        spans = {INPUT: (0, 0)}
        for op in self.ops:
            before = [spans[source] for source in self.sources(op.name)] or [(0, 0)]
            own = int(op.kind in WEIGHTS)
            spans[op.name] = min(b[0] for b in before) + own, max(b[1] for b in before) + own
        return spans[self.ops[-1].name] if self.ops else (0, 0)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """How far one output value sees beyond one input value, in input values; and the stride."""
        reaches = {INPUT: (0, 1)}
        for op in self.ops:
            before = [reaches[source] for source in self.sources(op.name)] or [(0, 1)]
            grown, jump = max(before)
            reaches[op.name] = grown + (op.kernel - 1) * jump, jump * op.stride
        return reaches[self.ops[-1].name] if self.ops else (0, 1)

    @cached_property
    def memory(self) -> tuple[bool, int, bool]:
        """What one sample leaves behind for the way back: (input kept, bytes inside, output kept).

        A factor is kept for the other factor's gradient; fixed gates need none, and neither does
        the input of the net, so that a dropout right behind it keeps no mask.
        """
        root = {INPUT: INPUT}
        kept_paths: set[str] = set()
        fixed: set[str] = set()
        for op in self.ops:
            sources = self.sources(op.name)
            root[op.name] = root[sources[0]] if op.kind in _VIEWS else op.name
            if op.kind == "constant" or (sources and fixed.issuperset(sources)):
                fixed.add(op.name)
            elif op.kind in _KEEPS_INPUT:
                kept_paths.update(root[source] for source in fixed.intersection(sources) or sources)
            if op.kind in _KEEPS_OUTPUT:
                kept_paths.add(root[op.name])
        out = root[self.ops[-1].name] if self.ops else INPUT
        inside = sum(
            prod(op.shape) * FLOAT_BYTES
            for op in self.ops
            if op.name in kept_paths and op.name != out
        )
        bare = self.kind == "stem" and [op.kind for op in self.ops[:1]] == ["dropout"]
        extra = sum(op.kept for op in self.ops[1 if bare else 0 :])
        return INPUT in kept_paths, inside + extra, out in kept_paths


@dataclass(frozen=True)
class Unit:
    """One piece of the trunk: the module at `path`, made of `body`."""

    path: str
    body: Body

    def module(self, op: Op) -> str:
        """The path of the module that does `op`, from the net; "" where no module does."""
        return f"{self.path}.{op.path}" if op.path else ""


@dataclass(frozen=True)
class Stage:
    """The units at one resolution; the stem and the head are stages of one unit."""

    key: str
    title: str
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Layer:
    """A place that charts name: a module's path and its depth (1: the first weighted layer)."""

    path: str
    depth: int


@dataclass(frozen=True)
class Gate:
    """A gated unit: `path` is the module whose output is T, `unit` the one whose output is y."""

    path: str
    unit: str
    depth: int
    cells: int


@dataclass(frozen=True)
class Wiring:
    """A whole net. `counts_classifier`: whether its depth counts the classifier (papers: yes)."""

    name: str
    family: str
    input_shape: Shape
    stages: tuple[Stage, ...]
    counts_classifier: bool = True

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Every unit from the stem to the head."""
        return tuple(unit for stage in self.stages for unit in stage.units)

    def body(self, path: str) -> Body:
        """What the unit at `path` is made of."""
        return self._bodies[path]

    @cached_property
    def _bodies(self) -> dict[str, Body]:
        return {unit.path: unit.body for unit in self.units}

    def _counted(self, unit: Unit) -> tuple[Op, ...]:
        whole = self.counts_classifier or unit.body.kind != "head"
        return unit.body.weights if whole else unit.body.weights[:-1]

    def _depths(self) -> Iterator[tuple[Unit, int]]:
        """Each unit with the number of weighted layers up to its end."""
        depth = 0
        for unit in self.units:
            depth += len(self._counted(unit))
            yield unit, depth

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The weighted layers that the depth counts, in order: as many as the net is deep."""
        ops = ((unit, op) for unit in self.units for op in self._counted(unit))
        return tuple(Layer(unit.module(op), i) for i, (unit, op) in enumerate(ops, start=1))

    @cached_property
    def points(self) -> tuple[Layer, ...]:
        """The signal points: modules whose output is the signal x_l that the next unit gets."""
        return tuple(
            Layer(unit.path, depth)
            for unit, depth in self._depths()
            if unit.body.kind != "head" and unit.body.weights
        )

    @cached_property
    def gates(self) -> tuple[Gate, ...]:
        """The gated units in order."""
        return tuple(
            Gate(f"{unit.path}.{unit.body.gate}", unit.path, depth, unit.body.output_shape[0])
            for unit, depth in self._depths()
            if unit.body.gate
        )

    @cached_property
    def joins(self) -> dict[str, tuple[str, ...]]:
        """The kinds of the joins of every unit that has one, by the unit's path."""
        return {unit.path: unit.body.joins for unit in self.units if unit.body.joins}

    @property
    def depth(self) -> int:
        return len(self.layers)

    @property
    def output_shape(self) -> Shape:
        return self.units[-1].body.output_shape

    @cached_property
    def _receptive_field(self) -> int:
        """Input pixels on a side that one value of the last trunk signal can depend on."""
        if len(self.units[-1].body.input_shape) == 1:
            return max(self.input_shape[-2:])
        seen, jump = 1, 1
        for unit in self.units[:-1]:
            grown, stride = unit.body.reach
            seen, jump = seen + grown * jump, jump * stride
        return seen

    @cached_property
    def _activation_bytes(self) -> int:
        """Bytes per sample that a training step keeps for the way back, each tensor once."""
        total, is_kept, size = 0, False, prod(self.input_shape) * FLOAT_BYTES
        for unit in self.units:
            input_kept, inside, output_kept = unit.body.memory
            total += inside + (size if is_kept or input_kept else 0)
            is_kept, size = output_kept, prod(unit.body.output_shape) * FLOAT_BYTES
        return total + (size if is_kept else 0)

    def describe(self) -> dict[str, Any]:
        """The numbers of the net: what it holds, costs, keeps and sees.

        multiply_adds      of convolutions and matrix products, for one sample
        activation_bytes   per sample, float32, kept in training for the way back
        receptive_field    pixels on a side, not clipped at the border; dense nets see the input
        shortest_path      weighted layers on the shortest way from input to logits
        """
        spans = [unit.body.paths for unit in self.units]
        uncounted = 0 if self.counts_classifier else 1
        norm = sum(unit.body.norm_parameters for unit in self.units)
        parameters = sum(unit.body.parameters for unit in self.units)
        return {
            "name": self.name,
            "family": self.family,
            "parameters": parameters,
            "parameters_without_norm": parameters - norm,
            "multiply_adds": sum(unit.body.multiply_adds for unit in self.units),
            "activation_bytes": self._activation_bytes,
            "depth": self.depth,
            "units": sum(bool(unit.body.joins) for unit in self.units),
            "joins": sum(len(joins) for joins in self.joins.values()),
            "receptive_field": self._receptive_field,
            "longest_path": sum(longest for _, longest in spans) - uncounted,
            "shortest_path": sum(shortest for shortest, _ in spans) - uncounted,
            "input_shape": list(self.input_shape),
            "trunk_shape": list(self.units[-1].body.input_shape),
            "output_shape": list(self.output_shape),
        }
