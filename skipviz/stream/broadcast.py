"""A run's pulse: all viewers hear of the same frames at the same moments.

A `RunBroadcast` looks at its run at most ten times a second, the first time at once. Viewers that
keep up therefore all need the very same bytes, which are made once; one that is slow finds more
news when it looks again, in one message of bounded size. There are no queues, and what was packed
for one viewer is kept no longer than another may ask for it (`packed.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

from skipviz.core.experiment import Experiment
from skipviz.core.protocol import BrowserRequest, ShowSample, Status, TextKind
from skipviz.store.frame_log import FrameLog
from skipviz.stream import messages
from skipviz.stream.packed import Packed

PULSE_S = 0.1
QUIET_S = 0.5
"""Speed changes often and matters little: it is sent twice a second."""

MAPS_S = 1.0
"""Maps are large: the newest go out once a second. A viewer that scrubs fetches all of them."""

_AT_ONCE = ("state", "message", "paused", "pace", "lr", "changes")
"""What is sent without delay; while a run is paused everything is, for nothing may follow."""

FIRST_S = 1.0
"""Whoever comes within so long after another gets the same first message, and what is newer as the
others get it: a class that opens a page costs one packing a second."""


_names = itertools.count()


class LiveRun(Protocol):
    """What the stream needs of a run.

    version      grows with every change of log or status
    experiment   with a set that stands in for its own where that is gone; None where nothing is
                 known but the frames
    """

    @property
    def id(self) -> str: ...
    @property
    def experiment(self) -> Experiment | None: ...
    @property
    def log(self) -> FrameLog: ...
    @property
    def version(self) -> int: ...
    def status(self) -> Status: ...
    def viewer_came(self) -> None: ...
    def viewer_left(self) -> None: ...
    async def changed(self, version: int) -> int:
        """Waits until the run's version is greater than `version`; the new one."""
        ...


class RunBroadcast:
    """What all viewers of one run share. Used from one event loop.

    tick          how often it has looked at its run
    n             the frames that the run had then
    map_n         those whose maps may be sent
    packed        the messages that its viewers share
    over          whether the server leaves: nobody waits any more
    """

    def __init__(self, run: LiveRun, packed: Packed | None = None) -> None:
        self.run = run
        self.viewers = 0
        self.over = False
        self.tick = 0
        self.n = self.map_n = 0
        self.status: Status = {}
        self._quiet_until = self._maps_until = 0.0
        self._news = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self.packed = Packed() if packed is None else packed
        self._name = next(_names)
        self._first_n, self._first_until = 0, 0.0
        self.look()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """It looks as long as somebody watches."""
        self.viewers += 1
        self.run.viewer_came()
        if self._pump is None:
            self._pump = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            self.viewers -= 1
            self.run.viewer_left()
            if not self.viewers and self._pump is not None:
                self._pump.cancel()
                self._pump = None

    async def _follow(self) -> None:
        while True:
            await self.run.changed(self._version)
            self.look()
            await asyncio.sleep(PULSE_S)

    def look(self) -> None:
        """Takes note of what the run has now and wakes the viewers."""
        self._version = self.run.version  # first: what comes meanwhile is looked at again
        self.n = self.run.log.n
        status, now = self.run.status(), time.monotonic()
        turned = any(status.get(key) != self.status.get(key) for key in _AT_ONCE)
        if turned or status.get("paused") or now >= self._quiet_until:
            self.status = status
            self._quiet_until = now + QUIET_S
        if turned or now >= self._maps_until:
            self.map_n = self.n
            self._maps_until = now + MAPS_S
        self.tick += 1
        self._wake()

    def leave(self) -> None:
        """The server leaves: whoever waits is answered now."""
        self.over = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def after(self, tick: int) -> int:
        """Waits until there was another look after `tick`; its number."""
        while self.tick <= tick and not self.over:
            await self._news.wait()
        return self.tick

    def first_n(self) -> int:
        """How many frames the first message of a viewer brings that comes now."""
        now = time.monotonic()
        if now >= self._first_until or self._first_n > self.n:
            self._first_n, self._first_until = self.n, now + FIRST_S
        return self._first_n

    def packed_once(self, key: tuple[Any, ...], pack: Callable[[], bytes]) -> bytes:
        """The bytes of `key`, packed once for all viewers."""
        return self.packed.once((self._name, *key), pack)


