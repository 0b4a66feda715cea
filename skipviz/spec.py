"""The values that say what to train: Knob, Architecture, Dataset, Lane, Experiment.

An `Experiment` is the one noun that everything turns on: a data set, a seed, a budget, an optimiser and one to four
lanes (one architecture each), trained in lock-step on the same batches. It is frozen, validated when it is made, and
round-trips exactly to JSON and to the query of a URL. A wrong value raises `SpecError` with one sentence that names
the field, what it got and what is allowed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from skipviz import discover


class SpecError(ValueError):
    """A value that cannot be used. Its text is one sentence, fit to be shown as it is."""


# --- Knobs ----------------------------------------------------------------------------------------------------------

Kind = Literal["int", "float", "bool", "choice", "shape"]


@dataclass(frozen=True)
class Knob:
    """One setting: what it is called, what it may be, and how a form explains it.

    kind      "int", "float", "bool", "choice", or "shape" (a tuple of whole numbers: channels, height, width)
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
        """`value` (a Python value, or its text in a URL or on a command line) as this knob's value, or SpecError."""
        got = _PARSERS[self.kind](self, value)
        if got is _WRONG:
            raise SpecError(f"{self.name} {_show(value)}: must be {self.allowed()}")
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
        what = "a whole number" if self.kind == "int" else "a number"
        if self.low is not None and self.high is not None:
            what += f" from {self.low:g} to {self.high:g}"
        elif self.low is not None:
            what += f" of at least {self.low:g}"
        return f"{what}, or {words}" if words else what


_WRONG = object()


def _show(value: Any) -> str:
    """A short text of any value for an error sentence."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return f"'{text[:60]}…'" if len(text) > 60 else (f"'{text}'" if isinstance(value, str) else text)


def _parse_number(knob: Knob, value: Any) -> Any:
    if isinstance(value, str) and value in knob.choices:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
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


def _parse_shape(knob: Knob, value: Any) -> Any:
    parts: Any = value.lower().replace(",", "x").split("x") if isinstance(value, str) else value
    if isinstance(parts, (str, bytes)) or not isinstance(parts, Iterable):
        return _WRONG
    try:
        shape = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        return _WRONG
    return shape if 1 <= len(shape) <= 3 and all(0 < n <= 4096 for n in shape) else _WRONG


_PARSERS: dict[str, Callable[[Knob, Any], Any]] = {
    "int": _parse_number,
    "float": _parse_number,
    "bool": _parse_bool,
    "choice": _parse_choice,
    "shape": _parse_shape,
}


# --- Declarations ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Architecture:
    """What the app knows of a family without torch. One `ARCHITECTURE` in each `skipviz/models/<family>/family.py`.

    defaults(given)   the value of every knob that `given` leaves out (keys: knob names)
    check(settings)   raises SpecError where the settings do not fit together (the depth rule, above all)
    wiring(settings)  the net as a drawing: skipviz.wiring.Wiring
    name(settings)    the short name that a legend shows: "ResNet-20"
    twin(settings)    the plain twin as (family, knobs, shares_weights), or None where there is none
    symbols           each symbol of the formula, explained
    """

    title: str
    formula: str
    symbols: Mapping[str, str]
    backward: str
    join: Literal["none", "add", "gate", "concat"]
    summary: str
    paper: str
    departures: str
    knobs: tuple[Knob, ...]
    defaults: Callable[[Mapping[str, Any]], dict[str, Any]]
    check: Callable[[Mapping[str, Any]], None]
    wiring: Callable[[Mapping[str, Any]], Any]
    name: Callable[[Mapping[str, Any]], str]
    twin: Callable[[Mapping[str, Any]], tuple[str, dict[str, Any], bool] | None]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    order: int = 0


@dataclass(frozen=True)
class Dataset:
    """What the app knows of a data set without torch. One `DATASET` in each `skipviz/data/<key>.py`.

    load()   → (train_images, train_labels, test_images, test_labels): uint8 (N, C, H, W) and int64 (N,) numpy arrays
    """

    title: str
    summary: str
    input_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train_size: int
    test_size: int
    synthetic: bool
    origin: str
    licence: str
    load: Callable[[], tuple[Any, Any, Any, Any]]
    order: int = 0

    @property
    def num_classes(self) -> int:
        return len(self.classes)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def architecture(family: Any) -> Architecture:
    """The declaration of `family`, or SpecError."""
    found: Mapping[str, Architecture] = discover.architectures()
    if not isinstance(family, str) or family not in found:
        raise SpecError(f"family {_show(family)}: must be one of {_listed(found)}")
    return found[family]


def dataset(key: Any) -> Dataset:
    """The declaration of the data set `key`, or SpecError."""
    found: Mapping[str, Dataset] = discover.datasets()
    if not isinstance(key, str) or key not in found:
        raise SpecError(f"data {_show(key)}: must be one of {_listed(found)}")
    return found[key]


def settle(family: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    """Every knob of `family` with its value: `knobs` where given, else the family's defaults. SpecError if wrong."""
    declared = architecture(family)
    table = {knob.name: knob for knob in declared.knobs}
    if not isinstance(knobs, Mapping):
        raise SpecError(f"knobs {_show(knobs)}: must be names with values, such as depth=20")
    for name in knobs:
        if name not in table:
            raise SpecError(f"knob {_show(name)}: {family} has no such knob; its knobs are {_listed(table)}")
    given = {name: table[name].parse(value) for name, value in knobs.items()}
    settings = {**declared.defaults(given), **given}
    declared.check(settings)
    return {name: settings[name] for name in table}


