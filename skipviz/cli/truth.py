"""docs/truth.md: tables that a command makes stand there between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skipviz.core import places
from skipviz.core.knob import SpecError

END = "<!-- until here -->"


def write(command: str, lines: Sequence[str]) -> Path:
    """Puts what this command made between its marks; the file. SpecError without them."""
    path = places.shipped() / "docs" / "truth.md"
    text = path.read_text(encoding="utf-8")
    begin = f"<!-- made by `python -m skipviz {command}` -->"
    before, mark, rest = text.partition(begin)
    _, end, behind = rest.partition(END)
    if not mark or not end:
        raise SpecError(f"{path}: the marks “{begin}” and “{END}” are not there")
    whole = "\n".join([begin, "", *lines, "", END])
    path.write_text(before + whole + behind, encoding="utf-8", newline="\n")
    return path
