"""What happens to a server, for whoever operates it: told to the log and counted, never stored.

Only the fields of `Fields` can be told: an event has no address, no name, no browser and no secret.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from enum import StrEnum
from typing import TypedDict, Unpack

LOGGER = logging.getLogger("skipviz.events")
ID_LETTERS = 8
"""So much of a run's id stands in a log: enough to find its folder, too little to open it."""


LINES_A_SECOND = 20
"""So many lines of one kind of event: whoever is refused a thousand times a second fills no disk.
What has no line is counted all the same."""


class Event(StrEnum):
    """Everything that is told."""

    SERVER = "server"
    WORKER = "worker"
    RUN = "run"
    LOGIN = "login"
    REFUSED = "refused"


class Fields(TypedDict, total=False):
    """What an event may say of itself.

    outcome   what became of it: one word of a small set, for it is counted
    run       the beginning of a run's id
    step      of a run
    action    what was refused
    """

    outcome: str
    run: str
    step: int
    action: str


_counts: Counter[tuple[str, str]] = Counter()
_lines: Counter[tuple[str, int]] = Counter()
_lock = threading.Lock()


def tell(event: Event, **fields: Unpack[Fields]) -> None:
    """Writes one event into the log and counts it."""
    if "run" in fields:
        fields["run"] = fields["run"][:ID_LETTERS]
    second = int(time.monotonic())
    with _lock:
        _counts[event.value, fields.get("outcome", "")] += 1
        for past in [key for key in _lines if key[1] != second]:
            del _lines[past]
        _lines[event.value, second] += 1
        if _lines[event.value, second] > LINES_A_SECOND:
            return
    LOGGER.info(event.value, extra={"event": event.value, "fields": fields})


def counts() -> dict[tuple[str, str], int]:
    """How often there was each event with each outcome since the start."""
    with _lock:
        return dict(_counts)
