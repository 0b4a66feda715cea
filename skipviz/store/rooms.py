"""Lecture rooms, found by id or by code.

The id is in the lecturer's address. The code is what phones type: six letters and digits that look
like no other, made with the room, and good for nothing but a vote. A voter is a random word: a
second vote replaces the first. A room is one object in this process (`Rooms.room`), read once,
written through to its file; listeners hear of every change. One that nobody used for 90 days is
deleted; that it was there is forgotten 90 days later.
"""

from __future__ import annotations

import secrets
import threading
import time
from functools import cache
from pathlib import Path

from skipviz.core.knob import SpecError
from skipviz.store.room import WORD, Room
from skipviz.store.store import read_json

ALPHABET = "BCDFGHJKMNPQRSTVWXYZ3479"
"""Neither 0 and O, 1, I and L, 2, 5, 6 and 8 that look like Z, S, G and B, nor vowels: no words."""

CODE_LETTERS = 6
UNUSED_S = 90 * 86_400


def word() -> str:
    """A random word: the id of a room, or a voter."""
    return secrets.token_urlsafe(12)


class Rooms:
    """All rooms of a store: one object each, found by id or by code."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "rooms"
        self._rooms: dict[str, Room] = {}
        self._lock = threading.RLock()
        self._codes: dict[str, str] | None = None

    def room(self, room_id: str) -> Room:
        """The room of an id, there or not. SpecError for what cannot be the id of a room."""
        if not isinstance(room_id, str) or not WORD.fullmatch(room_id):
            raise SpecError("room: there is no such room; its address may be cut")
        with self._lock:
            if room_id not in self._rooms:
                self._rooms[room_id] = Room(self._folder / f"{room_id}.json", self._new_code)
            return self._rooms[room_id]

    def find(self, room_id: str) -> Room | None:
        """The room of an id, where there is one or was one: `Room.ended` says so."""
        if not WORD.fullmatch(room_id):
            return None
        is_known = room_id in self._rooms or (self._folder / f"{room_id}.json").is_file()
        room = self.room(room_id) if is_known else None
        if room is not None and room.exists and _unused(room):
            room.end("expired")
        return room if room is not None and (room.exists or room.ended) else None

    def of_code(self, code: str) -> Room | None:
        """The room that phones mean by a code, in letters of either case."""
        room_id = self._room_ids().get(code.upper())
        return None if room_id is None else self.find(room_id)

    def all_rooms(self) -> list[Room]:
        """All rooms that there are, the one that was used last first."""
        rooms = [self.find(room_id) for room_id in self._ids()]
        there = [room for room in rooms if room is not None and room.exists]
        return sorted(there, key=lambda room: (-room.used_at, room.id))

    def tidy(self) -> None:
        """Deletes the rooms that nobody used for 90 days, and forgets those that were deleted so
        long ago."""
        for room_id in self._ids():  # without the lock: a room that gets its code waits for it
            room = self.find(room_id)
            if room is not None and room.ended and _unused(room):
                with self._lock:
                    (self._folder / f"{room_id}.json").unlink(missing_ok=True)
                    self._rooms.pop(room_id, None)
                    self._room_ids().pop(room.code, None)

    def _ids(self) -> list[str]:
        paths = self._folder.glob("[!.]*.json") if self._folder.is_dir() else ()
        names = [path.stem for path in paths if not path.name.startswith("half-")]
        return [name for name in names if WORD.fullmatch(name)]

    def _new_code(self, room_id: str) -> str:
        with self._lock:
            ids = self._room_ids()
            while True:
                code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
                if ids.setdefault(code, room_id) == room_id:
                    return code

    def _room_ids(self) -> dict[str, str]:
        """The ids of the rooms by their codes; the files are looked through once."""
        with self._lock:
            if self._codes is None:
                self._codes = {
                    code: room_id
                    for room_id in self._ids()
                    if isinstance(
                        code := read_json(self._folder / f"{room_id}.json").get("code"), str
                    )
                }
            return self._codes


def _unused(room: Room) -> bool:
    return 0 < room.used_at < time.time() - UNUSED_S


@cache
def rooms_of(root: Path) -> Rooms:
    """The rooms of a store, the same ones for all of this process."""
    return Rooms(root)
