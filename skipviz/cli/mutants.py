"""`python -m skipviz mutants [SCENE …]`: plants faults in copies of the program, performs scenes
there, and says which of them no expectation notices.

Exit status 0 where none is missed, 1 where one is, or where a scene falls short without a fault,
2 for bad input.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from skipviz.cli import scenes as scene_command
from skipviz.cli import truth
from skipviz.core import packages, places
from skipviz.core.knob import SpecError
from skipviz.core.scene import Scene
from skipviz.core.strict_json import dumps
from skipviz.mutants import faults as fault_set
from skipviz.mutants import matrix, trials
from skipviz.mutants.faults import Fault
from skipviz.mutants.matrix import Cell

BAR = 24


def declare(command: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    command.add_argument("keys", nargs="*", metavar="SCENE", help="which scenes; none: all")
    command.add_argument("--faults", default="", help="only these faults, separated by commas")
    command.add_argument("--seeds", type=int, help="train so many seeds instead of the scenes'")
    command.add_argument("--processes", type=int, help="so many copies at once (all cores)")
    command.add_argument("--kept", action="store_true", help="train nothing, judge what is kept")
    command.add_argument("--list", action="store_true", help="plant nothing, say what could be")
    command.add_argument("--write", action="store_true", help="write the matrix to docs/truth.md")


def mutants(args: argparse.Namespace) -> int:
    """Plants faults in copies of the program and says which scenes notice them."""
    known = scene_command.known(args.keys)
    keys = args.keys or list(known)
    named = [word for word in args.faults.split(",") if word]
    faults = fault_set.chosen(named)
    if args.list:
        return _listed(faults, args.json)
    if args.write and (args.keys or named or places.installed()):
        raise SpecError("mutants: --write is for all scenes and all faults, in a checkout")
    for key in keys:
        scene_command.with_seeds(known[key], args.seeds)
    packages.check("a scene")
    least = min(known[key].experiment.seeds for key in keys)
    if args.processes is not None and args.processes < 1:
        raise SpecError(f"processes {args.processes}: must be at least 1")
    at_once = args.processes or trials.cores()
    run = trials.Trials(trials.folder(), keys, faults, args.seeds, least, at_once, args.kept)
    cells, short = _performed(run, known)
    shortfalls = {} if args.keys or named or args.kept else matrix.thin(cells, faults)
    stale = [f"{c.scene} × {c.fault}" for c in cells if _stale(known[c.scene], c)]
    if args.write:
        _note(f"written to {truth.write('mutants --write', _lines(cells, faults, run))}")
    if args.json:
        _as_json(cells, short, shortfalls)
    else:
        _print(cells, faults, short, shortfalls)
    for each in stale:
        _note(f"{each}: declared as tolerated, which it does not need")
    missed = any(each.state == "missed" for each in cells)
    return 1 if missed or short or shortfalls else 0


def _stale(scene: Scene, each: Cell) -> bool:
    return each.fault in scene.tolerates and each.state in ("noticed", "not concerned")


def _listed(faults: Sequence[Fault], as_json: bool) -> int:
    if as_json:
        rows = [{"key": fault.key, "says": fault.says} for fault in faults]
        print(dumps({"faults": rows, "version": fault_set.version()}))
        return 0
    for fault in faults:
        print(f"{fault.key:24} {fault.says}")
    return 0


def _performed(
    run: trials.Trials, known: dict[str, Scene]
) -> tuple[list[Cell], dict[str, list[str]]]:
    """Every cell, and what falls short without a fault, by scene."""
    began = time.monotonic()
    count, seconds = trials.seconds_for(run, {key: known[key].seconds * 1.5 for key in run.keys})
    _note(f"{run.cells} performances, {count} not kept yet: at most {_minutes(seconds)}")
    without: dict[str, trials.Line] = {}
    cells: list[Cell] = []
    short: dict[str, list[str]] = {}
    for number, line in enumerate(run.performed(), 1):
        if line.unknown or (line.fault and line.scene not in without):
            says = f"{line.scene} × {line.fault or 'nothing wrong'}: not performed yet"
        elif line.fault:
            cells.append(matrix.cell(known[line.scene], line, without[line.scene]))
            says = f"{line.scene} × {line.fault}: {cells[-1].state}"
        else:
            says = f"{line.scene}, nothing wrong"
            if line.whole or line.said["why"]:
                without[line.scene] = line
                if texts := matrix.short(line):
                    short[line.scene], says = texts, f"{line.scene} falls short without a fault"
        spent = time.monotonic() - began
        _bar(number, run.cells, spent * (run.cells - number) / number, says)
    order = {key: place for place, key in enumerate(run.keys)}
    places_of = {fault.key: place for place, fault in enumerate(run.faults)}
    return sorted(cells, key=lambda c: (order[c.scene], places_of[c.fault])), short


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _bar(done: int, of: int, seconds_left: float, says: str) -> None:
    full = BAR * done // of
    bar = "#" * full + "." * (BAR - full)
    _note(f"[{bar}] {done} of {of}, {_minutes(seconds_left)} left  {says}")


def _as_json(cells: Sequence[Cell], short: Any, shortfalls: Any) -> None:
    print(
        dumps(
            {
                "version": fault_set.version(),
                "cells": [each.to_json() for each in cells],
                "short_without_a_fault": short,
                "noticed_by_too_few": {
                    key: {"noticed": count, "must": least}
                    for key, (count, least) in shortfalls.items()
                },
            }
        )
    )


def _print(
    cells: Sequence[Cell], faults: Sequence[Fault], short: dict[str, list[str]], shortfalls: Any
) -> None:
    """The matrix for people, and each cell that is more than a sign."""
    width = max(map(len, (each.scene for each in cells)), default=0)
    print(" " * width, *(f"{n:>2}" for n in range(1, len(faults) + 1)))
    for scene in dict.fromkeys(each.scene for each in cells):
        signs = [f"{matrix.SIGNS[each.state]:>2}" for each in cells if each.scene == scene]
        print(f"{scene:{width}}", *signs)
    for number, fault in enumerate(faults, 1):
        print(f"{number:3}  {fault.says}")
    print(", ".join(f"{sign} {state}" for state, sign in matrix.SIGNS.items()))
    for each in cells:
        if each.state != "not concerned":
            change = f"  [{each.change}]" if each.change else ""
            print(f"{each.state:10} {each.scene} × {each.fault}: {each.why}{change}")
    for scene, texts in short.items():
        print(f"FELL SHORT without a fault: {scene}: {'; '.join(texts)}")
    for key, (count, least) in shortfalls.items():
        print(f"noticed by {count} scenes, must be {least}: {key}")
    states = [each.state for each in cells]
    print(f"{states.count('missed')} missed, {states.count('noticed')} noticed, "
          f"{states.count('tolerated')} tolerated, "
          f"{states.count('not concerned')} not concerned")  # fmt: skip


def _lines(cells: Sequence[Cell], faults: Sequence[Fault], run: trials.Trials) -> list[str]:
    import torch

    seeds = "the scenes' own seeds" if run.seeds is None else f"seeds: {run.seeds}"
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    states = [each.state for each in cells]
    left = len(run.keys) * len(faults) - len(cells)
    counts = ", ".join(
        f"{states.count(state)} {state} ({matrix.SIGNS[state]})" for state in matrix.SIGNS
    )
    lines = [
        f"{day}, fault set {fault_set.version()}, {seeds}, Python {platform.python_version()},"
        f" torch {torch.__version__}, {platform.machine()}: {counts};"
        f" {left} of {left + len(cells)} not performed yet.",
        "",
        *matrix.table(cells, faults),
        "",
        *(f"{n}. {fault.says}" for n, fault in enumerate(faults, 1)),
        "",
        "| tolerated | judged number that changes most | why it is tolerated |",
        "|---|---|---|",
    ]
    numbers = {fault.key: n for n, fault in enumerate(faults, 1)}
    return lines + [
        f"| *{each.scene}*, {numbers[each.fault]} | {each.change} | {each.why} |"
        for each in cells
        if each.state == "tolerated"
    ]


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
