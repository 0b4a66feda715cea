"""A lecture's room: what it is asked just now, and how it answered. No names are kept.

<store>/rooms/<id>.json   {"code", "scene", "phase", "steps": {scene: phase}, "talk_ends",
                          "settings": {…}, "runs": {scene: {name of the run: id}},
                          "votes", "second_votes", "seen", "picks": {scene: {voter: answer}},
                          "tried": {scene: {"total", "state", "outcomes"}},
                          "hands", "second_hands": {scene: [count, …]},
                          "shown": {scene: the choice that the run showed},
                          "view": what the wall shows (`phone_protocol.View`),
                          "rounds": {scene: how often its votes were taken back}}
                          or, of a room that is no more, {"code", "ended": "deleted" or "expired"}

An answer is the number of a choice or, where the room was asked for a sketch, a list of heights;
where everybody picked a number, that number. "tried" is what came of them, as
`phone_protocol.Tried` has it.
A file from before there were phases has "open" in their place.
"""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from skipviz.core import places
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import Phase, Stage, Tried, View
from skipviz.store.room_settings import Settings
from skipviz.store.store import read_json, write_json

WORD = re.compile(r"[A-Za-z0-9_-]{8,22}")
"""The id of a room, and a voter."""

VOTERS = 2000
"""So many phones may vote in one room."""

Answer = int | float | list[float]
Ended = Literal["", "deleted", "expired"]

_ANSWERS = {
    Stage.FIRST: "votes",
    Stage.SECOND: "second_votes",
    Stage.SEEN: "seen",
    Stage.PICK: "picks",
}
_HANDS = {Stage.FIRST: "hands", Stage.SECOND: "second_hands", Stage.SEEN: "seen_hands"}
_OF_A_SCENE = (*_ANSWERS.values(), *_HANDS.values(), "steps", "runs", "shown", "tried")
_SAME_BALLOT = (Phase.WAITING, Phase.VOTE, Phase.TALK)


@dataclass(frozen=True)
class Leader:
    """The page that leads a room: its session, and where in which lecture it is."""

    session: str
    scenes: tuple[str, ...]
    at: int
    page: int


