"""Lecture rooms: what the room is asked just now, and how it voted. No names are kept.

<store>/rooms/<id>.json   {"code", "scene", "open", "runs": {scene: {name of the run: id}},
                          "votes": {scene: {voter: choice}}, "hands": {scene: [count, …]},
                          "shown": {scene: the choice that the run showed},
                          "rounds": {scene: how often its votes were taken back}}

The id is in the lecturer's address. The code is what phones type: six letters and digits that look
like no other, made with the room, and good for nothing but a vote. A voter is a random word: a
second vote replaces the first. A room is one object in this process (`Rooms.room`), read once,
written through to its file; listeners hear of every change.
"""

from __future__ import annotations

import copy
import re
import secrets
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from skipviz.core.knob import SpecError
from skipviz.store.store import read_json, write_json

_WORD = re.compile(r"[A-Za-z0-9_-]{8,22}")
VOTERS = 2000
"""So many phones may vote in one room."""

ALPHABET = "BCDFGHJKMNPQRSTVWXYZ3479"
"""Neither 0 and O, 1, I and L, 2, 5, 6 and 8 that look like Z, S, G and B, nor vowels: no words."""

CODE_LETTERS = 6


def word() -> str:
    """A random word: the id of a room, or a voter."""
    return secrets.token_urlsafe(12)


class Room:
    """One lecture's room. It outlives a reload and a restart of the server.

    version     grows with every change; a vote is in the file once `saved` has reached it
    listeners   called after every change, by whichever thread made it; they must not linger
    """

    def __init__(self, path: Path, new_code: Callable[[str], str]) -> None:
        self.id = path.stem
        self.version = self.saved = 0
        self.listeners: set[Callable[[], None]] = set()
        self._path = path
        self._new_code = new_code
        self._state = read_json(path)
        self._changing, self._writing = threading.RLock(), threading.Lock()

    @property
    def exists(self) -> bool:
        return bool(self._state)

    @property
    def code(self) -> str:
        """What phones type; a room from before there were codes is given one."""
        if "code" not in self._state:
            self._change(self._give_code)
        code: str = self._state["code"]
        return code

    @property
    def scene(self) -> str:
        """The key of the scene that is shown; empty before the first."""
        scene: str = self._state.get("scene", "")
        return scene

    @property
    def is_open(self) -> bool:
        """Whether the shown scene's question may be voted on."""
        return bool(self._state.get("open", False))

    @property
    def ballot(self) -> str:
        """Names what is voted on: another one when the votes of a scene were taken back."""
        return f"{self.scene}.{self._state.get('rounds', {}).get(self.scene, 0)}"

    def show(self, scene: str, is_open: bool) -> None:
        """Tells the room what is asked now; makes the room where there is none."""
        if not self.exists or (self.scene, self.is_open) != (scene, is_open):

            def ask(room: dict[str, Any]) -> None:
                room.update(scene=scene, open=is_open)
                self._give_code(room)

            self._change(ask)

    def runs(self, scene: str) -> dict[str, str]:
        """The ids of the runs that this room saw of a scene, by the name of the run."""
        runs: dict[str, str] = self._state.get("runs", {}).get(scene, {})
        return runs

    def played(self, scene: str, runs: dict[str, str]) -> None:
        """Remembers a scene's runs."""
        self._change(lambda room: room.setdefault("runs", {}).update({scene: runs}))

    def vote(self, ballot: str, voter: str, choice: int, choices: int) -> None:
        """One phone's choice, in memory: `save` puts it into the file. SpecError where the vote is
        closed or the choice is none."""
        if not _WORD.fullmatch(voter) or not 0 <= choice < choices:
            raise SpecError("vote: this is not one of the choices; open the room's address again")
        with self._changing:
            if self.ballot != ballot or not self.is_open:
                raise SpecError("vote: this question is closed; wait for the next one")
            votes = self._state.setdefault("votes", {}).setdefault(self.scene, {})
            if voter not in votes and len(votes) >= VOTERS:
                raise SpecError(f"vote: {VOTERS} phones have voted; no more fit into this room")
            if votes.get(voter) == choice:
                return
            votes[voter] = choice
            self.version += 1
        self._tell()

    def voted(self, scene: str, voter: str) -> int | None:
        """What this phone chose, or None."""
        choice: int | None = self._state.get("votes", {}).get(scene, {}).get(voter)
        return choice

    def raise_hands(self, scene: str, counts: list[int]) -> None:
        """The hands that the lecturer counted for each choice, beside the phones."""
        if self.hands(scene, len(counts)) != counts:
            self._change(lambda room: room.setdefault("hands", {}).update({scene: counts}))

    def hands(self, scene: str, choices: int) -> list[int]:
        """The hands counted for each choice."""
        counted: list[int] = self._state.get("hands", {}).get(scene, [])
        return [*counted, *[0] * choices][:choices]

    def counts(self, scene: str, choices: int) -> list[int]:
        """Phones and hands for each choice."""
        total = self.hands(scene, choices)
        with self._changing:
            votes = list(self._state.get("votes", {}).get(scene, {}).values())
        for choice in votes:
            if isinstance(choice, int) and 0 <= choice < choices:
                total[choice] += 1
        return total

    def reveal(self, scene: str, choice: int) -> None:
        """Remembers which choice the scene's run showed."""
        if self.shown(scene) != choice:
            self._change(lambda room: room.setdefault("shown", {}).update({scene: choice}))

    def shown(self, scene: str) -> int | None:
        """Which choice the scene's run showed; None before the room has seen it."""
        choice: int | None = self._state.get("shown", {}).get(scene)
        return choice

    def forget(self, scene: str) -> None:
        """Takes the votes, hands, runs and result of a scene back."""

        def drop(room: dict[str, Any]) -> None:
            for of in ("votes", "hands", "runs", "shown"):
                room.get(of, {}).pop(scene, None)
            rounds = room.setdefault("rounds", {})
            rounds[scene] = rounds.get(scene, 0) + 1

        self._change(drop)

    def save(self) -> None:
        """Puts all that has changed into the file. OSError."""
        with self._writing:
            with self._changing:
                version, state = self.version, _copied(self._state)
            if version > self.saved:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_json(self._path, state)
                self.saved = version

    def _give_code(self, room: dict[str, Any]) -> None:
        if "code" not in room:
            room["code"] = self._new_code(self.id)

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        with self._changing:
            change(self._state)
            self.version += 1
        self.save()
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """A room's state that later changes do not reach; a deep copy would hold the votes up."""
    return {
        name: {scene: copy.copy(part) for scene, part in of.items()} if isinstance(of, dict) else of
        for name, of in state.items()
    }


