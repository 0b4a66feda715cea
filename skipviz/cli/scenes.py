"""`python -m skipviz scene KEY … | --all`: performs scenes and says what showed; `record KEY …`
keeps that, for machines and lectures that have no time to train.

Exit status 0 where every expectation of every scene was met, 1 where one was not, 2 for bad input.
What was only recorded is not met.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import partial
from typing import Any

import psutil

from skipviz.cli import strength, truth
from skipviz.core import child_processes, final, packages, places, registry
from skipviz.core.knob import SpecError, show
from skipviz.core.places import megabytes
from skipviz.core.scene import Scene, judged
from skipviz.core.strict_json import dumps, numbers
from skipviz.datafiles.availability import missing
from skipviz.store import recordings
from skipviz.store.evidence import with_seeds

PROOF = "scene --all --seeds 59 --write"


def declare(command: argparse.ArgumentParser, record: argparse.ArgumentParser) -> None:
    """The arguments of `scene`, and of `record`."""
    command.add_argument("keys", nargs="*", metavar="KEY", help="which scenes; none lists them")
    command.add_argument("--all", action="store_true", help="every scene, as many at once as cores")
    command.add_argument(
        "--seeds",
        type=int,
        help="train so many seeds instead of the scene's; more"
        " than 16 a few at a time, those of its proof, kept as they come",
    )
    command.add_argument("--first-seed", type=int, help="and begin with this one")
    command.add_argument("--write", action="store_true", help="write it to docs/truth.md")
    command.add_argument("--recorded", action="store_true", help="train nothing, judge recordings")
    command.add_argument("--attended", type=int, help=argparse.SUPPRESS)
    record.add_argument("keys", nargs="+", metavar="KEY", help="which scenes")
    record.add_argument("--seeds", type=int, help="record so many seeds instead of the scene's")


def scene(args: argparse.Namespace) -> int:
    """Trains lecture scenes and compares what they expect with what showed."""
    if args.attended:
        threading.Thread(target=_leave_with, args=(args.attended,), daemon=True).start()
    scenes = known(args.keys)
    if args.recorded and (args.all or args.seeds is not None or args.first_seed is not None):
        raise SpecError("scene: --recorded trains nothing; name scenes, and leave the seeds out")
    if args.all and args.keys:
        raise SpecError("scene: name scenes or say --all, not both")
    if not args.all and not args.keys:
        return _listed(scenes, args.json)
    keys = list(scenes) if args.all else args.keys
    many = strength.is_for(args.seeds)
    if args.write and not (args.all and many and args.first_seed is None):
        raise SpecError("scene: --write is for --all --seeds 59, or other seeds above 16")
    if args.write and places.installed():
        raise SpecError("scene: --write is for a checkout")
    if not args.recorded:
        packages.check()
    for key in keys:
        seeds = strength.AT_ONCE if many else args.seeds
        with_seeds(scenes[key], seeds, args.first_seed)  # said before hours are spent
    began = time.monotonic()
    results = []
    for result in _results(scenes, keys, args, many):
        results.append(result)
        if not args.json:
            _print(result)
    short = [result["key"] for result in results if not _met(result)]
    if args.json:
        order = {key: place for place, key in enumerate(keys)}
        print(dumps({"scenes": sorted(results, key=lambda r: order[r["key"]])}))
    else:
        word = "only recorded" if args.recorded else "fell short"
        outcome = f"{word}: {', '.join(short)}" if short else "every expectation was met"
        count = f"{len(results)} scene{'s' if len(results) > 1 else ''}"
        print(f"{count} in {time.monotonic() - began:.0f} s; {outcome}")
        print(f"final: {final.WORDS}")
    return 1 if short else 0


def record(args: argparse.Namespace) -> int:
    """Trains lecture scenes and keeps what can be shown of them in assets/recordings."""
    scenes = known(args.keys)
    places.check_recordings_are_ours()
    for key in args.keys:
        with_seeds(scenes[key], args.seeds)
    packages.check("recording")
    from skipviz.worker.recorder import record as keep

    rows = []
    for key in args.keys:
        recording = keep(key, args.seeds, say=partial(_told, key))
        row = {"key": key, "bytes": recording.bytes, "seconds": round(recording.seconds, 2)}
        short = [verdict.text for verdict in recording.verdicts if not verdict.met]
        rows.append(row | {"folder": str(recording.folder), "fell_short": short})
        if not args.json:
            print(
                f"{key}: {megabytes(recording.bytes)}, {recording.seconds:.1f} s, in"
                f" {recording.folder}"
            )
            for text in short:
                print(f"  FELL SHORT {text}")
    if args.json:
        print(dumps({"recordings": rows}))
    return 1 if any(row["fell_short"] for row in rows) else 0


def known(keys: Sequence[str]) -> dict[str, Scene]:
    """All scenes; SpecError where one of the keys is none of them."""
    scenes = registry.scenes()
    unknown = next((key for key in keys if key not in scenes), None)
    if unknown is not None:
        keys_there = ", ".join(scenes) or "none"
        raise SpecError(f"scene {show(unknown)}: there is no such scene; there is {keys_there}")
    return scenes


def _listed(scenes: dict[str, Scene], as_json: bool) -> int:
    """Which scenes there are."""
    if as_json:
        rows = [{"key": k, "title": s.title, "question": s.question} for k, s in scenes.items()]
        print(dumps({"known": rows}))
        return 0
    for key, each in scenes.items():
        print(f"{key:22} {each.title}: {each.question}")
    return 0


def perform(key: str, seeds: int | None, first_seed: int | None) -> dict[str, Any]:
    """One scene trained here. `state` is "measured"; where what it trains on is not here and there
    is a recording, that is judged instead."""
    each: Scene = registry.scenes()[key]
    experiments = with_seeds(each, seeds, first_seed)
    if any(missing(run.data) for run in experiments.values()) and recordings.of(key):
        return replay(key)
    from skipviz.worker.rehearsal import rehearse

    done = rehearse(each, experiments, partial(_told, key))
    return {
        "key": key,
        "title": each.title,
        "state": "measured",
        "expectations": [verdict.to_json() | {"unit": verdict.unit} for verdict in done.verdicts],
        "seconds": round(done.seconds, 2),
        "first_s": round(done.first_s, 2),
    }


def replay(key: str) -> dict[str, Any]:
    """A scene's recording judged. `state` is "recorded": `showed` says of each expectation whether
    the recorded runs bear it out; none is `met`, for nothing was measured here. SpecError."""
    each: Scene = registry.scenes()[key]
    began = time.monotonic()
    evidence = recordings.evidence(key)
    verdicts = judged(each, evidence)
    return {
        "key": key,
        "title": each.title,
        "state": "recorded",
        "about": recordings.about(recordings.id_of(key, "main")),
        "expectations": [
            verdict.to_json() | {"unit": verdict.unit, "met": False, "showed": verdict.met}
            for verdict in verdicts
        ],
        "seconds": round(time.monotonic() - began, 2),
    }


def _results(
    scenes: dict[str, Scene], keys: Sequence[str], args: argparse.Namespace, many: bool
) -> Iterator[dict[str, Any]]:
    """What became of each scene, as it ends; of `many` seeds once all are through."""
    if many:
        chosen = {key: scenes[key] for key in keys}
        parts = strength.parts(chosen, args.seeds, args.first_seed)
        results = strength.gathered(scenes, parts, _at_once, _note)
        unmeasured = [result["key"] for result in results if result["state"] != "measured"]
        if args.write and unmeasured:
            _note(f"nothing is written: {', '.join(unmeasured)} was not measured to the end")
        elif args.write:
            _note(f"written to {truth.write(PROOF, strength.table(results, parts))}")
        yield from results
    elif args.all:
        longest = sorted(keys, key=lambda key: -scenes[key].seconds)
        parts = [(key, args.seeds, args.first_seed) for key in longest]
        for count, (_, result) in enumerate(_at_once(parts), 1):
            word = "met" if _met(result) else "fell short"
            _note(f"{count} of {len(keys)}: {result['key']} {word}, {result['seconds']:.0f} s")
            yield result
    else:
        yield from _in_turn(keys, args)


def _in_turn(keys: Sequence[str], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for key in keys:
        yield replay(key) if args.recorded else perform(key, args.seeds, args.first_seed)


def _at_once(parts: Sequence[Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each (scene, seeds, first seed) in a process of its own, as they end."""
    cores = _cores()
    with ThreadPoolExecutor(len(cores), initializer=_settle, initargs=(cores,)) as pool:
        waiting = {pool.submit(_child, *part): part for part in parts}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _cores() -> list[int]:
    """The cores that scenes may use, one each: not more than there are in hardware."""
    there = psutil.cpu_count(logical=False) or 1
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))[:there]
    return list(range(there))


