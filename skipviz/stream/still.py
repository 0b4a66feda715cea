"""A run that changes no more, as the stream sends it: a page of its own needs no manager."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from skipviz.core.experiment import Experiment
from skipviz.core.protocol import Status
from skipviz.store.frame_log import FrameLog


@dataclass(eq=False)
class StillRun:
    """A `broadcast.LiveRun` of which nothing new ever comes."""

    id: str
    log: FrameLog
    experiment: Experiment
    said: Status
    version: int = 1

    def status(self) -> Status:
        return self.said

    def viewer_came(self) -> None:
        """Nobody asks who watches."""

    def viewer_left(self) -> None:
        """Nobody asks who watches."""

    async def changed(self, version: int) -> int:
        """The version, once; then it waits for ever."""
        if version >= self.version:
            await asyncio.Event().wait()
        return self.version
