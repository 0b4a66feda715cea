"""What happens to an experiment over its steps beside training: a learning rate changed by hand,
and the budgets that a run had before it was trained for longer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import field_validator, model_validator

from skipviz.core.fields import FIELDS
from skipviz.core.knob import Knob, SpecError, show
from skipviz.core.value import Value

MAX_CHANGES = 500
MAX_BUDGETS = 100

_CHANGE_STEP = Knob("change", "int", "", "", low=0, high=FIELDS["steps"].high)
_BUDGET_STEP = Knob("budget", "int", "", "", low=1, high=FIELDS["steps"].high)


class Change(Value):
    """A learning rate that was changed by hand: from `step` on the base learning rate is `lr`.

    As text, in a URL: "120:lr=0.01".
    """

    step: int
    lr: float

    @field_validator("step", mode="before")
    @classmethod
    def _a_step(cls, value: Any) -> Any:
        return _CHANGE_STEP.parse(value)

    @field_validator("lr", mode="before")
    @classmethod
    def _a_rate(cls, value: Any) -> Any:
        return FIELDS["lr"].parse(value)

    def text(self) -> str:
        return f"{self.step}:lr={self.lr!r}"

    @classmethod
    def from_text(cls, text: str) -> Change:
        """The inverse of `text`."""
        step, _, rest = text.partition(":")
        name, equals, lr = rest.partition("=")
        if (name, equals) != ("lr", "="):
            raise SpecError(f"change {show(text)}: must be step:lr=number, such as 120:lr=0.01")
        return cls(step=step, lr=lr)


class Budget(Value):
    """A budget that a run had before it was trained for longer: it held before step `end`, and was
    to last until step `steps`; both count from the run's first step. A schedule was laid over it.

    As text, in a URL: "100", or of one that was broken off, "57/100".
    """

    end: int
    steps: int

    @field_validator("end", "steps", mode="before")
    @classmethod
    def _a_step(cls, value: Any) -> Any:
        return _BUDGET_STEP.parse(value)

    @model_validator(mode="after")
    def _ends_in_time(self) -> Budget:
        if self.end > self.steps:
            raise SpecError(f"budget {show(self.text())}: must end at its last step or before")
        return self

    def text(self) -> str:
        return f"{self.end}" if self.end == self.steps else f"{self.end}/{self.steps}"

    @classmethod
    def from_text(cls, text: str) -> Budget:
        """The inverse of `text`."""
        end, slash, steps = text.partition("/")
        return cls(end=end, steps=steps if slash else end)


T = TypeVar("T", Change, Budget)


def parsed(given: Any, kind: type[T], name: str, most: int) -> tuple[Any, ...]:
    """Values or texts as a tuple, to be validated one by one. SpecError where they are none."""
    first, last = kind.model_fields
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise SpecError(f"{name}s {show(given)}: must be a list of {first}s, each with its {last}")
    each = tuple(kind.from_text(one) if isinstance(one, str) else one for one in given)
    if len(each) > most:
        raise SpecError(f"{name}s: {len(each)} given, must be at most {most}")
    for number, one in enumerate(each, start=1):
        if not isinstance(one, (kind, Mapping)):
            raise SpecError(f"{name} {number} {show(one)}: must have its {first} and its {last}")
    return each


def check_order(changes: Sequence[Change], budgets: Sequence[Budget], steps: int) -> None:
    """SpecError where changes or budgets are not in the order of their steps, or a budget ends
    with the run or after it."""
    for first, second in pairwise(changes):
        if first.step >= second.step:
            raise SpecError(
                f"change {show(second.text())}: stands after step {first.step};"
                " changes must be in the order of their steps, one for each step"
            )
    for before, after in pairwise(budgets):
        if before.end >= after.end:
            raise SpecError(
                f"budget {show(after.text())}: stands after one that ends at {before.end};"
                " budgets must be in the order of their ends"
            )
    if budgets and budgets[-1].end >= steps:
        raise SpecError(
            f"budget {show(budgets[-1].text())}: must end before the run does, at {steps} steps"
        )