# --- Lane and Experiment --------------------------------------------------------------------------------------------


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    if "error" in first.get("ctx", {}):
        return str(first["ctx"]["error"])
    where = ".".join(str(part) for part in first["loc"]) or "experiment"
    if first["type"] == "extra_forbidden":
        return f"field {_show(where)}: there is no such field"
    if first["type"] == "missing":
        return f"field '{where}': is missing"
    return f"{where} {_show(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}"


class _Value(BaseModel):
    """A frozen pydantic model whose complaints are single sentences."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError(_sentence(error)) from None


class Lane(_Value):
    """One architecture of an experiment: a family and the knobs that differ from its defaults."""

    family: str
    knobs: dict[str, Any] = {}

    @model_validator(mode="after")
    def _knobs_fit(self) -> Lane:
        declared = architecture(self.family)
        settle(self.family, self.knobs)
        table = {knob.name: knob for knob in declared.knobs}
        parsed = {name: table[name].parse(self.knobs[name]) for name in table if name in self.knobs}
        object.__setattr__(self, "knobs", parsed)
        return self

    def __hash__(self) -> int:
        return hash((self.family, tuple(self.knobs.items())))

    def settings(self, data: str | None = None) -> dict[str, Any]:
        """Every knob with its value; input shape and classes from the data set where one is named."""
        if data is None:
            return settle(self.family, self.knobs)
        of = dataset(data)
        shape = {"input_shape": of.input_shape, "num_classes": of.num_classes}
        for name, value in shape.items():
            if name in self.knobs and self.knobs[name] != value:
                raise SpecError(f"{name} {_show(self.knobs[name])}: {data} has {_show(value)}; leave the knob out")
        return settle(self.family, {**self.knobs, **shape})

    def name(self, data: str | None = None) -> str:
        """The short name that a legend shows: "ResNet-20"."""
        return architecture(self.family).name(self.settings(data))

    def text(self) -> str:
        """The lane as one word of a URL or a command line: "resnet:depth=50,shortcut=B"."""
        knobs = ",".join(f"{name}={_plain(value)}" for name, value in self.knobs.items())
        return f"{self.family}:{knobs}" if knobs else self.family

    @classmethod
    def from_text(cls, text: str) -> Lane:
        """The inverse of `text`."""
        family, _, rest = text.partition(":")
        knobs = {}
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            if not equals:
                raise SpecError(f"lane {_show(text)}: {_show(part)} must be name=value")
            knobs[name] = value
        return cls(family=family, knobs=knobs)


def _plain(value: Any) -> str:
    """A knob's value as text that `Knob.parse` reads back exactly."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "x".join(str(part) for part in value)
    return str(value)


