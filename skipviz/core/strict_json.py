"""JSON as its standard has it, RFC 8259: it knows no NaN and no infinity.

    dumps(value)     text that every parser reads: a number that is none is `null`, and a field
                     beside it says why: {"loss": null, "loss_why": "not a number"}
    numbers(value)   what was read from such a text, with the numbers that were none in their place
    read(text)       the value of a text; KeyTwiceError where an object has a name twice

The one writer of everything that leaves the program as JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

WHY = "_why"
_WORDS = {"nan": "not a number", "inf": "infinite", "-inf": "minus infinity"}


class KeyTwiceError(ValueError):
    """An object of a JSON text has this name twice: only one of the two could count."""


def dumps(value: Any, **layout: Any) -> str:
    """`value` as JSON; `layout` as `json.dumps` takes it (indent, separators, sort_keys)."""
    return json.dumps(plain(value), allow_nan=False, **layout)


def plain(value: Any) -> Any:
    """`value` with null for every number that JSON lacks; the reason stands beside it, in the same
    object, under the field's name and "_why", unless a reason stands there already."""
    if isinstance(value, dict):
        fields: dict[Any, Any] = {}
        for name, each in value.items():
            fields[name] = plain(each)
            why = _why(each)
            if why and f"{name}{WHY}" not in value:
                fields[f"{name}{WHY}"] = why
        return fields
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return None if _lacks(value) else value


def numbers(value: Any) -> Any:
    """The inverse of `plain` for those who compute: NaN or infinity where null stands for a number,
    in fields that say why; without these reasons."""
    if isinstance(value, list):
        return [numbers(each) for each in value]
    if not isinstance(value, dict):
        return value
    fields = {}
    for name, each in value.items():
        why = value.get(f"{name}{WHY}")
        if name.endswith(WHY) and name.removesuffix(WHY) in value:
            continue
        fields[name] = _filled(each, why) if isinstance(why, str) else numbers(each)
    return fields


def read(text: str | bytes) -> Any:
    """The value of a JSON text. KeyTwiceError, and otherwise as `json.loads` does."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise KeyTwiceError(name)
        fields[name] = value
    return fields


def _lacks(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _why(value: Any) -> str:
    """Why null stands for this number or in these numbers; "" where it does not."""
    if _lacks(value):
        return _WORDS[str(float(value))]
    if not isinstance(value, (list, tuple)):
        return ""
    words = [_WORDS[str(float(each))] for each in _flat(value) if _lacks(each)]
    return f"null: {', '.join(dict.fromkeys(words))}" if words else ""


def _flat(values: Any) -> Any:
    """The numbers of nested lists; what stands in objects says why by itself."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def _filled(value: Any, why: str) -> Any:
    """Null as the number that it stands for; of several kinds in one field: as no number."""
    if isinstance(value, list):
        return [_filled(each, why) for each in value]
    if value is not None:
        return numbers(value)
    return {"infinite": math.inf, "minus infinity": -math.inf}.get(
        why.removeprefix("null: "), math.nan
    )
