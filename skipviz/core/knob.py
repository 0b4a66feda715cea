"""A knob: one setting of an architecture or an experiment, and how a value for it is read.

A value may come from Python, from JSON, from a URL or from a command line; a wrong one raises
`SpecError` with one sentence that names the knob, what it got and what is allowed.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal


class SpecError(ValueError):
    """A value that cannot be used. Its text is one sentence, fit to be shown as it is."""


Kind = Literal["int", "float", "bool", "choice", "shape", "text"]


@dataclass(frozen=True)
class Knob:
    """One setting: what it is called, what it may be, and how a form explains it.

    kind      "int", "float", "bool", "choice", "shape" (a tuple of whole numbers: channels,
              height, width), or "text" (of at most `high` characters)
    default   the value where nothing is given; None: the family works it out from the other knobs
    choices   the allowed words; of a "float" knob: words allowed beside a number
    low, high inclusive bounds of a number
    backbones the backbones on which the knob means something; empty: on all
    hidden    not offered in forms (set by a button or worked out from the data set)
    """

    name: str
    kind: Kind
    label: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    backbones: tuple[str, ...] = ()
    hidden: bool = False

    def parse(self, value: Any) -> Any:
        """`value`, or the text of one, as this knob's value; SpecError if it is none."""
        got = _PARSERS[self.kind](self, value)
        if got is _WRONG:
            raise SpecError(f"{self.name} {show(value)}: must be {self.allowed()}")
        return got

    def allowed(self) -> str:
        """What the knob may be, in words: "a whole number from 1 to 1202"."""
        if self.kind == "bool":
            return "true or false"
        words = ", ".join(self.choices)
        if self.kind == "choice":
            return f"one of {words}"
        if self.kind == "shape":
            return "channels, height and width, such as 3x32x32"
        if self.kind == "text":
            return f"a text of at most {_number(self.high or 0)} characters"
        what = "a whole number" if self.kind == "int" else "a number"
        if self.low is not None and self.high is not None:
            what += f" from {_number(self.low)} to {_number(self.high)}"
        elif self.low is not None:
            what += f" of at least {_number(self.low)}"
        return f"{what}, or {words}" if words else what


def _number(bound: float) -> str:
    """A bound as one would write it: 2147483647, 0.9999."""
    return str(int(bound)) if bound == int(bound) else repr(bound)


def show(value: Any) -> str:
    """A short, printable text of any value for an error sentence."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):  # nested too deeply; a number with thousands of digits
        return f"of type {type(value).__name__}, too large to show"
    short = " ".join(text[:200].split())
    short = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in short)
    if len(short) > 60 or len(text) > 200:
        return f"'{short[:60]}…'"
    return f"'{short}'" if isinstance(value, str) else short


def plain(value: Any) -> str:
    """A knob's value as text that `Knob.parse` reads back exactly."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "x".join(str(part) for part in value)
    return str(value)


_WRONG = object()


def _parse_number(knob: Knob, value: Any) -> Any:
    if isinstance(value, str) and value in knob.choices:
        return value
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, str)):
        return _WRONG
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return _WRONG
    if not math.isfinite(number) or (knob.low is not None and number < knob.low):
        return _WRONG
    if knob.high is not None and number > knob.high:
        return _WRONG
    if knob.kind == "int":
        return int(number) if number == int(number) else _WRONG
    return number


def _parse_bool(knob: Knob, value: Any) -> Any:
    if isinstance(value, str):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            value.lower(), _WRONG
        )
    return value if isinstance(value, bool) else _WRONG


def _parse_choice(knob: Knob, value: Any) -> Any:
    return value if isinstance(value, str) and value in knob.choices else _WRONG


_SIDE = Knob("side", "int", "", "", low=1, high=4096)


def _parse_shape(knob: Knob, value: Any) -> Any:
    parts: Any = value.lower().replace(",", "x").split("x") if isinstance(value, str) else value
    if isinstance(parts, (str, bytes)) or not isinstance(parts, Sequence):
        return _WRONG
    shape = tuple(_parse_number(_SIDE, part) for part in parts[:4])
    return shape if 1 <= len(shape) <= 3 and _WRONG not in shape else _WRONG


def _parse_text(knob: Knob, value: Any) -> Any:
    return value if isinstance(value, str) and len(value) <= (knob.high or 0) else _WRONG


_PARSERS: dict[str, Callable[[Knob, Any], Any]] = {
    "int": _parse_number,
    "float": _parse_number,
    "bool": _parse_bool,
    "choice": _parse_choice,
    "shape": _parse_shape,
    "text": _parse_text,
}
