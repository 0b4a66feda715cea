"""Messages that were packed for several viewers, of all runs together: bounded in bytes and time.

Viewers that keep up ask for the same bytes within one pulse; whoever comes while the others' first
message is a second old gets that one. Nothing else is asked for twice, so that nothing else stays:
three hundred pages that are open do not keep three hundred first messages.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

KEPT_BYTES = 4 * 2**20
KEPT_S = 3.0


class Packed:
    """What was packed lately. Used from one event loop.

    encoded   how many messages were packed, each for all viewers
    nbytes    what is kept of them
    clock     seconds that only grow
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.encoded = self.nbytes = 0
        self.clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, bytes]] = OrderedDict()

    def once(self, key: Hashable, pack: Callable[[], bytes]) -> bytes:
        """The bytes of `key`, packed where they are not kept."""
        self.let_go()
        if key not in self._kept:
            body = pack()
            self.encoded += 1
            if len(body) > KEPT_BYTES:
                return body
            self._kept[key] = (self.clock() + KEPT_S, body)
            self.nbytes += len(body)
            self._shrink()
        return self._kept[key][1]

    def let_go(self) -> None:
        """Forgets what is too old to be asked for."""
        now = self.clock()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._forget_oldest()

    def _shrink(self) -> None:
        while self.nbytes > KEPT_BYTES:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, (_, body) = self._kept.popitem(last=False)
        self.nbytes -= len(body)
