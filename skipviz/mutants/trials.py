"""Performs scenes in copies of the program, each in a process of its own, as many at once as cores.

    for line in performed(home, keys, faults, seeds): …

Lines come as they end, those of the program without a fault first: the others are compared with
them. What is kept is not trained again.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import psutil

from skipviz.core import child_processes, places, strict_json
from skipviz.core.knob import SpecError
from skipviz.mutants import child, evidence
from skipviz.mutants.faults import Fault, copy_with

NOTHING = Fault("", "nothing is wrong", ())
"""The program as it is."""


@dataclass(frozen=True)
class Line:
    """What came of a scene in a copy: see `child`. `fault`: its key, "" without one.

    same    the first steps are those without a fault, to the last bit
    """

    scene: str
    fault: str
    seeds: int | None
    said: dict[str, Any]
    same: bool = False

    @property
    def unknown(self) -> bool:
        """Was it neither kept nor to be trained?"""
        return "unknown" in self.said

    @property
    def whole(self) -> bool:
        """Was the whole scene measured?"""
        return "digest" in self.said


@dataclass
class Trials:
    """The copies of one call, and what was said of the program without a fault.

    home        where evidence is kept
    own_seeds   that the scenes have where `seeds` is None
    processes   so many copies are performed at once
    kept        nothing is trained: what is not kept is unknown
    """

    home: Path
    keys: Sequence[str]
    faults: Sequence[Fault]
    seeds: int | None
    own_seeds: int
    processes: int = 1
    kept: bool = False
    first: dict[tuple[str, int | None], list[str]] = field(default_factory=dict)
    _children: list[subprocess.Popen[str]] = field(default_factory=list)

    def seeds_for(self, fault: Fault) -> int | None:
        """So many seeds are trained; None: the scene's own."""
        chosen = self.seeds or self.own_seeds
        return fault.seeds if chosen < fault.seeds else self.seeds

    @property
    def cells(self) -> int:
        """The lines that will come."""
        return len(self._plain_tasks()) + len(self.keys) * len(self.faults)

    def _plain_tasks(self) -> list[dict[str, Any]]:
        """Those of the program without a fault: whole, and its first steps with as many seeds as a
        fault needs to show."""
        wanted = {self.seeds: True}
        wanted |= {n: False for fault in self.faults if (n := self.seeds_for(fault)) != self.seeds}
        return [
            {"scene": key, "seeds": seeds, "like": None, "first_steps": not whole}
            for seeds, whole in wanted.items()
            for key in self.keys
        ]

    def performed(self) -> Iterator[Line]:
        """Every line, as it comes. SpecError where a patch does not apply or a process breaks
        off."""
        try:
            with tempfile.TemporaryDirectory(prefix="skipviz-mutants.") as folder:
                root = Path(folder)
                copies = [(fault, copy_with(fault, root / fault.key)) for fault in self.faults]
                whole = copy_with(None, root / "none")
                yield from self._run(NOTHING, whole, self._plain_tasks())
                yield from self._at_once(copies)
        finally:
            for process in self._children:
                process.kill()
                process.wait()

    def _tasks(self, fault: Fault) -> list[dict[str, Any]]:
        seeds = self.seeds_for(fault)
        return [
            {
                "scene": key,
                "seeds": seeds,
                "like": self.first.get((key, seeds)),
                "first_steps": False,
            }
            for key in self.keys
        ]

    def _at_once(self, copies: Sequence[tuple[Fault, Path]]) -> Iterator[Line]:
        """Copies side by side, a core each."""
        lines: SimpleQueue[Line | Exception | None] = SimpleQueue()
        waiting = list(reversed(copies))

        def work() -> None:
            try:
                while waiting:
                    fault, package = waiting.pop()
                    for line in self._run(fault, package, self._tasks(fault)):
                        lines.put(line)
            except Exception as error:  # handed to whoever reads the lines
                lines.put(error)
            lines.put(None)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(self.processes)]
        for thread in threads:
            thread.start()
        open_threads = len(threads)
        while open_threads:
            line = lines.get()
            if isinstance(line, Exception):
                raise line
            open_threads -= line is None
            if line is not None:
                yield line

    def _run(self, fault: Fault, package: Path, tasks: list[dict[str, Any]]) -> Iterator[Line]:
        """The lines of one copy's process."""
        order = {"folder": str(self.home), "fault": fault.key, "tasks": tasks, "kept": self.kept}
        with self._started(package) as process:
            assert process.stdin and process.stdout and process.stderr
            complaints: list[str] = []
            reader = threading.Thread(target=complaints.extend, args=(process.stderr,))
            reader.start()
            process.stdin.write(strict_json.dumps(order))
            process.stdin.close()
            count = 0
            for text in process.stdout:
                line, count = self._line(fault, package, json.loads(text)), count + 1
                yield line
            status = process.wait()
            reader.join()
        if status or count != len(tasks):
            why = complaints[-1].strip() if complaints else f"status {status}"
            raise SpecError(f"mutants: the copy with fault '{fault.key}' broke off ({why})")

    def _started(self, package: Path) -> subprocess.Popen[str]:
        """The process of a copy: it waits for its order."""
        process = subprocess.Popen(
            child_processes.command("-m", "skipviz.mutants.child"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", env=environment(package), cwd=package.parent,
        )  # fmt: skip
        self._children.append(process)
        return process

    def _line(self, fault: Fault, package: Path, said: dict[str, Any]) -> Line:
        if Path(said["package"]).resolve() != package.resolve():
            raise SpecError(f"mutants: {said['package']} was performed in place of the copy")
        key, seeds = said["scene"], self.seeds_for(fault)
        first: list[str] = said["first"]
        if not fault.key:
            seeds = said["seeds"]
            self.first[key, seeds] = first
        same = bool(fault.key) and bool(first) and first == self.first.get((key, seeds))
        return Line(key, fault.key, seeds, strict_json.numbers(said), same)


def environment(package: Path) -> dict[str, str]:
    """That of a copy's process: it finds the copy and keeps what it calibrates beside it. Dense
    nets are trained by the stacked engine: faults are planted in Python."""
    return child_processes.environment(
        PYTHONPATH=os.pathsep.join(
            filter(None, (str(package.parent), os.environ.get("PYTHONPATH")))
        ),
        PYTHONIOENCODING="utf-8",
        SKIPVIZ_CACHE=str(package.parent / "cache"),
        SKIPVIZ_FUSED="0",
        OMP_NUM_THREADS="1",
    )


def cores() -> int:
    """The cores that copies may use, one each: not more than there are in hardware."""
    there = psutil.cpu_count(logical=False) or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    return min(there, allowed)


def seconds_for(trials: Trials, estimates: dict[str, float]) -> tuple[int, float]:
    """How many scenes must be trained now, and about how long that takes, in seconds: those whose
    evidence is kept are left out. `estimates`: seconds of each scene on one core."""
    count, seconds = 0, 0.0
    for fault in (NOTHING, *trials.faults):
        for key in trials.keys:
            numbers = key, fault.key, trials.seeds_for(fault)
            parts = [child.folder_of(trials.home, *numbers, part) for part in ("frames", "whole")]
            if not any(evidence.about(part) for part in parts):
                count += 1
                seconds += estimates[key]
    return count, seconds / trials.processes


def folder() -> Path:
    """Where evidence is kept."""
    return places.cache() / "mutants"
