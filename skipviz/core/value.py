"""A frozen value whose complaints are single sentences: what an experiment is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from skipviz.core.declarations import listed
from skipviz.core.knob import SpecError, show


def _sentence(error: ValidationError, fields: Iterable[str]) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    if "error" in first.get("ctx", {}):
        return str(first["ctx"]["error"])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"field {show(where)}: there is no such field; fields are {listed(fields)}"
    if first["type"] == "missing":
        return f"{where}: is missing; fields are {listed(fields)}"
    return f"{where} {show(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"


class Value(BaseModel):
    """A frozen pydantic model; SpecError, in one sentence, for what it cannot be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError(_sentence(error, type(self).model_fields)) from None
