"""One page is drawn at a time.

A page computes for 10 to 25 ms. Where a hundred are asked for at once, a hundred threads that take
Python's lock from one another, and from the loop that sends what they drew, make each of them wait
for all; one after the other, each is done when its turn is over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

LEASE_S = 0.5


class Turns:
    """Turns in the order of asking; whoever has had his for `lease_s` seconds, because he waits for
    something himself, goes on beside the next one.
    """

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._preferred: deque[threading.Event] = deque()
        self._others: deque[threading.Event] = deque()
        self._having: threading.Event | None = None
        self._began = 0.0

    @contextmanager
    def taken(self, preferred: bool = False) -> Iterator[None]:
        """A turn for what is done inside; the preferred go before all others that wait."""
        mine = threading.Event()
        with self._lock:
            (self._preferred if preferred else self._others).append(mine)
            self._pass_on()
        try:
            while not mine.wait(self._lease_s):
                with self._lock:
                    self._pass_on()
            yield
        finally:
            with self._lock:
                if self._having is mine:
                    self._having = None
                self._pass_on()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._preferred) + len(self._others)

    def _pass_on(self) -> None:
        """Begins the next turn if the present one is over or has taken its time."""
        now = time.monotonic()
        is_free = self._having is None or now - self._began >= self._lease_s
        waiting = self._preferred or self._others
        if waiting and is_free:
            self._having, self._began = waiting.popleft(), now
            self._having.set()


PAGES = Turns()
