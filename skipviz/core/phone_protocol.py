"""What a room and its phones say to each other, as JSON.

    server → phone    a RoomState when the room has changed; OwnVote, to one phone alone; Refusal
    phone → server    a Vote, or a Look: "this is what I hold", which is answered by an OwnVote

`stream.phones` sends them; the phone's page has the same as types in `assets/vote/ballot.js`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypedDict

from skipviz.core.protocol import UnknownMessage

MOST_BYTES = 500
"""What a phone says is shorter than this."""


class PhoneKind(StrEnum):
    """`type` of a message to a phone."""

    ROOM = "room"
    OWN_VOTE = "vote"
    REFUSAL = "refusal"


class RoomState(TypedDict):
    """What the room is asked now: the same for all phones.

    number     made of the state itself: equal states have equal ones, after a restart too
    phase      "waiting" before the first question; "open": it may be voted on; "closed"
    ballot     names what is voted on; a vote says it again
    counts     phones and hands for each choice; None while it is open: nobody votes with the most
    shown      which choice the run showed; None before that
    """

    type: Literal[PhoneKind.ROOM]
    number: int
    phase: Literal["waiting", "open", "closed"]
    ballot: str
    question: str
    choices: Sequence[str]
    counts: Sequence[int] | None
    shown: int | None


class OwnVote(TypedDict):
    """What the server holds of this phone's vote: a vote that was taken is acknowledged so."""

    type: Literal[PhoneKind.OWN_VOTE]
    ballot: str
    choice: int | None


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
class Look:
    """{"number": of the state that the phone holds; 0: none}"""

    number: int


def from_phone(body: str | bytes) -> Vote | Look:
    """What a phone said. UnknownMessage for anything else."""
    try:
        value = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        value = None
    match value:
        case {"ballot": str(ballot), "choice": int(choice), **rest} if not rest:
            if not isinstance(choice, bool):
                return Vote(ballot, choice)
        case {"number": int(number), **rest} if not rest:
            return Look(number)
    raise UnknownMessage(f"something that is no vote ({body[:60]!r})")
