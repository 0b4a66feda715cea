"""The values that say what to train: Lane and Experiment, with the knobs of both.

An `Experiment` is the one noun that everything turns on: a data set, a seed, a budget, an optimiser
and one to four lanes (one architecture each), trained in lock-step on the same batches. It is
frozen, validated when it is made, and round-trips exactly to JSON and to the query of a URL. A
wrong value raises `SpecError` with one sentence that names the field, what it got and what is
allowed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import field_validator, model_validator

from skipviz.core import strict_json
from skipviz.core.budgets import (
    MAX_BUDGETS,
    MAX_CHANGES,
    Budget,
    Change,
    check_order,
    parsed,
)
from skipviz.core.declarations import Dataset, parse_knobs
from skipviz.core.fields import FIELDS
from skipviz.core.knob import SpecError, plain, show
from skipviz.core.registry import architecture, dataset, dataset_view, full_settings, idle_knobs
from skipviz.core.value import Value


class Lane(Value):
    """One architecture of an experiment: a family and the knobs that differ from its defaults."""

    family: str
    knobs: dict[str, Any] = {}

    @field_validator("family", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        architecture(value)
        return value

    @field_validator("knobs", mode="before")
    @classmethod
    def _of_the_family(cls, value: Any, info: Any) -> Any:
        family = info.data.get("family")
        return parse_knobs(architecture(family), family, value) if family else {}

    @model_validator(mode="after")
    def _knobs_fit_together(self) -> Lane:
        full_settings(self.family, self.knobs)
        return self

    def __hash__(self) -> int:
        return hash((self.family, tuple(self.knobs.items())))

    def settings(self, data: str | Dataset | None = None) -> dict[str, Any]:
        """Every knob with its value; input shape and classes from the data set if one is named
        (an experiment's own view of it, `Experiment.dataset`, or a key)."""
        if data is None:
            return full_settings(self.family, self.knobs)
        of = dataset_view(data, 1, 0) if isinstance(data, str) else data
        shape = {"input_shape": of.input_shape, "num_classes": of.num_classes}
        for name, value in shape.items():
            if name in self.knobs and self.knobs[name] != value:
                given, right = plain(self.knobs[name]), plain(value)
                raise SpecError(f"{name} {given}: {of.key} has {right}; leave the knob out")
        return full_settings(self.family, {**self.knobs, **shape})

    def wiring(self, data: str | Dataset | None = None) -> Any:
        """The net as a drawing, skipviz.core.wiring.Wiring; shapes as `settings` takes them."""
        return architecture(self.family).wiring(self.settings(data))

    def name(self, data: str | Dataset | None = None) -> str:
        """The short name that a legend shows: "ResNet-20"."""
        return architecture(self.family).name(self.settings(data))

    def idle(self) -> list[str]:
        """The knobs that are given and change nothing on the lane's backbone."""
        return [knob.name for knob in idle_knobs(self.family, self.knobs)]

    def without_idle(self) -> Lane:
        """The same net, said without the knobs that change nothing on its backbone."""
        idle = self.idle()
        effective = {name: value for name, value in self.knobs.items() if name not in idle}
        return Lane(family=self.family, knobs=effective)

    def text(self) -> str:
        """The lane as one word of a URL or a command line: "resnet:depth=50,shortcut=B"."""
        knobs = ",".join(f"{name}={plain(value)}" for name, value in self.knobs.items())
        return f"{self.family}:{knobs}" if knobs else self.family

    @classmethod
    def from_text(cls, text: str) -> Lane:
        """The inverse of `text`."""
        family, _, rest = text.partition(":")
        knobs = {}
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            if not equals:
                raise SpecError(f"lane {show(text)}: {show(part)} must be name=value")
            if name in knobs:
                raise SpecError(f"knob {show(name)}: given twice in lane {show(text)}")
            knobs[name] = value
        return cls(family=family, knobs=knobs)


MAX_LANES = 4
_MANY = ("lane", "change", "budget")
"""What stands in a URL once for each."""


class Experiment(Value):
    """What to train: one to four lanes in lock-step on the same batches of one data set."""

    lanes: Sequence[Lane]  # a tuple, whatever it was given as
    data: str = "digits"
    steps: int = 400
    seconds: float = 0.0
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    optimiser: str = "sgd"
    schedule: str = "constant"
    warmup: int = 0
    clip: float = 0.0
    batch_size: int = 64
    seed: int = 0
    seeds: int = 1
    record_every: int = 1
    evaluate_every: int = 0
    device: str = "auto"
    precision: str = "float32"
    subset: int = 0
    pool: int = 1
    label_noise: float = 0.0
    augment: str = "none"
    changes: Sequence[Change] = ()  # a tuple, as lanes are; in the order of their steps
    budgets: Sequence[Budget] = ()  # those before the present one, in the order of their ends

    @field_validator(*FIELDS, mode="before")
    @classmethod
    def _field_fits(cls, value: Any, info: Any) -> Any:
        return FIELDS[info.field_name].parse(value)

    @field_validator("lanes", mode="before")
    @classmethod
    def _one_to_four(cls, value: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise SpecError(f"lanes {show(value)}: must be a list of 1 to {MAX_LANES} lanes")
        lanes = tuple(value)
        if not 1 <= len(lanes) <= MAX_LANES:
            raise SpecError(f"lanes: {len(lanes)} given, must be 1 to {MAX_LANES}")
        for number, lane in enumerate(lanes, start=1):
            if not isinstance(lane, (Lane, Mapping)):
                raise SpecError(f"lane {number} {show(lane)}: must have a family and its knobs")
        return lanes

    @field_validator("changes", mode="before")
    @classmethod
    def _some_changes(cls, value: Any) -> Any:
        return parsed(value, Change, "change", MAX_CHANGES)

    @field_validator("budgets", mode="before")
    @classmethod
    def _some_budgets(cls, value: Any) -> Any:
        return parsed(value, Budget, "budget", MAX_BUDGETS)

    @field_validator("data", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        dataset(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Experiment:
        check_order(self.changes, self.budgets, self.steps)
        of = self.dataset
        if self.augment != "none" and of.input_shape[1] < 8:
            raise SpecError(f"augment '{self.augment}': needs images of at least 8x8, not {of.key}")
        for lane in self.lanes:
            lane.settings(of)
        if self.batch_size > of.train_size:
            raise SpecError(
                f"batch_size {self.batch_size}: {self.data} has {of.train_size} training samples"
            )
        return self

    @cached_property
    def dataset(self) -> Dataset:
        """The data set as this experiment sees it: with the pooled shape and the subset's size."""
        return dataset_view(self.data, self.pool, self.subset)

    def with_(self, **changes: Any) -> Experiment:
        """The same experiment with some fields changed, validated again."""
        return Experiment(
            **{name: getattr(self, name) for name in Experiment.model_fields} | changes
        )

    def as_planned(self) -> Experiment:
        """The same without what was done to it while it trained: in one budget, at the learning
        rate that it began with."""
        steered = self.changes or self.budgets
        return self.with_(changes=(), budgets=()) if steered else self

    def to_json(self) -> str:
        """One object; without `budgets` where there is one budget alone, as it always was."""
        return self.model_dump_json(exclude=None if self.budgets else {"budgets"})

    @classmethod
    def from_json(cls, text: str | bytes) -> Experiment:
        """The inverse of `to_json`; SpecError with one sentence for anything else."""
        try:
            value = strict_json.read(text)
        except strict_json.KeyTwiceError as error:
            raise SpecError(
                f"experiment: {show(str(error))} is given twice in one object; give it once"
            ) from None
        except (ValueError, RecursionError) as error:
            where = ""
            if isinstance(error, json.JSONDecodeError):
                where = f" (line {error.lineno}, column {error.colno})"
            raise SpecError(
                f"experiment: not complete JSON{where}; must be one object as written by skipviz"
            ) from None
        if not isinstance(value, dict):
            raise SpecError(f"experiment {show(value)}: must be an object with lanes, data, steps")
        return cls(**value)

    def to_query(self) -> dict[str, list[str]]:
        """The query of a URL: `lane` once per lane, `change` once per change, `budget` once per
        earlier budget, and the fields that are not at a default."""
        query = {name: [each.text() for each in getattr(self, f"{name}s")] for name in _MANY}
        query = {name: texts for name, texts in query.items() if texts}
        for name, model_field in Experiment.model_fields.items():
            if name[:-1] not in _MANY and getattr(self, name) != model_field.default:
                query[name] = [plain(getattr(self, name))]
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, list[str]]) -> Experiment:
        """The inverse of `to_query`. SpecError for unknown names and wrong values."""
        twice = next((name for name in query if name not in _MANY and len(query[name]) > 1), None)
        if twice is not None:
            raise SpecError(f"field {show(twice)}: given twice in the address; give it once")
        fields = {name: given[-1] for name, given in query.items() if name not in _MANY and given}
        for name in _MANY:
            if f"{name}s" in fields:
                raise SpecError(f"field '{name}s': a URL has one '{name}' for each {name}")
        lanes = tuple(Lane.from_text(text) for text in query.get("lane", []))
        steered = {f"{name}s": query.get(name, ()) for name in _MANY[1:]}
        return cls(**{"lanes": lanes, **steered, **fields})


def twin(lane: Lane, data: str | Dataset | None = None) -> tuple[Lane, bool] | None:
    """The plain twin of a lane and whether it shares the lane's initial weights; or None."""
    plain_twin = architecture(lane.family).twin(lane.settings(data))
    if plain_twin is None:
        return None
    family, knobs, shares_weights = plain_twin
    if data is not None:
        knobs = {
            name: value
            for name, value in knobs.items()
            if name not in ("input_shape", "num_classes")
        }
    return Lane(family=family, knobs=knobs), shares_weights
