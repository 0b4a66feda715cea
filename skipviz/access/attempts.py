"""Guessing is slowed down: so many failures a minute from one address, and so many in all."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0
OF_ONE = 5
OF_ALL = 100


class Attempts:
    """The failures of the last minute. Addresses are in memory alone, and for so long.

    clock   seconds that only grow
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[tuple[float, str]] = deque()

    def permitted(self, address: str) -> bool:
        """May this address try, now?"""
        while self._failures and self._failures[0][0] <= self._clock() - WINDOW_S:
            self._failures.popleft()
        of_one = sum(each == address for _, each in self._failures)
        return of_one < OF_ONE and len(self._failures) < OF_ALL

    def failed(self, address: str) -> None:
        """Counts a failure."""
        self._failures.append((self._clock(), address))
