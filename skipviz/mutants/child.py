"""`python -m skipviz.mutants.child`: performs scenes in the program that it is part of, a copy with
a fault in it or without one.

Reads one JSON object: `folder`, where evidence is kept; `fault`, the name of this copy; `tasks`,
each with the `scene`, its `seeds` (null: the scene's own), `like`, the digests of its first steps
without a fault (null: it is not compared), and `first_steps`: whether these are all that is wanted;
`kept`: train nothing. Writes a line of JSON for each of them: see `_performed`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from skipviz.core import places, registry
from skipviz.core.experiment import Experiment
from skipviz.core.scene import Scene, judge, judged, seeds_alike
from skipviz.core.strict_json import dumps
from skipviz.mutants import evidence
from skipviz.store.evidence import Gathered, with_seeds

FIRST_STEPS = 4


def main() -> int:
    """Performs what standard input asks for; status 0 where every line was written."""
    order = json.load(sys.stdin)
    files = evidence.of_files(places.PACKAGE)
    home = Path(order["folder"])
    for task in order["tasks"]:
        try:
            line = _performed(task, home, order["fault"], files, order["kept"])
        except NotKeptError:
            line = {"scene": task["scene"], "seeds": task["seeds"], "first": []}
            line |= {"package": str(places.PACKAGE), "unknown": True}
        sys.stdout.write(dumps(line) + "\n")
        sys.stdout.flush()
    return 0


class NotKeptError(Exception):
    """There is no evidence, and none is to be made."""


def folder_of(home: Path, scene: str, fault: str, seeds: int | None, part: str) -> Path:
    """Where evidence is kept; `part`: "whole", or "first" steps, or their "frames" alone."""
    return home / scene / f"{fault or 'none'}.{seeds or 'own'}.{part}"


def _performed(
    task: Mapping[str, Any], home: Path, fault: str, files: Mapping[str, str], kept: bool
) -> dict[str, Any]:
    """A line: `package`, where this program lies; `first`, the digests of the first steps, frames
    alone and with what probes say; `alike`, whether seeds are one and the same; `why` it broke off;
    `digest` and `expectations` of the whole where that was wanted; `seconds` that this took.

    Where frames differ probes are asked of the whole alone. NotKeptError."""
    scene: Scene = registry.scenes()[task["scene"]]
    experiments = with_seeds(scene, task["seeds"])
    few = {name: run.with_(steps=FIRST_STEPS, record_every=1) for name, run in experiments.items()}
    began, seeds = time.monotonic(), task["seeds"]
    line: dict[str, Any] = {"scene": task["scene"], "seeds": seeds}
    line["package"] = str(places.PACKAGE)
    first: list[str] = []
    line |= {"first": first, "alike": False}
    for part, asked in (("frames", replace(scene, asks=())), ("first", scene)):
        at = folder_of(home, task["scene"], fault, seeds, part)
        gathered, why = _gathered(at, asked, few, files, kept)
        if gathered is None:
            break
        first.append(evidence.digest(gathered, asked))
        line["alike"] = seeds_alike(scene, gathered)
        if line["alike"] or (task["like"] and first != task["like"][: len(first)]):
            break
    over = why or task["first_steps"] or first == task["like"] or line["alike"]
    if not over:
        whole = folder_of(home, task["scene"], fault, seeds, "whole")
        gathered, why = _gathered(whole, scene, experiments, files, kept)
        if gathered is not None:
            line |= _read(scene, gathered)
    return line | {"why": line.get("why") or why, "seconds": round(time.monotonic() - began, 2)}


def _gathered(
    folder: Path,
    scene: Scene,
    experiments: Mapping[str, Experiment],
    files: Mapping[str, str],
    kept: bool,
) -> tuple[Gathered | None, str]:
    """Evidence, kept or made now, or why there is none: how this program broke off."""
    known = evidence.about(folder)
    if evidence.stands(known, files, evidence.of_runs(scene, experiments)):
        return (None, known["why"]) if known["why"] else (
            evidence.kept(folder, scene, experiments), ""
        )  # fmt: skip
    if kept:
        raise NotKeptError
    began = time.monotonic()
    try:
        return evidence.keep(folder, scene, experiments), ""
    except Exception as error:  # a program with a fault in it may raise anything
        why = f"{type(error).__name__}: {error}"
        evidence.note(folder, scene, experiments, time.monotonic() - began, why)
        return None, why


def _read(scene: Scene, gathered: Gathered) -> dict[str, Any]:
    """What the scene says of its evidence."""
    line: dict[str, Any] = {"digest": evidence.digest(gathered, scene)}
    try:
        return line | {"expectations": [each.to_json() for each in judged(scene, gathered)]}
    except Exception as error:  # an expectation that cannot be measured does not show
        failing = next((e.text for e in scene.expects if _raises(e, gathered)), "")
        return line | {"why": f"{failing}: {type(error).__name__}: {error}"}


def _raises(expectation: Any, gathered: Gathered) -> bool:
    try:
        judge(expectation, gathered)
    except Exception:  # see _read
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
