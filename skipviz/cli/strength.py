"""`python -m skipviz scene --all --seeds 59`: more seeds than one run may have, a few at a time.

The seeds are fixed beforehand (`Scene.proof_seed`). What was measured is kept in the cache, in
`strength`, so that a night that broke off goes on where it stopped; it counts as long as the
scene and the program that measured it stay as they are.

An expectation on every seed is met where it held on at least 95 % of all seeds, one on the median
where it held on more than half of them: then the median over all seeds keeps its bounds. Both with
a confidence of 95 %.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skipviz.core import atomic_files, places
from skipviz.core.fields import FIELDS
from skipviz.core.scene import Expectation, Scene, bounds_in_words
from skipviz.core.strength import in_words, lower_bound
from skipviz.core.strict_json import dumps, numbers
from skipviz.mutants import evidence
from skipviz.store.evidence import with_seeds

AT_ONCE = 3
"""Seeds of one process: what a scene is sized for."""

MUST_HOLD = {"every": 0.95, "median": 0.5}
"""On more than this share of all seeds an expectation must hold, by what it judges."""
NO_PART = ("ui/", "figures/", "graphs/", "stream/", "access/", "operate/", "exchange/", "offline/")
"""Rooms that have no part in what is measured: it stays when they change."""

Part = tuple[str, int, int]
"""A scene, so many seeds, and the first of them."""
Perform = Callable[[Sequence[Part]], Iterator[tuple[Part, dict[str, Any]]]]


def is_for(seeds: int | None) -> bool:
    """Are these more seeds than one run may have?"""
    most = FIELDS["seeds"].high
    return seeds is not None and most is not None and seeds > most


def parts(scenes: Mapping[str, Scene], seeds: int, first_seed: int | None) -> list[Part]:
    """The scenes in parts of a few seeds each."""
    firsts = {
        key: scene.proof_seed if first_seed is None else first_seed for key, scene in scenes.items()
    }
    return [
        (key, min(AT_ONCE, seeds - done), first + done)
        for done in range(0, seeds, AT_ONCE)
        for key, first in firsts.items()
    ]


def gathered(
    scenes: Mapping[str, Scene],
    wanted: Sequence[Part],
    perform: Perform,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """One result for each scene: every expectation with the numbers of all seeds."""
    package = {
        path: value
        for path, value in evidence.of_files(places.PACKAGE).items()
        if not path.startswith(NO_PART)
    }
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
    return [
        _whole(scenes[key].expects, [results[part] for part in wanted if part[0] == key])
        for key in keys
    ]


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


def _whole(expects: Sequence[Expectation], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The parts of a scene as one result."""
    broken = next((result for result in results if result["state"] != "measured"), None)
    if broken is not None:
        return broken
    expectations = []
    rows_of_each = zip(*(result["expectations"] for result in results), strict=True)
    for expectation, rows in zip(expects, rows_of_each, strict=True):
        measured = [value for row in rows for value in row["measured"]]
        held = sum(row["held"] for row in rows)
        expectations.append(
            rows[0]
            | {
                "measured": measured,
                "held": held,
                "seeds": len(measured),
                "at_least": round(lower_bound(held, len(measured)), 4),
                "met": _is_met(expectation.over, held, len(measured)),
                "numbers": in_words(held, len(measured)),
            }
        )
    seconds = sum(result["seconds"] for result in results)
    return results[0] | {"expectations": expectations, "seconds": round(seconds, 2)}


def _is_met(over: str, held: int, seeds: int) -> bool:
    """Fewer seeds than could bear out 95 % must all hold."""
    return held == seeds or lower_bound(held, seeds) > MUST_HOLD[over]


def table(results: Sequence[dict[str, Any]], wanted: Sequence[Part]) -> list[str]:
    """What held on how many seeds, scene by scene, in Markdown."""
    import torch

    held = sum(row["met"] for result in results for row in result["expectations"])
    rows = sum(len(result["expectations"]) for result in results)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, torch"
        f" {torch.__version__}, {platform.machine()}: {held} of {rows} expectations hold as they"
        " are worded.",
        "",
        "| scene, seeds | expectation | wanted | held on | at least |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        seeds = [part for part in wanted if part[0] == result["key"]]
        name = f"*{result['key']}*, {seeds[0][2]} to {sum(seeds[-1][1:]) - 1}"
        for row in result["expectations"]:
            share = f"{int(100 * row['at_least'])} %"
            mark = "" if row["met"] else "**no** "
            cells = (name, row["text"], row["wanted"], f"{row['held']} of {row['seeds']}")
            lines.append(f"| {' | '.join(map(_cell, cells))} | {mark}{share} |")
            name = ""
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
