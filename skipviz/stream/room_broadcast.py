"""A room's state as its phones see it: encoded once for all of them, when it changes.

There are no queues: a phone that is slow finds the newest state when it looks again. Answers change
nothing that phones see before the reveal.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import log

from skipviz.access import settings
from skipviz.access.roles import Action, Role
from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import (
    Curve,
    Number,
    OwnVote,
    Phase,
    PhoneKind,
    PhoneMessage,
    PickScale,
    Refusal,
    RoomState,
    Stage,
    View,
    Vote,
)
from skipviz.core.picks import Pick
from skipviz.core.scene import Scene
from skipviz.core.sketch import Sketch
from skipviz.core.strict_json import dumps
from skipviz.store.lane_axes import families, labels
from skipviz.store.room import Room
from skipviz.store.room_table import counts_by_stage

_ALL_CHOOSE = (Phase.SEEN, Phase.REVEAL, Phase.PICK, Phase.PICKED)
"""In these nobody draws a curve."""

GATHERED_S = 0.05
"""Votes of so long are written in one piece."""

ENDED = {
    "deleted": "The lecturer has deleted this room and all of its votes: close this page, or type"
    " the code of another room.",
    "expired": "Nobody used this room for 90 days, so it was deleted: ask the lecturer for a new"
    " code.",
}


def text(message: PhoneMessage) -> str:
    """A message to a phone, as JSON."""
    return dumps(message, separators=(",", ":"))


def ended(room: Room) -> Refusal:
    """What a phone is told of a room that is no more."""
    return {"type": PhoneKind.REFUSAL, "message": ENDED[room.ended], "final": True}


def sketch_of(room: Room, scene: Scene | None) -> Sketch | None:
    """What the room is to draw now; None where it chooses."""
    is_asked = room.settings.sketch and room.phase not in _ALL_CHOOSE
    return scene.sketch if scene is not None and is_asked else None


def pick_of(room: Room, scene: Scene | None) -> Pick | None:
    """The number that everybody picks now, or has picked; None where something else is asked."""
    is_asked = room.phase in (Phase.PICK, Phase.PICKED)
    return scene.pick if scene is not None and is_asked else None


def _scale(pick: Pick) -> PickScale:
    experiment = pick.experiment
    return {
        "label": pick.label, "low": pick.low, "high": pick.high, "log": pick.log,
        "step": pick.step, "lanes": labels(experiment), "families": families(experiment),
        "steps": experiment.steps, "chance": round(log(experiment.dataset.num_classes), 4),
    }  # fmt: skip


def state(room: Room) -> RoomState:
    """What a room is asked now. Its number is no secret and safe in JavaScript: 48 bits."""
    scene: Scene | None = registry.scenes().get(room.scene)
    phase = room.phase if scene is not None else Phase.WAITING
    sketch, pick = sketch_of(room, scene), pick_of(room, scene)
    asks = sketch.says if sketch else pick.asks if pick else scene.question if scene else ""
    counts = (
        counts_by_stage(room, room.scene, scene)
        if phase is Phase.REVEAL and scene is not None
        else {}
    )
    now: RoomState = {
        "type": PhoneKind.ROOM,
        "number": 0,
        "phase": phase,
        "ballot": room.ballot,
        "kind": "sketch" if sketch else "pick" if pick else "choice",
        "question": asks,
        "choices": scene.choices_at(phase.stage or Stage.FIRST) if scene else (),
        "axes": sketch.axes if sketch else None,
        "pick": _scale(pick) if pick else None,
        "tried": room.tried(room.scene) if phase is Phase.PICKED else None,
        "talk_ends": room.talk_ends if phase is Phase.TALK else None,
        "counts": counts.get(Stage.FIRST),
        "second_counts": counts.get(Stage.SECOND),
        "seen_counts": counts.get(Stage.SEEN),
        "view": _view(room),
        "shown": room.shown(room.scene) if phase is Phase.REVEAL else None,
    }
    now["number"] = number_of(text(now))
    return now


def _view(room: Room) -> View | None:
    """What the wall shows; without its run where guests may not watch."""
    view = room.view
    if view is None or Action.WATCH.permitted(Role.GUEST, settings.current().guests):
        return view
    return {**view, "run": ""}


def number_of(state_text: str) -> int:
    """A number for a state, the same for equal ones."""
    return int.from_bytes(hashlib.sha256(state_text.encode()).digest()[:6], "big")


class RoomBroadcast:
    """What all phones of one room share. Used from one event loop.

    number    that of the state that they are sent
    encoded   how often a state was made into text, each for all of them
    over      whether the server leaves: nobody waits any more
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self.encoded = self.number = 0
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
        if not self.room.phones:
            self.room.listeners.add(self._changed)
            self._look()
        self.room.phones += 1
        try:
            yield
        finally:
            self.room.phones -= 1
            if not self.room.phones:
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
        """What the server holds of one phone's answers."""
        room = self.room
        is_second = room.answer(room.scene, voter, Stage.SECOND) is not None
        after_the_votes = room.phase in (Phase.CURVES, Phase.RUN) and is_second
        stage = room.phase.stage or (Stage.SECOND if after_the_votes else Stage.FIRST)
        answer = room.answer(room.scene, voter, stage)
        return {
            "type": PhoneKind.OWN_VOTE,
            "ballot": room.ballot,
            "choice": answer if isinstance(answer, int) else None,
            "curve": answer if isinstance(answer, list) else None,
            "pick": room.picked(room.scene, voter),
            "first": room.voted(room.scene, voter, Stage.FIRST),
            "second": room.voted(room.scene, voter, Stage.SECOND),
            "seen": room.voted(room.scene, voter, Stage.SEEN),
            "now": round(time.time(), 2),
        }

    async def vote(self, vote: Vote | Curve | Number, voter: str) -> OwnVote:
        """Takes an answer; it is in the room's file when this returns. SpecError, OSError."""
        room = self.room
        scene: Scene | None = registry.scenes().get(room.scene)
        pick, is_drawn = pick_of(room, scene), sketch_of(room, scene) is not None
        wanted = Number if pick else Curve if is_drawn else Vote
        if room.ballot == vote.ballot and not isinstance(vote, wanted):
            raise SpecError("vote: this question is asked in another way now; open this page again")
        if isinstance(vote, Curve):
            room.draw(vote.ballot, voter, vote.curve)
        elif isinstance(vote, Number):
            room.pick(vote.ballot, voter, pick.number(vote.pick) if pick else vote.pick)
        else:
            choices = scene.choices_at(room.phase.stage or Stage.FIRST) if scene else ()
            room.vote(vote.ballot, voter, vote.choice, len(choices))
        own_vote, version = self.own_vote(voter), room.version
        while room.saved < version:
            async with self._saving:
                if room.saved < version:
                    await asyncio.sleep(GATHERED_S)
                    await asyncio.to_thread(room.save)
        return own_vote

    def _changed(self) -> None:
        """Called by whichever thread changed the room; many changes are one look."""
        if not self._is_due:
            self._is_due = True
            with suppress(RuntimeError):  # the loop is closed: nobody follows any more
                self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._is_due = False
        if self.room.ended:
            message = text(ended(self.room))
            number = number_of(message)
        else:
            now = state(self.room)
            number, message = now["number"], text(now)
        if number != self.number:
            self.number, self.text = number, message
            self.encoded += 1
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
