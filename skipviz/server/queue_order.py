"""Who comes next: the lecturer, then one guest after the other. Values and functions of them alone.

    line = join(Line(), "run a", guest="anna")
    order(line)                  what waits, the next one first
    line = served(line, "run a")  its turn has come: its guest goes to the end of the ring

Turns go round between guests, not between their runs: whoever wants ten runs waits for his second
until everybody in the ring has had a turn. Whoever joins stands behind those who are there, so that
no stream of newcomers keeps anybody from his turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from skipviz.core.guest import LECTURER


@dataclass(frozen=True)
class Line:
    """What waits.

    ring      the guests that wait for something, the next one first
    waiting   of each of them, and of the lecturer, the names of what waits, the next one first
    """

    ring: tuple[str, ...] = ()
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.waiting.values()))

    def of(self, guest: str) -> tuple[str, ...]:
        """What waits of one guest."""
        return self.waiting.get(guest, ())

    def whose(self, name: str) -> str | None:
        """Whose turn this is; None for what does not wait."""
        return next((guest for guest, names in self.waiting.items() if name in names), None)


def join(line: Line, name: str, guest: str) -> Line:
    """One more, behind what its guest waits for already."""
    return _with(line, guest, (*line.of(guest), name))


def give_back(line: Line, name: str, guest: str) -> Line:
    """One that had its turn and gave way: the very next of all guests'."""
    given = _with(line, guest, (name, *line.of(guest)))
    if guest == LECTURER:
        return given
    return replace(given, ring=(guest, *(each for each in given.ring if each != guest)))


def leave(line: Line, name: str) -> Line:
    """One less, that was cancelled; its guest keeps his place for the others."""
    guest = line.whose(name)
    if guest is None:
        return line
    return _with(line, guest, tuple(each for each in line.of(guest) if each != name))


def served(line: Line, name: str) -> Line:
    """One whose turn has come: its guest goes to the end of the ring."""
    guest, left = line.whose(name), leave(line, name)
    if guest not in left.ring:
        return left
    return replace(left, ring=(*(each for each in left.ring if each != guest), guest))


def order(line: Line) -> list[str]:
    """All that waits, in the order of turns if nobody joins or leaves."""
    names = list(line.of(LECTURER))
    longest = max((len(line.of(guest)) for guest in line.ring), default=0)
    for turn in range(longest):
        names += [line.of(guest)[turn] for guest in line.ring if turn < len(line.of(guest))]
    return names


def _with(line: Line, guest: str, names: tuple[str, ...]) -> Line:
    waiting = {each: line.of(each) for each in line.waiting if each != guest}
    if names:
        waiting[guest] = names
    if guest == LECTURER:
        return replace(line, waiting=waiting)
    if not names:
        return Line(tuple(each for each in line.ring if each != guest), waiting)
    return Line(line.ring if guest in line.ring else (*line.ring, guest), waiting)