def _settle(cores: list[int]) -> None:
    """Keeps this thread, and the processes that it starts, to a core of its own: several engines
    that each take all cores stand in each other's way."""
    core = cores.pop()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _leave_with(pid: int) -> None:
    """Ends this process once the command that started it is gone, however that ended. Not asked by
    os.getppid: in a virtual environment of Windows a launcher stands between the two."""
    with suppress(psutil.NoSuchProcess):
        command = psutil.Process(pid)
        while command.is_running() and command.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1)
    os._exit(3)


def _child(key: str, seeds: int | None, first_seed: int | None) -> dict[str, Any]:
    """What a scene's own process says; one that breaks off has the state "failed"."""
    words = child_processes.command("-m", "skipviz", "scene", key, "--json")
    words += ["--attended", str(os.getpid())]
    words += [] if seeds is None else ["--seeds", str(seeds)]
    words += [] if first_seed is None else ["--first-seed", str(first_seed)]
    done = subprocess.run(
        words,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=child_processes.environment(OMP_NUM_THREADS="1", PYTHONIOENCODING="utf-8"),
    )
    try:
        result: dict[str, Any] = numbers(json.loads(done.stdout))["scenes"][0]
    except (ValueError, KeyError, IndexError):
        why = (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
        return {"key": key, "state": "failed", "expectations": [], "seconds": 0.0, "why": why}
    return result


def _met(result: dict[str, Any]) -> bool:
    """Was the scene measured here, and does everything that it expects show?"""
    every = all(expectation["met"] for expectation in result["expectations"])
    return result["state"] == "measured" and every


def _print(result: dict[str, Any]) -> None:
    """One scene for people: expected, measured of every seed, verdict."""
    about = f", {result['about']}" if "about" in result else ""
    print(f"{result['key']}: {result.get('title', '')}  [{result['state']}]{about}")
    for expectation in result["expectations"]:
        good = "showed" if expectation.get("showed") else "met" if expectation["met"] else ""
        print(f"  {good or 'FELL SHORT':10} {expectation['text']}")
        if expectation["measured"]:
            unit = f" {expectation['unit']}" if expectation["unit"] else ""
            print(
                f"{'':13}expected {expectation['wanted']}; measured {expectation['numbers']}{unit}"
            )
    if "why" in result:
        print(f"  broke off: {result['why']}")
    first = f", first frame after {result['first_s']:.1f} s" if "first_s" in result else ""
    print(f"  {result['seconds']:.1f} s{first}\n", flush=True)


def _told(key: str, line: str) -> None:
    """A line of progress of a scene."""
    _note(f"{key}, {line}")


def _note(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
