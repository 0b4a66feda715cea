"""What the server, its workers and the browsers say to each other: every kind, and what is in it.

    server → worker    an Order: Train, Measure, TrainChoices, Stop, GiveWay,
                       Steer, SetValue
    worker → server    a Report: Hello, Frames, Progress, Outcomes, Answer
    server → browser   a TextMessage (JSON): RunHello, StatusMessage, MissingMessage; or a packed
                       message of a PackedKind, whose layout stands in `stream.messages`
    browser → server   a BrowserRequest: GetStep, ShowSample

`server.pipe` makes bytes of orders and reports, `stream.messages` of what goes to browsers, whose
side has the same as types in `assets/live/`. Whoever hears a kind that it does not know says so in
one sentence in its log and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum
from typing import Any, ClassVar, Literal, TypedDict, get_args


class UnknownMessage(ValueError):
    """A message of a kind that is not known here, or without what its kind has; one sentence."""


State = Literal["queued", "running", "finished", "stopped", "interrupted", "failed"]
STATES: tuple[State, ...] = get_args(State)
ENDED = STATES[2:]


class LearningRateChange(TypedDict):
    """From `step` on the base learning rate is `lr`: changed by hand."""

    step: int
    lr: float


class ProcessMark(TypedDict):
    """A process, so that no later one of the same number is taken for it: `started` as seconds
    since 1970."""

    pid: int
    started: float


class Status(TypedDict, total=False):
    """How a run is. The worker that trains it says it, before and after its server does; it lies in
    the run's status.json, and all but `worker` goes to browsers. Any of it may be missing, but the
    state.

    message       one sentence for the viewer; "" for none
    step          the newest, in updates made
    steps         all that there will be
    steps_per_s   over the last seconds
    device        "cpu", "cuda" or "mps"
    engines       what trains its lanes
    paused        whether it stands still
    pace          steps per second of slow motion; 0: as fast as it goes
    lr            the base learning rate at `step`
    changes       of it, made by hand
    heard         the number of the newest order that is obeyed
    seconds       its budget in time, where it has one
    spent_s       seconds of that are spent
    began         the moment when its clock was at 0, in seconds since 1970
    worker        the process that trains it, or the server that it waits in
    recorded      of a recording: the day, as YYYY-MM-DD
    machine       the name of the processor or GPU that trains it; it goes to browsers alone
    """

    state: State
    message: str
    step: int
    steps: int
    steps_per_s: float
    device: str
    engines: list[str]
    paused: bool
    pace: float
    lr: float
    changes: Sequence[LearningRateChange]
    heard: int
    seconds: float
    spent_s: float
    began: float
    worker: ProcessMark
    recorded: str
    machine: str


# --- Server → worker ------------------------------------------------------------------------


class OrderKind(StrEnum):
    """What the server wants of a worker: `do` of the JSON object that it sends."""

    TRAIN = "train"
    MEASURE = "probe"
    CHOICES = "choices"
    STOP = "stop"
    GIVE_WAY = "give way"
    PAUSE = "pause"
    RESUME = "resume"
    STEP = "step"
    PACE = "pace"
    LEARNING_RATE = "lr"


@dataclass(frozen=True)
class Train:
    """Train a run, from its first step or from its checkpoint.

    run          its id
    experiment   its Experiment as JSON
    folder       where it is stored; None: it is kept in the server's memory alone
    resume       whether it goes on from its checkpoint
    begins_with  the number of the newest order that it was given in the queue: its first step waits
                 for that; 0: there was none
    """

    do: ClassVar = OrderKind.TRAIN
    run: str
    experiment: str
    folder: str | None
    resume: bool
    begins_with: int = 0


@dataclass(frozen=True)
class Measure:
    """Measure a stored run with a probe; answered by an Answer with the same `job`.

    folder       of the run
    probe        the probe's key
    options      the probe's, checked
    seed_index   which of the run's seeds, from 0
    """

    do: ClassVar = OrderKind.MEASURE
    job: int
    folder: str
    probe: str
    options: Mapping[str, Any]
    seed_index: int


@dataclass(frozen=True)
class TrainChoices:
    """Train many choices of one number; answered by Outcomes as they come, and by an Answer with
    the same `job`: {"seconds": about how long all of it takes} where that is all that is wanted,
    else {"stopped": whether it was}.

    run           what a Stop names
    experiments   of each choice, as JSON
    only_time     whether some steps are to be timed and nothing is to be trained
    """

    do: ClassVar = OrderKind.CHOICES
    job: int
    run: str
    experiments: Sequence[str]
    only_time: bool = False


@dataclass(frozen=True)
class Stop:
    """End the run where it is."""

    do: ClassVar = OrderKind.STOP
    run: str


@dataclass(frozen=True)
class GiveWay:
    """Leave the run after the step in hand, saved, for others' sake: it will go on."""

    do: ClassVar = OrderKind.GIVE_WAY
    run: str


SteerKind = Literal[OrderKind.PAUSE, OrderKind.RESUME, OrderKind.STEP]
ValueKind = Literal[OrderKind.PACE, OrderKind.LEARNING_RATE]


@dataclass(frozen=True)
class Steer:
    """Stand still, go on, or make exactly one more step and then stand still.

    number   of the orders that the run was given, from 1: its status says how many were `heard`
    """

    do: SteerKind
    run: str
    number: int = 0


@dataclass(frozen=True)
class SetValue:
    """From the next step on another pace (steps per second; 0: as fast as it goes) or another base
    learning rate. `number` as in Steer."""

    do: ValueKind
    run: str
    value: float
    number: int = 0