class Room:
    """One lecture's room. It outlives a reload and a restart of the server.

    version     grows with every change; a vote is in the file once `saved` has reached it
    phones      how many phones look at it now
    listeners   called after every change, by whichever thread made it; they must not linger
    """

    def __init__(self, path: Path, new_code: Callable[[str], str]) -> None:
        self.id = path.stem
        self.version = self.saved = self.phones = 0
        self.listeners: set[Callable[[], None]] = set()
        self._path = path
        self._new_code = new_code
        self._state = read_json(path)
        self._chosen: dict[str, int | None] = {}
        self._leader: Leader | None = None
        self._changing, self._writing = threading.RLock(), threading.Lock()

    @property
    def exists(self) -> bool:
        return bool(self._state) and not self.ended

    @property
    def ended(self) -> Ended:
        """Why this room is no more; empty where it is."""
        ended: Ended = self._state.get("ended", "")
        return ended

    @property
    def used_at(self) -> float:
        """When something last changed here, as time.time(); 0 of a room that is in no file."""
        return self._path.stat().st_mtime if self._path.is_file() else 0.0

    @property
    def code(self) -> str:
        """What phones type; a room from before there were codes is given one."""
        if "code" not in self._state:
            self._change(self._give_code)
        code: str = self._state["code"]
        return code

    # --- What is asked -----------------------------------------------------------------------

    @property
    def scene(self) -> str:
        """The key of the scene that is shown; empty before the first."""
        scene: str = self._state.get("scene", "")
        return scene

    @property
    def phase(self) -> Phase:
        """How far the shown scene's question is."""
        if not self.scene:
            return Phase.WAITING
        before_phases = Phase.VOTE if self._state.get("open") else Phase.REVEAL
        return Phase(self._state.get("phase", before_phases))

    @property
    def ballot(self) -> str:
        """Names what is answered now: another one in another phase, and when the votes of a scene
        were taken back."""
        round_number = self._state.get("rounds", {}).get(self.scene, 0)
        stage = "" if self.phase in _SAME_BALLOT else f".{self.phase}"
        return f"{self.scene}.{round_number}{stage}"

    def show(self, scene: str, phase: Phase) -> None:
        """Tells the room what is asked now; makes the room where there is none. SpecError of a
        room that is no more."""
        if not self.exists or (self.scene, self.phase) != (scene, phase):

            def ask(room: dict[str, Any]) -> None:
                room.pop("open", None)
                room.update(scene=scene, phase=phase)
                self._give_code(room)

            self._change(ask)

    @property
    def view(self) -> View | None:
        """What the wall shows, with the step that the lecturer has chosen."""
        view: View | None = self._state.get("view")
        return None if view is None else {**view, "step": self._chosen.get(view["run"])}

    def look_at(self, view: View) -> None:
        """Tells the room what the wall shows; its step is `lead`'s."""
        view = {**view, "step": None}
        if self._state.get("view") != view:
            self._change(lambda room: room.update(view=view))

    def lead(self, run: str, step: int | None) -> None:
        """The step that the lecturer has chosen in the charts of a run. It is in no file: a slider
        that is drawn would write it many times a second."""
        if self._chosen.get(run) != step:
            self._chosen = {run: step}
            self._tell()

    def led_by(self, page: Leader, is_there: Callable[[str], bool]) -> Leader:
        """Who leads this room: the page that did where it is still there, else this one. In no
        file: it goes with the server's sessions."""
        with self._changing:
            leader = self._leader
            if leader is None or leader.session == page.session or not is_there(leader.session):
                self._leader = leader = page
            return leader

    def let_go(self) -> None:
        """Nobody leads this room any more; the next page that comes does."""
        self._leader = None

    def step(self, scene: str) -> Phase:
        """How far a scene's question has gone, whichever page is shown."""
        before_steps = Phase.VOTE if self.shown(scene) is None else Phase.REVEAL
        return Phase(self._state.get("steps", {}).get(scene, before_steps))

    def go_to(self, scene: str, step: Phase) -> None:
        """Takes a scene's question to a step; the clock of a talk starts when it is begun."""
        if self.step(scene) is step:
            return
        begins = step is Phase.TALK and self.step(scene) is Phase.VOTE

        def go(room: dict[str, Any]) -> None:
            room.setdefault("steps", {})[scene] = step
            if begins:
                room["talk_ends"] = time.time() + self.settings.talk_s

        self._change(go)

    @property
    def talk_ends(self) -> float:
        """When the talk is to end, as time.time(); 0 before the first."""
        ends: float = self._state.get("talk_ends", 0.0)
        return ends

    @property
    def settings(self) -> Settings:
        """Which steps are taken; what a file lacks is as in a new room."""
        kept, names = self._state.get("settings", {}), {each.name for each in fields(Settings)}
        return Settings(**{name: value for name, value in kept.items() if name in names})

    def configure(self, settings: Settings) -> None:
        """Sets which steps are taken."""
        if settings != self.settings:
            self._change(lambda room: room.update(settings=asdict(settings)))

    # --- What ran ----------------------------------------------------------------------------

    def runs(self, scene: str) -> dict[str, str]:
        """The ids of the runs that this room saw of a scene, by the name of the run."""
        runs: dict[str, str] = self._state.get("runs", {}).get(scene, {})
        return runs

    def played(self, scene: str, runs: dict[str, str]) -> None:
        """Remembers a scene's runs."""
        self._change(lambda room: room.setdefault("runs", {}).update({scene: runs}))

    def reveal(self, scene: str, choice: int) -> None:
        """Remembers which choice the scene's run showed."""
        if self.shown(scene) != choice:
            self._change(lambda room: room.setdefault("shown", {}).update({scene: choice}))

    def shown(self, scene: str) -> int | None:
        """Which choice the scene's run showed; None before the room has seen it."""
        choice: int | None = self._state.get("shown", {}).get(scene)
        return choice

    # --- What was answered -------------------------------------------------------------------

    def vote(self, ballot: str, voter: str, choice: int, choices: int) -> None:
        """One phone's choice, in memory: `save` puts it into the file. SpecError where the vote is
        closed or the choice is none."""
        if not 0 <= choice < choices:
            raise SpecError("vote: this is not one of the choices; open the room's address again")
        self._answer(ballot, voter, choice)

    def draw(self, ballot: str, voter: str, heights: Sequence[float]) -> None:
        """One phone's curve, as `core.phone_protocol.Curve` has it; otherwise as `vote`."""
        self._answer(ballot, voter, list(heights))

    def pick(self, ballot: str, voter: str, number: float) -> None:
        """The number that one phone picked, rounded to its scale; otherwise as `vote`."""
        self._answer(ballot, voter, float(number))

    def picked(self, scene: str, voter: str) -> float | None:
        """The number that this phone picked, or None."""
        answer = self.answer(scene, voter, Stage.PICK)
        return float(answer) if isinstance(answer, (int, float)) else None

    def picks(self, scene: str) -> list[float]:
        """Every number that was picked, as often as it was, in their order."""
        with self._changing:
            answers = list(self._answers(scene, Stage.PICK).values())
        return sorted(float(answer) for answer in answers if isinstance(answer, (int, float)))

    def tried(self, scene: str) -> Tried | None:
        """What came of the numbers that were picked; None before they are tried."""
        tried: Tried | None = self._state.get("tried", {}).get(scene)
        return tried

    def tries(self, scene: str, tried: Tried) -> None:
        """Remembers what came of the numbers so far."""
        self._change(lambda room: room.setdefault("tried", {}).update({scene: tried}))

    def forget_picks(self, scene: str) -> None:
        """Takes the numbers that were picked, and what came of them, back."""
        self._take_back(scene, ("picks", "tried"))

    def answer(self, scene: str, voter: str, stage: Stage = Stage.FIRST) -> Answer | None:
        """What this phone answered, or None."""
        answer: Answer | None = self._answers(scene, stage).get(voter)
        return answer

    def voted(self, scene: str, voter: str, stage: Stage = Stage.FIRST) -> int | None:
        """What this phone chose, or None."""
        answer = self.answer(scene, voter, stage)
        return answer if isinstance(answer, int) else None

    def answered(self, scene: str, stage: Stage = Stage.FIRST) -> int:
        """How many phones and hands have answered."""
        hands: list[int] = self._state.get(_HANDS.get(stage, ""), {}).get(scene, [])
        return len(self._answers(scene, stage)) + sum(hands)

    def sketches(self, scene: str, stage: Stage = Stage.FIRST) -> list[list[float]]:
        """Every curve that was drawn, in no order that says whose it is."""
        with self._changing:
            answers = list(self._answers(scene, stage).values())
        return sorted(answer for answer in answers if isinstance(answer, list))

    def raise_hands(self, scene: str, counts: list[int], stage: Stage = Stage.FIRST) -> None:
        """The hands that the lecturer counted for each choice, beside the phones."""
        if self.hands(scene, len(counts), stage) != counts:
            of = _HANDS[stage]
            self._change(lambda room: room.setdefault(of, {}).update({scene: counts}))

    def hands(self, scene: str, choices: int, stage: Stage = Stage.FIRST) -> list[int]:
        """The hands counted for each choice."""
        counted: list[int] = self._state.get(_HANDS.get(stage, ""), {}).get(scene, [])
        return [*counted, *[0] * choices][:choices]

    def counts(self, scene: str, choices: int, stage: Stage = Stage.FIRST) -> list[int]:
        """Phones and hands for each choice."""
        total = self.hands(scene, choices, stage)
        with self._changing:
            answers = list(self._answers(scene, stage).values())
        for choice in answers:
            if isinstance(choice, int) and 0 <= choice < choices:
                total[choice] += 1
        return total

    def affected(self) -> tuple[int, int]:
        """How many phones have answered in this room, and how many answers it holds."""
        with self._changing:
            voters = [v for of in _ANSWERS.values() for each in self._state.get(of, {}).values()
                      for v in each]  # fmt: skip
        return len(set(voters)), len(voters)

    def forget(self, scene: str) -> None:
        """Takes the answers, hands, runs and result of a scene back."""
        self._take_back(scene, _OF_A_SCENE)

    # --- The file ----------------------------------------------------------------------------

    def end(self, why: Ended) -> None:
        """Deletes all that is in the room; its code stays, so that a phone can be told.
        SpecError."""

        def empty(room: dict[str, Any]) -> None:
            code = self.code
            room.clear()
            room.update(code=code, ended=why)

        self._change(empty)

    def save(self) -> None:
        """Puts all that has changed into the file. OSError."""
        with self._writing:
            with self._changing:
                version, state = self.version, _copied(self._state)
            if version > self.saved:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                write_json(self._path, state)
                self.saved = version

    def _answers(self, scene: str, stage: Stage) -> dict[str, Any]:
        answers: dict[str, Any] = self._state.get(_ANSWERS[stage], {}).get(scene, {})
        return answers

    def _answer(self, ballot: str, voter: str, answer: Answer) -> None:
        if not WORD.fullmatch(voter):
            raise SpecError("vote: this page is not of this server; open the room's address again")
        with self._changing:
            stage = self.phase.stage
            if not self.exists or stage is None or self.ballot != ballot:
                raise SpecError("vote: this question is closed; the page shows what is asked now")
            answers = self._state.setdefault(_ANSWERS[stage], {}).setdefault(self.scene, {})
            if voter not in answers and len(answers) >= VOTERS:
                raise SpecError(f"vote: {VOTERS} phones have voted; no more fit into this room")
            if answers.get(voter) == answer:
                return
            answers[voter] = answer
            self.version += 1
        self._tell()

    def _take_back(self, scene: str, names: Sequence[str]) -> None:
        """Drops what is kept of a scene under these names; what is answered now is another ballot
        from here on."""

        def drop(room: dict[str, Any]) -> None:
            for name in names:
                room.get(name, {}).pop(scene, None)
            rounds = room.setdefault("rounds", {})
            rounds[scene] = rounds.get(scene, 0) + 1

        self._change(drop)

    def _give_code(self, room: dict[str, Any]) -> None:
        if "code" not in room:
            room["code"] = self._new_code(self.id)

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        with self._changing:
            if self.ended:
                raise SpecError(
                    "room: this room was deleted; begin the lecture again for a new one"
                )
            change(self._state)
            self.version += 1
        with places.disk_errors(self._path.parent):
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
