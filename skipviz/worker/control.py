"""What the server wants of the run under way, and the clock that it is timed with."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import NamedTuple

from skipviz.core.protocol import GiveWay, OrderKind, RunOrder, SetValue, Steer, Stop

WINDOW_S = 5.0
"""The speed is that of the last so many seconds."""


class Wish(NamedTuple):
    """What is wanted between two steps.

    paused   the run is to stand still
    single   … after exactly one more step
    pace     steps per second; 0: as fast as it goes
    lr       a new base learning rate, or None
    heard    the number of the newest order in it
    """

    paused: bool
    single: bool
    pace: float
    lr: float | None
    heard: int


class Control:
    """The orders for one run: heard by the thread that reads them, taken between two steps."""

    def __init__(self) -> None:
        self.stopped = self.gone = self.gives_way = False
        self._paused, self._singles, self._pace, self._heard = False, 0, 0.0, 0
        self._lr: float | None = None
        self._news = False
        self._bell = threading.Condition()

    @property
    def leaving(self) -> bool:
        """Is the run to end here?"""
        return self.stopped or self.gone or self.gives_way

    def hear(self, order: RunOrder) -> None:
        """Takes note of an order."""
        with self._bell:
            match order:
                case Stop():
                    self.stopped = True
                case GiveWay():
                    self.gives_way = True
                case SetValue(OrderKind.PACE, _, pace):
                    self._pace = pace
                case SetValue(OrderKind.LEARNING_RATE, _, lr):
                    self._lr = lr
                case Steer(do):
                    self._paused = do is not OrderKind.RESUME
                    self._singles = self._singles + 1 if do is OrderKind.STEP else 0
            if not isinstance(order, Stop | GiveWay):
                self._heard = order.number
            self._ring()

    def leave(self) -> None:
        """The server is gone."""
        with self._bell:
            self.gone = True
            self._ring()

    def _ring(self) -> None:
        self._news = True
        self._bell.notify()

    def take(self) -> Wish:
        """What is wanted now. A single step and a learning rate are handed out once."""
        with self._bell:
            wish = Wish(self._paused, self._singles > 0, self._pace, self._lr, self._heard)
            self._singles = max(0, self._singles - 1)
            self._lr = None
            return wish

    def wait_for(self, number: int) -> None:
        """Sleeps until the order of this number was heard, or the run is to end."""
        with self._bell:
            self._bell.wait_for(lambda: self._heard >= number or self.leaving)

    def wait(self, seconds: float | None) -> None:
        """Sleeps until something new was heard since the last wait, at most so long."""
        with self._bell:
            self._bell.wait_for(lambda: self._news, seconds)
            self._news = False


class Clock:
    """Seconds of training: it stands still while the run does.

    so_far   where it goes on: what the run had taken when it was interrupted
    """

    def __init__(self, so_far: float = 0.0) -> None:
        self._so_far = so_far
        self._since: float | None = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque()

    def read(self) -> float:
        running = 0.0 if self._since is None else time.monotonic() - self._since
        return self._so_far + running

    def stop(self) -> None:
        self._so_far, self._since = self.read(), None

    def go(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def speed(self, step: int) -> float:
        """Steps per second over the last seconds, now that so many are done; 0 at first."""
        now, marks = self.read(), self._marks
        marks.append((now, step))
        while len(marks) > 2 and marks[1][0] < now - WINDOW_S:
            marks.popleft()
        seconds = now - marks[0][0]
        return (step - marks[0][1]) / seconds if seconds > 0 else 0.0

    def forget(self) -> None:
        """Another pace: what was measured until now says nothing about it."""
        while len(self._marks) > 1:
            self._marks.popleft()
