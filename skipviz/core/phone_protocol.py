"""What a room and its phones say to each other, as JSON.

    server → phone    a RoomState when the room has changed; OwnVote, to one phone alone; Refusal
    phone → server    a Vote, a Curve or a Number; or a Look: "this is what I hold", answered by an
                      OwnVote

`stream.phones` sends them; the phone's page has the same as types in `assets/vote/ballot.js`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Literal, TypedDict

from skipviz.core import strict_json
from skipviz.core.protocol import UnknownMessage

MOST_BYTES = 500
"""What a phone says is shorter than this."""

LEAST_HEIGHTS, MOST_HEIGHTS = 2, 33
"""So many places, evenly over the x axis, has a sketched curve."""


class PhoneKind(StrEnum):
    """`type` of a message to a phone."""

    ROOM = "room"
    OWN_VOTE = "vote"
    REFUSAL = "refusal"


class Stage(StrEnum):
    """Of the answers to a scene's question which ones: each is kept apart from the others."""

    FIRST = "first"
    SECOND = "second"
    SEEN = "seen"
    PICK = "pick"


class Phase(StrEnum):
    """How far a question is; the server decides it. CURVES: the wall lays the sketches over one
    another. PICK: everybody picks a number; PICKED: each of them is tried, or was."""

    WAITING = "waiting"
    VOTE = "vote"
    TALK = "talk"
    SECOND_VOTE = "second"
    CURVES = "curves"
    RUN = "run"
    SEEN = "seen"
    REVEAL = "reveal"
    PICK = "pick"
    PICKED = "picked"

    @property
    def stage(self) -> Stage | None:
        """Which answers are taken now; None: none are."""
        stages = {
            Phase.VOTE: Stage.FIRST,
            Phase.SECOND_VOTE: Stage.SECOND,
            Phase.SEEN: Stage.SEEN,
            Phase.PICK: Stage.PICK,
        }
        return stages.get(self)


class SketchAxes(TypedDict):
    """The axes on which a phone draws; ranges in the figure's own units."""

    x: str
    y: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_y: bool


class PickScale(TypedDict):
    """What a phone picks: a number from `low` to `high`, of two digits where the scale is
    logarithmic, else a multiple of `step`; and the nets that are trained with it.

    steps    of which each net makes so many
    chance   the loss of guessing
    """

    label: str
    low: float
    high: float
    log: bool
    step: float
    lanes: Sequence[str]
    families: Sequence[str]
    steps: int
    chance: float


class Tried(TypedDict):
    """What came of the numbers so far.

    total      how many different ones are tried
    state      "running"; "finished"; "stopped" and "failed": more will not come
    outcomes   of a number: itself, the final training loss of each lane, or None where it diverged,
               and the step at which it did, or None
    """

    total: int
    state: Literal["running", "finished", "stopped", "failed"]
    outcomes: Sequence[tuple[float, Sequence[float | None], Sequence[int | None]]]


class View(TypedDict):
    """What the wall shows.

    scene, page   the scene's title, and what its page is
    says          what to look at; empty where nothing is to be
    run           the run that is on the wall, whose live charts a phone may open; empty: none
    panels        of its charts
    quantity      of its profiles
    colours       of each lane, on a light and on a dark page
    step          that the lecturer has chosen in its charts; None: the newest
    """

    scene: str
    page: str
    says: str
    run: str
    panels: Sequence[str]
    quantity: str
    colours: Sequence[tuple[str, str]]
    step: int | None


class RoomState(TypedDict):
    """What the room is asked now: the same for all phones.

    number     made of the state itself: equal states have equal ones, after a restart too
    ballot     names what is answered; an answer says it again
    kind       what an answer is: the number of a choice, a curve on `axes`, a number on the scale
               `pick`
    tried      what came of the numbers that were picked; None while they are
    talk_ends  when the talk with one's neighbour is to end, in seconds of the server's clock
    counts     phones and hands for each choice: the first vote's, the second's, and what was seen
               (a last choice more: "I could not tell"); None before the reveal: nobody votes with
               the most; None, too, where there was none
    view       what the wall shows; None before the first page
    shown      which choice the run showed; None before the reveal
    """

    type: Literal[PhoneKind.ROOM]
    number: int
    phase: Phase
    ballot: str
    kind: Literal["choice", "sketch", "pick"]
    question: str
    choices: Sequence[str]
    axes: SketchAxes | None
    pick: PickScale | None
    tried: Tried | None
    talk_ends: float | None
    counts: Sequence[int] | None
    second_counts: Sequence[int] | None
    seen_counts: Sequence[int] | None
    view: View | None
    shown: int | None


class OwnVote(TypedDict):
    """What the server holds of this phone: an answer that was taken is acknowledged so.

    choice, curve          the answer to `ballot`; while nothing is asked, the last vote's
    pick                   the number that this phone picked
    first, second, seen    this phone's choices so far
    now                    the server's clock, in seconds
    """

    type: Literal[PhoneKind.OWN_VOTE]
    ballot: str
    choice: int | None
    curve: Sequence[float] | None
    pick: float | None
    first: int | None
    second: int | None
    seen: int | None
    now: float


class Refusal(TypedDict):
    """What this phone wanted cannot be; `message` says in a sentence why.

    final   whether it is of no use to ask again: there is no such room, or no cookie is kept
    """

    type: Literal[PhoneKind.REFUSAL]
    message: str
    final: bool


PhoneMessage = RoomState | OwnVote | Refusal


@dataclass(frozen=True)
class Vote:
    """{"ballot": …, "choice": k}"""

    ballot: str
    choice: int


@dataclass(frozen=True)
class Curve:
    """{"ballot": …, "curve": […]}: heights at places evenly over the x axis, 0 at the lower end of
    the y axis, 1 at its upper."""

    ballot: str
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Number:
    """{"ballot": …, "pick": a number}"""

    ballot: str
    pick: float


@dataclass(frozen=True)
class Look:
    """{"number": of the state that the phone holds; 0: none}"""

    number: int


def from_phone(body: str | bytes) -> Vote | Curve | Number | Look:
    """What a phone said. UnknownMessage for anything else."""
    try:
        value = strict_json.read(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        value = None
    match value:
        case {"ballot": str(ballot), "choice": int(choice), **rest} if not rest:
            if not isinstance(choice, bool):
                return Vote(ballot, choice)
        case {"ballot": str(ballot), "curve": [*heights], **rest} if not rest:
            if LEAST_HEIGHTS <= len(heights) <= MOST_HEIGHTS and all(map(_is_height, heights)):
                return Curve(ballot, tuple(round(float(height), 3) for height in heights))
        case {"ballot": str(ballot), "pick": float() | int() as pick, **rest} if not rest:
            if not isinstance(pick, bool) and isfinite(pick):
                return Number(ballot, float(pick))
        case {"number": int(number), **rest} if not rest:
            return Look(number)
    raise UnknownMessage(f"something that is no vote ({body[:60]!r})")


def _is_height(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