class Rooms:
    """All rooms of a store: one object each, found by id or by code."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "rooms"
        self._rooms: dict[str, Room] = {}
        self._lock = threading.RLock()
        self._codes: dict[str, str] | None = None

    def room(self, room_id: str) -> Room:
        """The room of an id, there or not. SpecError for what cannot be the id of a room."""
        if not isinstance(room_id, str) or not _WORD.fullmatch(room_id):
            raise SpecError("room: there is no such room; its address may be cut")
        with self._lock:
            if room_id not in self._rooms:
                self._rooms[room_id] = Room(self._folder / f"{room_id}.json", self._new_code)
            return self._rooms[room_id]

    def find(self, room_id: str) -> Room | None:
        """The room of an id, where there is one."""
        if not _WORD.fullmatch(room_id):
            return None
        is_known = room_id in self._rooms or (self._folder / f"{room_id}.json").is_file()
        room = self.room(room_id) if is_known else None
        return room if room is not None and room.exists else None

    def of_code(self, code: str) -> Room | None:
        """The room that phones mean by a code, in letters of either case."""
        room_id = self._room_ids().get(code.upper())
        return None if room_id is None else self.find(room_id)

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
                paths = self._folder.glob("[!.]*.json") if self._folder.is_dir() else ()
                self._codes = {
                    code: path.stem
                    for path in paths
                    if _WORD.fullmatch(path.stem)
                    and isinstance(code := read_json(path).get("code"), str)
                }
            return self._codes


@cache
def rooms_of(root: Path) -> Rooms:
    """The rooms of a store, the same ones for all of this process."""
    return Rooms(root)
