"""The units of a net as classes: one for each distinct body; what differs in numbers is arguments.

A chain of layers that is a stage's own (a transition, a pooling) becomes a function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import groupby
from typing import Any

from skipviz.core.wiring import WEIGHTS, Body, Op
from skipviz.models.plans import UnitPlan
from skipviz.models.steps import Chain, Step
from skipviz.standalone.forward import forward_lines
from skipviz.standalone.layers import Names, named_layers, numbers

_SHORTCUTS = {"zero_pad": "zero-pads x", "conv": "projects x by a 1×1 convolution"}
_CHANNELS = ("inputs", "outputs")

Place = tuple[str, int, str]
"""Where a number stands: (chain, step, name of the number)."""


@dataclass(frozen=True)
class Unit:
    """One unit: its plan, which knows the numbers, and its body, which knows the way through."""

    plan: UnitPlan
    body: Body
    stage: int
    first: bool = False

    @cached_property
    def segments(self) -> list[tuple[str, list[Op]]]:
        """The body's layers by the attribute that holds them; "" where the unit holds them."""
        layers = [op for op in self.body.ops if op.path]
        groups = groupby(layers, key=lambda op: op.path.rpartition(".")[0])
        return [(attribute, list(ops)) for attribute, ops in groups]

    @cached_property
    def chains(self) -> list[tuple[str, Chain]]:
        """The chains of the plan by attribute, in the order in which they run."""
        values = [getattr(self.plan, each.name) for each in fields(self.plan)]  # type: ignore[arg-type]
        chains = [v for v in values if isinstance(v, tuple) and v and isinstance(v[0], Step)]
        pairs = list(zip(self.segments, chains, strict=True))
        for (attribute, ops), chain in pairs:
            names = [op.path.rpartition(".")[2] for op in ops]
            assert names == [step.name for step in chain], f"{attribute}: {names}"
        return [(attribute, chain) for (attribute, _), chain in pairs]

    @property
    def scale(self) -> Any:
        """The branch's factor: a number, "rezero" for a learned one, None for none."""
        return getattr(self.plan, "scale", None)

    @property
    def biases(self) -> Mapping[str, float]:
        """Where the biases of a chain's layers start, by the chain's attribute."""
        biases: Mapping[str, float] = getattr(self.plan, "biases", {})
        return biases

    @cached_property
    def pattern(self) -> tuple[Any, ...]:
        """Equal for units that one class can make: they differ in numbers alone."""
        kinds = tuple(
            (attribute, *((s.kind, s.name, s.bias, s.flat, s.round_up) for s in chain))
            for attribute, chain in self.chains
        )
        constants = tuple(
            s.value for _, chain in self.chains for s in chain if s.kind == "constant"
        )
        return kinds, constants, self.body.kind, self.body.edges, self.scale

    @cached_property
    def numbers(self) -> dict[Place, float]:
        return {
            (attribute, i, name): value
            for attribute, chain in self.chains
            for i, step in enumerate(chain)
            for name, value in numbers(step).items()
        }


@dataclass
class UnitClass:
    """One class (or function) of the text, and the units that it makes.

    places     each number's text: a literal, or an argument
    arguments  each argument's values, one for each unit
    """

    name: str
    units: list[Unit]
    places: dict[Place, str] = field(default_factory=dict)
    arguments: dict[str, list[float]] = field(default_factory=dict)

    @property
    def is_function(self) -> bool:
        return self.units[0].segments[0][0] == ""

    def values(self, unit: Unit) -> tuple[float, ...]:
        """What `unit` gives for the arguments."""
        i = next(i for i, each in enumerate(self.units) if each is unit)
        return tuple(column[i] for column in self.arguments.values())


def classes(units: list[Unit]) -> list[UnitClass]:
    """The classes that the units need, in the order in which they are first used."""
    groups: dict[tuple[Any, ...], list[Unit]] = {}
    for unit in units:
        groups.setdefault(unit.pattern, []).append(unit)
    uses: Counter[str] = Counter()
    names = {}
    for pattern, group in sorted(groups.items(), key=lambda pair: -len(pair[1])):
        names[pattern] = _name(group, uses)
    unit_classes = [UnitClass(names[pattern], group) for pattern, group in groups.items()]
    for each in unit_classes:
        _settle(each)
    return unit_classes


def _name(group: list[Unit], uses: Counter[str]) -> str:
    """The commonest body of a title has its name; others say what is special, or are numbered."""
    words = group[0].body.title.replace("-", " ").split()
    function = group[0].segments[0][0] == ""
    name = "_".join(words) if function else "".join(word.capitalize() for word in words)
    if uses[name] and not function:
        shapes = [(unit.body.input_shape, unit.body.output_shape) for unit in group]
        changing = all(before != after for before, after in shapes)
        name = f"Entry{name}" if changing else f"First{name}" if group[0].first else name
    uses[name] += 1
    return name if uses[name] == 1 else f"{name}{uses[name]}"