FIELDS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob("steps", "int", "Steps", "Parameter updates: one batch each.", 400, low=1, high=1_000_000),
        Knob("lr", "float", "Learning rate", "Size of one update.", 0.1, low=0, high=100),
        Knob("momentum", "float", "Momentum", "Share of the last update that is kept.", 0.9, low=0, high=0.9999),
        Knob("weight_decay", "float", "Weight decay", "Pull of every weight towards 0.", 0.0, low=0, high=10),
        Knob("optimiser", "choice", "Optimiser", "SGD with momentum, or Adam.", "sgd", choices=("sgd", "adam")),
        Knob("batch_size", "int", "Batch size", "Samples in one step.", 64, low=2, high=8192),
        Knob("seed", "int", "Seed", "Decides weights and batches.", 0, low=0, high=2**31 - 1),
        Knob("seeds", "int", "Seeds", "Repetitions with seeds seed, seed+1, …", 1, low=1, high=16),
        Knob("record_every", "int", "Record every", "Steps from one frame to the next.", 1, low=1, high=10_000),
        Knob("device", "choice", "Device", "Where to train.", "auto", choices=("auto", "cpu", "cuda", "mps")),
    )
}
"""The fields of an experiment beside its lanes and data set, as knobs: one table for validation and for forms."""

MAX_LANES = 4


class Experiment(_Value):
    """What to train: one to four lanes in lock-step on the same batches of one data set."""

    lanes: tuple[Lane, ...]
    data: str = "digits"
    steps: int = 400
    lr: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    optimiser: str = "sgd"
    batch_size: int = 64
    seed: int = 0
    seeds: int = 1
    record_every: int = 1
    device: str = "auto"

    @field_validator(*FIELDS, mode="before")
    @classmethod
    def _field_fits(cls, value: Any, info: Any) -> Any:
        return FIELDS[info.field_name].parse(value)

    @field_validator("lanes", mode="before")
    @classmethod
    def _one_to_four(cls, value: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise SpecError(f"lanes {_show(value)}: must be a list of 1 to {MAX_LANES} lanes")
        lanes = tuple(value)
        if not 1 <= len(lanes) <= MAX_LANES:
            raise SpecError(f"lanes: {len(lanes)} given, must be 1 to {MAX_LANES}")
        return lanes

    @model_validator(mode="after")
    def _fits_together(self) -> Experiment:
        of = dataset(self.data)
        for lane in self.lanes:
            lane.settings(self.data)
        if self.batch_size > of.train_size:
            raise SpecError(f"batch_size {self.batch_size}: {self.data} has {of.train_size} training samples")
        return self

    def with_(self, **changes: Any) -> Experiment:
        """The same experiment with some fields changed, validated again."""
        return Experiment(**{name: getattr(self, name) for name in Experiment.model_fields} | changes)

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Experiment:
        """The inverse of `to_json`; SpecError with one sentence for anything else."""
        try:
            value = json.loads(text)
        except (ValueError, UnicodeDecodeError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            raise SpecError(f"experiment: not complete JSON{where}; must be one object as written by skipviz") from None
        if not isinstance(value, dict):
            raise SpecError(f"experiment {_show(value)}: must be an object with lanes, data, steps, …")
        return cls(**value)

    def to_query(self) -> dict[str, list[str]]:
        """The experiment as the query of a URL: `lane` once per lane, and every field that is not at its default."""
        query = {"lane": [lane.text() for lane in self.lanes]}
        for name, model_field in Experiment.model_fields.items():
            if name != "lanes" and getattr(self, name) != model_field.default:
                query[name] = [_plain(getattr(self, name))]
        return query

    @classmethod
    def from_query(cls, query: Mapping[str, list[str]]) -> Experiment:
        """The inverse of `to_query`. SpecError for unknown names and wrong values."""
        values: dict[str, Any] = {name: values[-1] for name, values in query.items() if name != "lane" and values}
        return cls(lanes=[Lane.from_text(text) for text in query.get("lane", [])], **values)


def twin(lane: Lane, data: str | None = None) -> tuple[Lane, bool] | None:
    """The plain twin of a lane and whether it shares the lane's initial weights; None where there is no twin."""
    made = architecture(lane.family).twin(lane.settings(data))
    if made is None:
        return None
    family, knobs, shares_weights = made
    if data is not None:
        knobs = {name: value for name, value in knobs.items() if name not in ("input_shape", "num_classes")}
    return Lane(family=family, knobs=knobs), shares_weights
