"""Things that wait for their turn, in the order of `queue_order`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from skipviz.core.guest import LECTURER
from skipviz.server import queue_order
from skipviz.server.queue_order import Line

T = TypeVar("T")


class Waiting(Generic[T]):
    """Runs or measurements that wait, each with a name and a guest. Not safe between threads."""

    def __init__(self) -> None:
        self._line = Line()
        self._things: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, name: str) -> bool:
        return name in self._things

    def __iter__(self) -> Iterator[T]:
        """All that waits, in the order of turns."""
        return iter([self._things[name] for name in queue_order.order(self._line)])

    def join(self, name: str, thing: T, guest: str) -> None:
        """One more, behind those that are there."""
        self._things[name] = thing
        self._line = queue_order.join(self._line, name, guest)

    def give_back(self, name: str, thing: T, guest: str) -> None:
        """One that gave way: the very next of all guests'."""
        self._things[name] = thing
        self._line = queue_order.give_back(self._line, name, guest)

    def leave(self, name: str) -> None:
        """One less, that was cancelled."""
        self._things.pop(name, None)
        self._line = queue_order.leave(self._line, name)

    def has(self, guest: str) -> bool:
        """Does something of this guest wait?"""
        return bool(self._line.of(guest))

    def count(self, guest: str) -> int:
        """How much waits of this guest."""
        return len(self._line.of(guest))

    def of_guests(self) -> int:
        """How much waits of all guests."""
        return len(self._line) - self.count(LECTURER)

    def next(self, *, lecturers: bool) -> T | None:
        """What has the next turn, of the lecturer's or of all guests'; it waits no longer."""
        first_of = LECTURER if lecturers else next(iter(self._line.ring), LECTURER)
        if (not lecturers and not self._line.ring) or not self.has(first_of):
            return None
        name = self._line.of(first_of)[0]
        self._line = queue_order.served(self._line, name)
        return self._things.pop(name)