def _settle(unit_class: UnitClass) -> None:
    """Decides which numbers are arguments: channels, and what differs from unit to unit."""
    columns = {
        place: tuple(unit.numbers[place] for unit in unit_class.units)
        for place in unit_class.units[0].numbers
    }
    channels = {place: column for place, column in columns.items() if place[2] in _CHANNELS}
    named_columns = _channel_names(unit_class.units[0], channels)
    unit_class.arguments = {name: list(column) for column, name in named_columns.items()}
    unit_class.places = {place: named_columns[column] for place, column in channels.items()}
    others: dict[tuple[str, tuple[float, ...]], str] = {}
    for place, column in columns.items():
        kind = place[2]
        if kind in _CHANNELS:
            continue
        if len(set(column)) == 1:
            unit_class.places[place] = repr(column[0])
        elif kind == "padding" and column == tuple(k // 2 for k in columns[*place[:2], "kernel"]):
            unit_class.places[place] = f"{unit_class.places[*place[:2], 'kernel']} // 2"
        else:
            unit_class.places[place] = others.setdefault(
                (kind, column), _free(kind, unit_class.arguments)
            )
            unit_class.arguments[unit_class.places[place]] = list(column)


def _free(name: str, values_by_name: dict[str, list[float]]) -> str:
    number = 1 + sum(each.startswith(name) for each in values_by_name)
    return name if number == 1 else f"{name}{number}"


def _channel_names(
    unit: Unit, channels: dict[Place, tuple[float, ...]]
) -> dict[tuple[float, ...], str]:
    """A name for each column of numbers of channels: inputs, width, outputs."""
    distinct = list(dict.fromkeys(channels.values()))
    main = [
        channels[attribute, i, "outputs"]
        for attribute, chain in unit.chains
        if "shortcut" not in attribute and "gate" not in attribute
        for i, step in enumerate(chain)
        if step.kind in WEIGHTS
    ]
    if not main:
        return {column: _numbered("channels", i) for i, column in enumerate(distinct)}
    last = "growth_rate" if unit.body.appends else "outputs"
    names = {distinct[0]: "inputs", main[-1]: last}
    if distinct[0] == main[-1]:
        names = {main[-1]: "channels"}
    middle = [column for column in distinct if column not in names]
    names |= {column: _numbered("width", i) for i, column in enumerate(middle)}
    return {column: names[column] for column in distinct}


def _numbered(name: str, i: int) -> str:
    return name if i == 0 else f"{name}{i + 1}"


def _docstring(unit: Unit) -> str:
    """The unit's formula, and what its shortcut does where it is not the identity."""
    text = unit.body.formula or (unit.body.title if unit.body.joins else "y = H(x)")
    if "h(x)" in text:
        around = [chain[0].kind for attribute, chain in unit.chains if attribute == "shortcut"]
        text += f"; h {_SHORTCUTS[around[0]]}" if around else "; h is the identity"
    return f'"""{text}."""'


def class_lines(unit_class: UnitClass) -> list[str]:
    """The text of one class, or of one function for a chain without a class."""
    unit = unit_class.units[0]
    typed = ", ".join(
        f"{name}: {'float' if name.startswith(('value', 'survival')) else 'int'}"
        for name in unit_class.arguments
    )
    if unit_class.is_function:
        (_, chain) = unit.chains[0]
        head = [f"def {unit_class.name}({typed}) -> nn.Sequential:"]
        head.append(f'    """{" → ".join(_words(chain))}."""')
        return head + named_layers("return", chain, indent=4, names=_names(unit_class, "", chain))
    parameters = f", {typed}" if typed else ""
    lines = [f"class {unit_class.name}(nn.Module):", f"    {_docstring(unit)}", ""]
    lines += [f"    def __init__(self{parameters}) -> None:", "        super().__init__()"]
    for attribute, chain in unit.chains:
        if chain[0].kind != "constant":
            names = _names(unit_class, attribute, chain)
            lines += named_layers(f"self.{attribute}", chain, indent=8, names=names)
    if unit.scale == "rezero":
        lines.append("        self.scale = nn.Parameter(torch.zeros(()))")
    lines += _biases(unit)
    return [*lines, "", *forward_lines(unit.body, unit.segments, _constants(unit))]


def _words(chain: Chain) -> list[str]:
    """What a chain does, in words for its docstring."""
    words = {"norm": "BN", "layer_norm": "LN", "conv": "convolution", "relu": "ReLU"}
    return [words.get(step.kind, step.kind.replace("_", " ")) for step in chain]


def _names(unit_class: UnitClass, attribute: str, chain: Chain) -> list[Names]:
    return [
        {name: unit_class.places[attribute, i, name] for name in numbers(step)}
        for i, step in enumerate(chain)
    ]


def _biases(unit: Unit) -> list[str]:
    """The lines that start biases which do not start like others: those of gates."""
    return [
        f"        nn.init.constant_(self.{attribute}.{step.name}.bias, {bias!r})"
        for attribute, bias in unit.biases.items()
        for step in dict(unit.chains).get(attribute, ())
        if step.kind in WEIGHTS
    ]


def _constants(unit: Unit) -> dict[str, str]:
    """What stands in `forward` for what is no module: fixed gates and fixed scales."""
    constants = {a: repr(chain[0].value) for a, chain in unit.chains if chain[0].kind == "constant"}
    if unit.scale is not None:
        constants["scale"] = "self.scale" if unit.scale == "rezero" else repr(unit.scale)
    return constants
