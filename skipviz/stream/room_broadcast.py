"""A room's state as its phones see it: encoded once for all of them, when it changes.

There are no queues: a phone that is slow finds the newest state when it looks again. Votes change
nothing that phones see while the question is open.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from skipviz.core import registry
from skipviz.core.phone_protocol import OwnVote, PhoneKind, PhoneMessage, RoomState, Vote
from skipviz.core.scene import Scene
from skipviz.core.strict_json import dumps
from skipviz.store.rooms import Room

GATHERED_S = 0.05
"""Votes of so long are written in one piece."""


def text(message: PhoneMessage) -> str:
    """A message to a phone, as JSON."""
    return dumps(message, separators=(",", ":"))


def state(room: Room) -> RoomState:
    """What a room is asked now. Its number is no secret and safe in JavaScript: 48 bits."""
    scene: Scene | None = registry.scenes().get(room.scene)
    is_closed = scene is not None and not room.is_open
    choices = scene.choices if scene else ()
    now: RoomState = {
        "type": PhoneKind.ROOM,
        "number": 0,
        "phase": "waiting" if scene is None else "closed" if is_closed else "open",
        "ballot": room.ballot,
        "question": scene.question if scene else "",
        "choices": choices,
        "counts": room.counts(room.scene, len(choices)) if is_closed else None,
        "shown": room.shown(room.scene) if is_closed else None,
    }
    digest = hashlib.sha256(text(now).encode()).digest()
    now["number"] = int.from_bytes(digest[:6], "big")
    return now


class RoomBroadcast:
    """What all phones of one room share. Used from one event loop.

    phones    how many follow it
    number    that of the state that they are sent
    encoded   how often a state was made into text, each for all of them
    over      whether the server leaves: nobody waits any more
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.phones = self.encoded = self.number = 0
        self.text = ""
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_due = False
        self._saving = asyncio.Lock()
        self.over = False
        self._look()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """It hears of the room's changes as long as somebody follows."""
        if not self.phones:
            self.room.listeners.add(self._changed)
            self._look()
        self.phones += 1
        try:
            yield
        finally:
            self.phones -= 1
            if not self.phones:
                self.room.listeners.discard(self._changed)

    async def after(self, number: int) -> int:
        """Waits until the state is another one than that of `number`; its number."""
        while self.number == number and not self.over:
            await self._news.wait()
        return self.number

    def leave(self) -> None:
        """The server leaves: whoever waits is answered now."""
        self.over = True
        self._wake()

    def own_vote(self, voter: str) -> OwnVote:
        """What the server holds of one phone's vote."""
        choice = self.room.voted(self.room.scene, voter)
        return {"type": PhoneKind.OWN_VOTE, "ballot": self.room.ballot, "choice": choice}

    async def vote(self, vote: Vote, voter: str) -> OwnVote:
        """Takes a vote; it is in the room's file when this returns. SpecError, OSError."""
        scene: Scene | None = registry.scenes().get(self.room.scene)
        self.room.vote(vote.ballot, voter, vote.choice, len(scene.choices) if scene else 0)
        own_vote = self.own_vote(voter)
        version = self.room.version
        while self.room.saved < version:
            async with self._saving:
                if self.room.saved < version:
                    await asyncio.sleep(GATHERED_S)
                    await asyncio.to_thread(self.room.save)
        return own_vote

    def _changed(self) -> None:
        """Called by whichever thread changed the room; many changes are one look."""
        if not self._is_due:
            self._is_due = True
            with suppress(RuntimeError):  # the loop is closed: nobody follows any more
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._is_due = False
        now = state(self.room)
        if now["number"] != self.number:
            self.number, self.text = now["number"], text(now)
            self.encoded += 1
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