class Viewer:
    """What one viewer has got so far: `held` frames, and so what it needs next.

    sample   whose maps it wants; -1 for none
    """

    def __init__(
        self,
        broadcast: RunBroadcast,
        *,
        held: int = 0,
        columns: int = messages.SNAPSHOT_COLUMNS,
        sample: int = -1,
    ) -> None:
        self.broadcast = broadcast
        self.held = held if held <= broadcast.n else 0
        self.columns = max(1, min(columns, messages.SNAPSHOT_COLUMNS))
        self.sample = sample
        self.map_steps: dict[int, int] = {}
        self.fresh = True
        self._sent_status: Status | None = None
        self._lanes = -1

    def goes_on(self, map_steps: list[int]) -> None:
        """The viewer has had its hello, and maps of these steps: it polls again."""
        self._lanes = len(self.broadcast.run.log.tracks)
        self.map_steps = dict(enumerate(map_steps))
        self.fresh = self.broadcast.n - self.held > messages.DELTA_POINTS

    def news(self) -> list[str | bytes]:
        """The messages that bring the viewer up to date."""
        broadcast, log = self.broadcast, self.broadcast.run.log
        status, news = broadcast.status, list[str | bytes]()
        if self._lanes != len(log.tracks):
            self._lanes, self._sent_status = len(log.tracks), status
            run = broadcast.run
            news.append(messages.hello(run.id, log, status, run.experiment))
        elif self._sent_status != status:
            self._sent_status = status
            news.append(messages.text({"type": TextKind.STATUS, "status": status}))
        return [*news, *self._updates(log), *self._maps(log)]

    def _updates(self, log: FrameLog) -> list[bytes]:
        """At most two messages: all that a screen can show, then what came since."""
        broadcast, updates = self.broadcast, list[bytes]()
        if self.fresh and broadcast.n > self.held:
            key = ("snapshot", self.held, self._first_stop(), self.columns)
            updates.append(broadcast.packed_once(key, lambda: messages.snapshot(log, *key[1:])))
            self.held, self.fresh = key[2], False
        if broadcast.n > self.held:
            rows = (self.held, broadcast.n)
            pack = partial(messages.delta, log, *rows)
            updates.append(broadcast.packed_once(("delta", *rows), pack))
            self.held = broadcast.n
        return updates

    def _first_stop(self) -> int:
        """Where the first message ends: where the others' did, unless all of that is held."""
        first_n = self.broadcast.first_n()
        return first_n if first_n > self.held else self.broadcast.n

    def _maps(self, log: FrameLog) -> list[str | bytes]:
        maps: list[str | bytes] = []
        for lane in range(len(log.tracks) if self.sample >= 0 else 0):
            newest = log.map_at(lane, self.broadcast.map_n - 1)
            if newest is not None and newest[0] > self.map_steps.get(lane, -1):
                self.map_steps[lane] = newest[0]
                maps.append(map_message(self.broadcast, lane, newest[0], self.sample))
        return maps

    def answers(self, request: BrowserRequest) -> list[str | bytes]:
        """What a browser's request brings."""
        if isinstance(request, ShowSample):
            return self.shows(request.sample)
        return self.exactly(request.step)

    def shows(self, sample: int) -> list[str | bytes]:
        """The newest maps of another sample, which is followed from now on."""
        if sample == self.sample:
            return []
        self.sample = sample
        self.map_steps.clear()
        return self._maps(self.broadcast.run.log)

    def exactly(self, step: int) -> list[str | bytes]:
        """The recorded step nearest to `step`."""
        log = self.broadcast.run.log
        if not log.n:
            return []
        key = ("exact", log.row(step))
        return [self.broadcast.packed_once(key, lambda: messages.exact(log, step))]


def map_message(
    broadcast: RunBroadcast, lane: int, step: int, sample: int, parts: int = 15
) -> bytes:
    """A lane's maps of one recorded step, packed once for all viewers."""
    log = broadcast.run.log
    key = ("maps", lane, step, sample, parts)
    return broadcast.packed_once(
        key, lambda: messages.maps(log, lane, log.row(step), sample, parts)
    )
