"""Measurements of stored runs, kept with the run.

<run>/probes/<key>-<hash>.json   one answer, for these options and these weights
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from skipviz.core.declarations import Probe
from skipviz.core.strict_json import numbers
from skipviz.store.store import read_json, write_json


def place(folder: Path, key: str, options: dict[str, Any], seed_index: int) -> Path:
    """Where the answer is kept. New weights are a new place: an old answer is never shown."""
    weights = folder / "checkpoint.pt"
    stamp = weights.stat().st_mtime_ns if weights.is_file() else 0
    text = json.dumps([options, seed_index, stamp], sort_keys=True)
    return folder / "probes" / f"{key}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def stored_answer(
    folder: Path, key: str, options: dict[str, Any], seed_index: int
) -> dict[str, Any] | None:
    """The answer that was kept, or None."""
    return numbers(read_json(place(folder, key, options, seed_index))) or None


def keep(
    folder: Path,
    key: str,
    declared: Probe,
    options: dict[str, Any],
    seed_index: int,
    value: dict[str, Any],
) -> None:
    """Keeps an answer, unless the probe says that its answers are not kept."""
    if not declared.stored:
        return
    path = place(folder, key, options, seed_index)
    path.parent.mkdir(exist_ok=True)
    write_json(path, value)
