"""`python -m skipviz scene --all --seeds 59`: more seeds than one run may have, a few at a time.

The seeds are fixed beforehand (`core/strength.SEEDS`). What was measured is kept in the cache, in
`strength`, so that a night that broke off goes on where it stopped; it counts as long as the
scene and the program that measured it stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from skipviz.core import atomic_files, places
from skipviz.core.fields import FIELDS
from skipviz.core.scene import Scene, bounds_in_words
from skipviz.core.strength import SEEDS, in_words, lower_bound
from skipviz.core.strict_json import dumps, numbers
from skipviz.mutants import evidence
from skipviz.store.evidence import with_seeds

AT_ONCE = 3
"""Seeds of one process: what a scene is sized for."""

Part = tuple[str, int, int]
"""A scene, so many seeds, and the first of them."""
Perform = Callable[[Sequence[Part]], Iterator[tuple[Part, dict[str, Any]]]]


def is_for(seeds: int | None) -> bool:
    """Are these more seeds than one run may have?"""
    most = FIELDS["seeds"].high
    return seeds is not None and most is not None and seeds > most


def parts(keys: Sequence[str], seeds: int, first_seed: int | None) -> list[Part]:
    """The scenes in parts of a few seeds each."""
    first = SEEDS.start if first_seed is None else first_seed
    starts = range(first, first + seeds, AT_ONCE)
    return [(key, min(AT_ONCE, first + seeds - s), s) for s in starts for key in keys]


def gathered(
    scenes: Mapping[str, Scene],
    wanted: Sequence[Part],
    perform: Perform,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """One result for each scene: every expectation with the numbers of all seeds."""
    package = dict(evidence.of_files(places.PACKAGE))
    places.check_writable(places.cache())
    results = {part: kept for part in wanted if (kept := _kept(scenes, part, package))}
    say(f"{len(results)} of {len(wanted)} parts are kept")
    missing = [part for part in wanted if part not in results]
    for part, result in perform(missing):
        results[part] = result
        if result["state"] == "measured":
            path = _path(scenes, part, package)
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_files.write_json(path, result)
        say(f"{len(results)} of {len(wanted)} parts: {part[0]} from seed {part[2]}")
    keys = list(dict.fromkeys(key for key, _, _ in wanted))
    return [_whole(key, [results[part] for part in wanted if part[0] == key]) for key in keys]


def _path(scenes: Mapping[str, Scene], part: Part, package: Mapping[str, str]) -> Path:
    """Where a part is kept: its name has a hash of the scene and of the program."""
    key, count, first = part
    scene = scenes[key]
    says = [[each.text, bounds_in_words(each)] for each in scene.expects]
    source = places.PACKAGE / "scenes" / f"{key}.py"
    text = source.read_text(encoding="utf-8") if source.is_file() else ""
    runs = evidence.of_runs(scene, with_seeds(scene, count, first))
    whole = hashlib.sha256(dumps([says, text, runs, dict(package)]).encode()).hexdigest()
    return places.cache() / "strength" / key / f"{first}-{count}-{whole[:16]}.json"


def _kept(
    scenes: Mapping[str, Scene], part: Part, package: Mapping[str, str]
) -> dict[str, Any] | None:
    value: dict[str, Any] = numbers(atomic_files.read_json(_path(scenes, part, package)))
    return value or None


def _whole(key: str, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts of a scene as one result. An expectation that has one number for all seeds is met
    where it is in every part."""
    broken = next((result for result in results if result["state"] != "measured"), None)
    if broken is not None:
        return broken
    expectations = []
    for rows in zip(*(result["expectations"] for result in results), strict=True):
        measured = [value for row in rows for value in row["measured"]]
        held = sum(row["held"] for row in rows)
        expectations.append(
            rows[0]
            | {
                "measured": measured,
                "held": held,
                "seeds": len(measured),
                "at_least": round(lower_bound(held, len(measured)), 4),
                "met": held == len(measured),
                "numbers": in_words(held, len(measured)),
            }
        )
    seconds = sum(result["seconds"] for result in results)
    return results[0] | {"expectations": expectations, "seconds": round(seconds, 2)}
