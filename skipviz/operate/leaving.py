"""How the server leaves: whoever waits for news is answered at once, so that a restart takes
seconds and not the rest of a long poll."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def leaving(leave: Callable[[], None]) -> Iterator[None]:
    """Calls `leave` on this event loop when the process is told to end, before whoever was told of
    it until now. Signals are the main thread's: elsewhere, whoever runs the loop has to call it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def hear(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(leave)
        if callable(handlers[number]):
            handlers[number](number, frame)

    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is hear:
                signal.signal(number, handler)
