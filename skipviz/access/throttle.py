"""How often one address may do something: counted in memory, never written down.

A whole class may share one address, so nobody is shut out: who does it too often waits longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

MOST_ADDRESSES = 10_000
"""So many are remembered; those that did nothing for longest are forgotten first."""


class Throttle:
    """So many at once and so many a second for each address.

    clock   seconds that only grow
    """

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_s, self.burst, self.clock = per_s, burst, clock
        self._next_free: dict[str, float] = {}

    async def passes(self, address: str, longest_s: float) -> bool:
        """Counts one more and waits until its turn; False at once, and not counted, where that
        would take longer than `longest_s` seconds."""
        wait_s = self.count(address, longest_s)
        if wait_s is None:
            return False
        if wait_s:
            await asyncio.sleep(wait_s)
        return True

    def permits(self, address: str) -> bool:
        """Would one more have its turn at once? Counts nothing."""
        return self._wait_s(address) == 0

    def count(self, address: str, longest_s: float) -> float | None:
        """Counts one more; the seconds until its turn, or None where there are too many."""
        now, wait_s = self.clock(), self._wait_s(address)
        next_free = max(self._next_free.pop(address, now), now)
        counts = wait_s <= longest_s
        self._next_free[address] = next_free + (1 / self.per_s if counts else 0)
        if len(self._next_free) > MOST_ADDRESSES:
            del self._next_free[next(iter(self._next_free))]
        return wait_s if counts else None

    def _wait_s(self, address: str) -> float:
        """The seconds until one more has its turn."""
        ahead_s = self._next_free.get(address, 0.0) - self.clock()
        return max(0.0, ahead_s - (self.burst - 1) / self.per_s)
