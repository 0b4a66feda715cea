"""Lecture rooms: what the room is asked just now, and how it voted. No names are kept.

<store>/rooms/<id>.json   {"scene", "open", "runs": {scene: {name of the run: id}},
                          "votes": {scene: {voter: choice}}, "hands": {scene: [count, …]},
                          "shown": {scene: the choice that the run showed}}
A voter is a random word in the address of that phone's page: a second vote replaces the first.
"""

from __future__ import annotations

import re
import secrets
import threading
from pathlib import Path
from typing import Any

from skipviz.core.knob import SpecError
from skipviz.store.store import read_json, write_json

_WORD = re.compile(r"[A-Za-z0-9_-]{8,22}")
VOTERS = 2000
"""So many phones may vote in one room."""

_lock = threading.Lock()


def word() -> str:
    """A random word: the id of a room, or of a voter."""
    return secrets.token_urlsafe(8)


class Room:
    """One lecture's room, kept in a file: it outlives a reload and a restart of the server."""

    def __init__(self, root: Path, room_id: str) -> None:
        """SpecError for what cannot be the id of a room."""
        if not isinstance(room_id, str) or not _WORD.fullmatch(room_id):
            raise SpecError("room: there is no such room; its address may be cut")
        self.id = room_id
        self._path = root / "rooms" / f"{room_id}.json"

    @property
    def exists(self) -> bool:
        return self._path.is_file()

    @property
    def scene(self) -> str:
        """The key of the scene that is shown; empty before the first."""
        scene: str = read_json(self._path).get("scene", "")
        return scene

    @property
    def is_open(self) -> bool:
        """Whether the shown scene's question may be voted on."""
        return bool(read_json(self._path).get("open", False))

    def show(self, scene: str, is_open: bool) -> None:
        """Tells the room what is asked now; makes the room where there is none."""
        if not self.exists or (self.scene, self.is_open) != (scene, is_open):
            self._change(lambda room: room.update(scene=scene, open=is_open))

    def runs(self, scene: str) -> dict[str, str]:
        """The ids of the runs that this room saw of a scene, by the name of the run."""
        runs: dict[str, str] = read_json(self._path).get("runs", {}).get(scene, {})
        return runs

    def played(self, scene: str, runs: dict[str, str]) -> None:
        """Remembers a scene's runs."""
        self._change(lambda room: room.setdefault("runs", {}).update({scene: runs}))

    def vote(self, scene: str, voter: str, choice: int, choices: int) -> None:
        """One phone's choice; SpecError where the vote is closed or the choice is none."""
        if not _WORD.fullmatch(voter) or not 0 <= choice < choices:
            raise SpecError("vote: this is not one of the choices; open the room's address again")
        if self.scene != scene or not self.is_open:
            raise SpecError("vote: this question is closed; wait for the next one")

        def add(room: dict[str, Any]) -> None:
            votes = room.setdefault("votes", {}).setdefault(scene, {})
            if voter not in votes and len(votes) >= VOTERS:
                raise SpecError(f"vote: {VOTERS} phones have voted; no more fit into this room")
            votes[voter] = choice

        self._change(add)

    def voted(self, scene: str, voter: str) -> int | None:
        """What this phone chose, or None."""
        choice: int | None = read_json(self._path).get("votes", {}).get(scene, {}).get(voter)
        return choice

    def raise_hands(self, scene: str, counts: list[int]) -> None:
        """The hands that the lecturer counted for each choice, beside the phones."""
        if self.hands(scene, len(counts)) != counts:
            self._change(lambda room: room.setdefault("hands", {}).update({scene: counts}))

    def hands(self, scene: str, choices: int) -> list[int]:
        """The hands counted for each choice."""
        counted: list[int] = read_json(self._path).get("hands", {}).get(scene, [])
        return [*counted, *[0] * choices][:choices]

    def counts(self, scene: str, choices: int) -> list[int]:
        """Phones and hands for each choice."""
        total = self.hands(scene, choices)
        for choice in read_json(self._path).get("votes", {}).get(scene, {}).values():
            if isinstance(choice, int) and 0 <= choice < choices:
                total[choice] += 1
        return total

    def reveal(self, scene: str, choice: int) -> None:
        """Remembers which choice the scene's run showed."""
        if self.shown(scene) != choice:
            self._change(lambda room: room.setdefault("shown", {}).update({scene: choice}))

    def shown(self, scene: str) -> int | None:
        """Which choice the scene's run showed; None before the room has seen it."""
        choice: int | None = read_json(self._path).get("shown", {}).get(scene)
        return choice

    def forget(self, scene: str) -> None:
        """Takes the votes, hands, runs and result of a scene back."""

        def drop(room: dict[str, Any]) -> None:
            for of in ("votes", "hands", "runs", "shown"):
                room.get(of, {}).pop(scene, None)

        self._change(drop)

    def _change(self, change: Any) -> None:
        with _lock:
            room = read_json(self._path)
            change(room)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, room)
