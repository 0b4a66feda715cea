"""The stages of a net as text: equal units as loops, growing ones as loops over their number."""

from __future__ import annotations

from itertools import groupby

from skipviz.core.wiring import Wiring
from skipviz.standalone.units import Unit, UnitClass

Row = tuple[float, ...]
WIDTH = 100


def _call(unit_class: UnitClass, arguments: list[str]) -> str:
    """The call that makes one unit: numbers of channels by place, the others by name."""
    texts = []
    for name, text in zip(unit_class.arguments, arguments, strict=True):
        by_name = name.startswith(("kernel", "stride", "padding", "groups", "value", "survival"))
        texts.append(f"{name}={text}" if by_name else text)
    return f"{unit_class.name}({', '.join(texts)})"


def _steady(rows: list[Row]) -> int:
    """How many of the first rows grow by the same steps from one to the next."""
    if len(rows) < 3:
        return len(rows)
    steps = _growth(rows[0], rows[1])
    count = 2
    while count < len(rows) and _growth(rows[count - 1], rows[count]) == steps:
        count += 1
    return count


def _growth(before: Row, after: Row) -> list[float]:
    """By how much each number grows; fractions to twelve digits, which rounding leaves alone."""
    return [round(b - a, 12) for a, b in zip(before, after, strict=True)]


def _loop(unit_class: UnitClass, rows: list[Row]) -> str:
    """Units of one class as one expression: a call, or a loop."""
    first = rows[0]
    if len(rows) == 1:
        return _call(unit_class, [repr(value) for value in first])
    steps = _growth(first, rows[1])
    texts = [
        f"{a!r} {'+' if s > 0 else '-'} {abs(s)!r} * i" if s else repr(a)
        for a, s in zip(first, steps, strict=True)
    ]
    counter = "i" if any(steps) else "_"
    return f"*[{_call(unit_class, texts)} for {counter} in range({len(rows)})]"


def _turns(unit_class: UnitClass, rows: list[Row]) -> str | None:
    """Units that differ in one number, which takes its values in turn; None where more differ."""
    varying = [i for i, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1]
    if len(varying) != 1:
        return None
    name = list(unit_class.arguments)[varying[0]]
    texts = [name if i == varying[0] else repr(value) for i, value in enumerate(rows[0])]
    values = ", ".join(repr(row[varying[0]]) for row in rows)
    text = f"*[{_call(unit_class, texts)} for {name} in ({values})]"
    return text if len(text) < WIDTH - 20 else None


def _unrolled(unit_class: UnitClass, rows: list[Row]) -> list[str]:
    """The expressions for neighbours of one class."""
    if len(rows) > 2 and _steady(rows) < len(rows):
        turns = _turns(unit_class, rows)
        if turns is not None:
            return [turns]
    texts = []
    while rows:
        count = _steady(rows)
        texts.append(_loop(unit_class, rows[:count]))
        rows = rows[count:]
    return texts


def stage_lines(
    units: list[Unit], unit_classes: list[UnitClass], wiring: Wiring, stages: int
) -> list[str]:
    """The lines of `self.stages = nn.Sequential(…)`, a comment with the shape above each stage."""
    of = {id(unit): each for each in unit_classes for unit in each.units}
    rows = {
        id(u): row for each in unit_classes for u, row in zip(each.units, _rows(each), strict=True)
    }
    lines = ["        self.stages = nn.Sequential("]
    titles = iter(stage.title for stage in wiring.stages[1:-1])
    for s in range(stages):
        inside = [unit for unit in units if unit.stage == s]
        if not inside:
            lines.append("            nn.Sequential(),")
            continue
        shape = "×".join(map(str, inside[-1].body.output_shape))
        lines.append(f"            # {next(titles)}, output {shape}")
        lines.append("            nn.Sequential(")
        for _, group in groupby(inside, key=lambda unit: id(of[id(unit)])):
            same = list(group)
            texts = _unrolled(of[id(same[0])], [rows[id(unit)] for unit in same])
            lines += [line for text in texts for line in _item(text)]
        lines.append("            ),")
    return [*lines, "        )"]


def _item(text: str) -> list[str]:
    """An expression as one of a stage's, a long loop on lines of its own."""
    line = f"                {text},"
    if len(line) <= WIDTH or not text.startswith("*["):
        return [line]
    call, _, loop = text[2:-1].rpartition(" for ")
    return [f"{' ' * 16}*[", f"{' ' * 20}{call}", f"{' ' * 20}for {loop}", f"{' ' * 16}],"]


def _rows(unit_class: UnitClass) -> list[Row]:
    """The arguments of every unit of a class."""
    if not unit_class.arguments:
        return [()] * len(unit_class.units)
    return list(zip(*unit_class.arguments.values(), strict=True))
