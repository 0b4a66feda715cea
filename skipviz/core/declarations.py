"""What architectures, data sets and probes declare of themselves, readable without torch.

Looked up by name through `registry`: nothing here knows any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from skipviz.core.knob import Knob, SpecError, show

StackedUnits = Literal["chain", "gated", "drawn"] | tuple[float, float]
"""How the stacked engine computes the units of a dense net.

"chain"   x = act(H(x)), or act(H(x) + an earlier x) where the wiring draws an addition
"gated"   x = act(H(x)) T + x (1 - T), T = sigmoid of a weight layer
(T, C)    x = act(H(x)) T + x C with two numbers
"drawn"   operation by operation, as its wiring draws them

The first three are faster, for nets with one weight layer H in each unit and neither normalisation
nor anything drawn by chance; where a net of theirs has those, it is computed as it is drawn.
"""


def _none(settings: Mapping[str, Any]) -> None:
    return None


@dataclass(frozen=True)
class Architecture:
    """One `ARCHITECTURE` in each `skipviz/models/<family>/family.py`.

    defaults(given)   the value of every knob that `given` leaves out (keys: knob names)
    check(settings)   raises SpecError where the settings do not fit together (the depth rule, above
                      all)
    plan(settings)    the net as a plan: skipviz.models.plans.NetPlan; the stand-alone file is
                      written from it
    wiring(settings)  the net as a drawing: skipviz.core.wiring.Wiring
    name(settings)    the short name that a legend shows: "ResNet-20"
    symbols           each symbol of the formula, explained

    What a family may leave out:

    twin(settings)     the plain twin as (family, knobs, shares_weights), or None where there is
                       none
    stacked(settings)  how the stacked engine computes a dense net; None: the net is trained as the
                       module that it is
    colour             on a light and on a dark page, as #RRGGBB; None: the next free one
    presets            named settings
    order              the place among the families
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
    plan: Callable[[Mapping[str, Any]], Any]
    wiring: Callable[[Mapping[str, Any]], Any]
    name: Callable[[Mapping[str, Any]], str]
    twin: Callable[[Mapping[str, Any]], tuple[str, dict[str, Any], bool] | None] = _none
    stacked: Callable[[Mapping[str, Any]], StackedUnits | None] = _none
    colour: tuple[str, str] | None = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    order: int = 0


@dataclass(frozen=True)
class Files:
    """The files of a data set, as torchvision lays them out in a data folder.

    torchvision   the name of its class, which holds addresses and checksums
    folder        the folder inside a data folder where the packed files lie
    packed        the files as they are downloaded, with their bytes
    unpacked      what they become: paths inside a data folder
    """

    torchvision: str
    folder: str
    packed: Mapping[str, int]
    unpacked: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole download."""
        return sum(self.packed.values())


@dataclass(frozen=True)
class Dataset:
    """One `DATASET` in each `skipviz/data/<key>.py`, or one of the user's own.

    load()   → (train_images, train_labels, test_images, test_labels): numpy arrays, images uint8
             (N, C, H, W), labels int64 (N,); SpecError where its files are not here
    key      the name of its file; set where an experiment looks at it
    files    the files that must be here; None where it comes with skipviz
    folder   where the arrays of a user's own set lie; empty for all others
    held_out   one in so many pictures of each class is held out, drawn by the experiment's seed; 0
             where the set has a test part of its own
    gone     one sentence, of a set that stands in for one that was removed or replaced: a run was
             trained on it, and its pictures are not here any more
    """

    title: str
    summary: str
    input_shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train_size: int
    test_size: int
    origin: str
    licence: str
    load: Callable[[], tuple[Any, Any, Any, Any]]
    order: int = 0
    key: str = ""
    citation: str = ""
    files: Files | None = None
    folder: str = ""
    held_out: int = 0
    gone: str = ""

    @property
    def num_classes(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class Probe:
    """One `PROBE` in each `skipviz/probes/<key>.py`: a measurement of a trained run.

    measure(trained, **options) → a JSON-able dict; trained: skipviz.engine.trained.Trained
    stored    is the answer kept with the run (a picture somebody drew is not)
    """

    question: str
    title: str
    definition: str
    source: str
    cost: str
    caveat: str
    knobs: tuple[Knob, ...]
    measure: Callable[..., dict[str, Any]]
    stored: bool = True

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value, or SpecError."""
        table = {knob.name: knob for knob in self.knobs}
        for name in given:
            if name not in table:
                raise SpecError(
                    f"option {show(name)}: this probe has no such option; it has"
                    f" {listed(table) or 'none'}"
                )
        return {name: knob.parse(given.get(name, knob.default)) for name, knob in table.items()}


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def full_settings_of(
    declared: Architecture, family: str, knobs: Mapping[str, Any]
) -> dict[str, Any]:
    """Every knob of `family`, which is `declared`, with its value: `knobs` where given, else the
    family's defaults.

    SpecError where a value is wrong by itself or beside the others.
    """
    given_knobs = parse_knobs(declared, family, knobs)
    settings = {**declared.defaults(given_knobs), **given_knobs}
    declared.check(settings)
    return {knob.name: settings[knob.name] for knob in declared.knobs}


def parse_knobs(declared: Architecture, family: str, knobs: Any) -> dict[str, Any]:
    """The given knobs alone, read and in the declaration's order, or SpecError."""
    if not isinstance(knobs, Mapping):
        raise SpecError(f"knobs {show(knobs)}: must be names with values, such as depth=20")
    table = {knob.name: knob for knob in declared.knobs}
    for name in knobs:
        if name not in table:
            raise SpecError(
                f"knob {show(name)}: {family} has no such knob; its knobs are {listed(table)}"
            )
    return {name: knob.parse(knobs[name]) for name, knob in table.items() if name in knobs}
