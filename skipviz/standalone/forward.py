"""A unit's way through as the text of `forward`, read from its drawing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from skipviz.core.wiring import INPUT, Body, Op

_VARIABLES = {"transform": "h", "transform_gate": "t", "carry_gate": "c", "before_split": "x"}
"""The variable that holds what an attribute returns; others have the attribute's own name."""

SUM, PRODUCT, ATOM = range(3)
"""How tightly an expression binds."""


@dataclass
class _Writer:
    """Collects the statements; `values` has each operation's result as (expression, binding)."""

    body: Body
    constants: Mapping[str, str]
    values: dict[str, tuple[str, int]] = field(default_factory=lambda: {INPUT: ("x", ATOM)})
    lines: list[str] = field(default_factory=list)

    def text(self, name: str, binding: int = SUM) -> str:
        """An operand, in brackets where its own operation binds less than `binding`."""
        expression, own = self.values[name]
        return f"({expression})" if own < binding else expression

    def layers(self, attribute: str, ops: list[Op]) -> None:
        """A chain that is called: held in a variable where a sum or a product reads it."""
        last = ops[-1].name
        if attribute in self.constants:
            self.values[last] = self.constants[attribute], ATOM
            return
        call_text = f"self.{attribute}({self.text(self.body.sources(ops[0].name)[0])})"
        readers = Counter(edge.target for edge in self.body.edges if edge.source == last)
        kinds = {op.kind for op in self.body.ops if op.name in readers}
        if readers and (sum(readers.values()) > 1 or kinds - {"concat"}):
            variable = _VARIABLES.get(attribute, attribute)
            self.lines.append(f"{variable} = {call_text}")
            call_text = variable
        self.values[last] = call_text, ATOM

    def single(self, op: Op) -> None:
        """A join, or a factor that is no module."""
        sources = self.body.sources(op.name)
        if op.kind == "add":
            self.values[op.name] = " + ".join(self.text(s) for s in sources), SUM
        elif op.kind == "multiply":
            self.values[op.name] = " * ".join(self.text(s, PRODUCT) for s in sources), PRODUCT
        elif op.kind == "concat":
            parts = ", ".join(self.text(s) for s in sources)
            self.values[op.name] = f"torch.cat([{parts}], dim=1)", ATOM
        elif op.kind == "complement":
            self.values[op.name] = f"1 - {self.text(sources[0], PRODUCT)}", SUM
        else:
            factor = self.constants["scale"]
            self.values[op.name] = f"{self.text(sources[0], PRODUCT)} * {factor}", PRODUCT


def forward_lines(
    body: Body, segments: list[tuple[str, list[Op]]], constants: Mapping[str, str]
) -> list[str]:
    """The lines of `forward`. `constants` stand for gates that are fixed, and for the scale."""
    writer = _Writer(body, constants)
    heads = {ops[0].name: (attribute, ops) for attribute, ops in segments}
    for op in body.ops:
        if op.name in heads:
            writer.layers(*heads[op.name])
        elif not op.path:
            writer.single(op)
    result = writer.text(body.ops[-1].name)
    statements = [*writer.lines, f"return {result}"]
    return ["    def forward(self, x: Tensor) -> Tensor:", *(" " * 8 + s for s in statements)]