RunOrder = Stop | GiveWay | Steer | SetValue
"""Orders for a run that is under way."""

Order = Train | Measure | TrainChoices | RunOrder


# --- Worker → server ------------------------------------------------------------------------


class PipeKind(Enum):
    """The first byte of a message between server and worker. Orders alone go to the worker."""

    ORDER = b"C"
    HELLO = b"H"
    FRAMES = b"A"
    PROGRESS = b"S"
    OUTCOMES = b"O"
    ANSWER = b"P"


class Device(TypedDict):
    """A device that can train: "cuda", "mps" or "cpu", its name, and its memory in bytes."""

    key: str
    name: str
    memory: int
    free: int


class Machine(TypedDict):
    """Versions and hardware, as they stand in a run's machine.json; `memory` in bytes."""

    python: str
    system: str
    cores: int | None
    memory: int
    devices: list[Device]
    torch: str
    torchvision: str
    numpy: str
    streamlit: str


@dataclass(frozen=True)
class Hello:
    """A worker's first: it is warm.

    devices   those that can train, the GPU first
    placing   where `auto` trains, as `core.placing.Placing.to_json` has it
    speeds    multiply-adds per second of each device
    """

    devices: list[Device]
    machine: Machine
    placing: dict[str, Any]
    speeds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Frames:
    """Arrow IPC bytes of the run that is trained, the very bytes that stand in its frames.arrow."""

    data: bytes


@dataclass(frozen=True)
class Progress:
    """How a run is now."""

    run: str
    status: Status


class ChoiceOutcome(TypedDict):
    """What came of the choice of this number.

    losses        the final training loss of each lane (`core.final`), median over the seeds that
                  live; None where none does
    diverged_at   for each lane the step at which the first of its seeds diverged, or None
    """

    choice: int
    losses: Sequence[float | None]
    diverged_at: Sequence[int | None]


@dataclass(frozen=True)
class Outcomes:
    """How far the training of choices is: the share of the work that is done, and what came of
    choices since the last report."""

    job: int
    share: float
    outcomes: Sequence[ChoiceOutcome]


@dataclass(frozen=True)
class Answer:
    """What a measurement gave: the probe's `value`, or where there is none, one sentence."""

    job: int
    value: dict[str, Any] | None = None
    error: str = ""


Report = Hello | Frames | Progress | Outcomes | Answer


# --- Server → browser -----------------------------------------------------------------------


class TextKind(StrEnum):
    """`type` of a JSON message to a browser."""

    HELLO = "hello"
    STATUS = "status"
    MISSING = "missing"


class PackedKind(IntEnum):
    """The first byte of a packed message to a browser.

    UPDATE     frames that are new, with some of their profiles
    MAPS       the maps of one lane and sample at one step
    EXACT      one frame exactly as it was recorded, as GetStep asks for it
    PROFILES   the profiles of steps that were asked for
    """

    UPDATE = 1
    MAPS = 2
    EXACT = 3
    PROFILES = 4


class Axes(TypedDict):
    """The axes of one lane: `store.frame_schema` says what each is."""

    label: str
    family: str
    points: Sequence[tuple[str, int]]
    layers: Sequence[tuple[str, int]]
    gates: Sequence[tuple[str, int]]
    cells: int
    seeds: int
    held_out: bool
    units: Sequence[tuple[str, int]]
    samples: int
    averaged: int
    bias: float | None


Shortcut = Literal["none", "identity", "projection"]
"""What leads around a unit's layers; a projection is any that is not the identity."""


class NetPart(TypedDict):
    """Neighbouring units of a net that differ in nothing but their channels.

    title      what one of them is called
    units      how many there are
    point      the place of the first one's signal point; the others' follow
    gate       the place of the first one's gates; None: they have none
    joins      the signs of its joins, in order
    """

    title: str
    units: int
    point: int
    gate: int | None
    joins: str
    shortcut: Shortcut


class RunHello(TypedDict):
    """The first message, and the first after a new connection: what the run is.

    n         frames that there are
    steps     that the run will have at most
    seconds   its budget in time; 0: none
    seed      the first of its `seeds`
    tracks    the axes of its lanes
    took_s    seconds from its start to its newest frame
    nets      each lane's net; none where its experiment cannot be read
    """

    type: Literal[TextKind.HELLO]
    run: str
    n: int
    steps: int
    seconds: float
    seed: int
    seeds: int
    tracks: Sequence[Axes]
    took_s: float
    nets: Sequence[Sequence[NetPart]]
    status: Status


class StatusMessage(TypedDict):
    """The run's status has changed."""

    type: Literal[TextKind.STATUS]
    status: Status


class MissingMessage(TypedDict):
    """There is no such run; `message` says so in a sentence."""

    type: Literal[TextKind.MISSING]
    message: str


TextMessage = RunHello | StatusMessage | MissingMessage


# --- Browser → server -----------------------------------------------------------------------


class RequestKind(StrEnum):
    """The one name in the JSON object that a browser sends; its value is a whole number."""

    GET_STEP = "get"
    SHOW_SAMPLE = "sample"


@dataclass(frozen=True)
class GetStep:
    """{"get": step}: the recorded step nearest to it, exactly."""

    step: int


@dataclass(frozen=True)
class ShowSample:
    """{"sample": k}: from now on the maps of another sample; -1: none."""

    sample: int


BrowserRequest = GetStep | ShowSample
