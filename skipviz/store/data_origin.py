"""Which data a run was trained on, and whether it is still here.

<run>/data.json   key, title, classes, shape and sizes of its data set, and the fingerprint of its
                  arrays, written when the run begins

A run whose set was removed, or replaced by another of the same name, is read with a set that stands
in for its own: the names of its classes and its shape are known, its pictures are gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skipviz.core import registry, strict_json
from skipviz.core.declarations import Dataset
from skipviz.core.knob import SpecError
from skipviz.core.registry import add_stand_in, dataset
from skipviz.core.strict_json import dumps
from skipviz.datafiles import fingerprints

FILE = "data.json"

UNKNOWN, SAME, REMOVED, CHANGED = "data unknown", "", "data removed", "data replaced"


def describe(key: str) -> dict[str, Any]:
    """What a run keeps of its data set."""
    of = dataset(key)
    return {
        "key": key,
        "title": of.title,
        "classes": list(of.classes),
        "input_shape": list(of.input_shape),
        "train_size": of.train_size,
        "test_size": of.test_size,
        "held_out": of.held_out,
        "fingerprint": fingerprints.fingerprint(key),
    }


def remark(origin: dict[str, Any]) -> str:
    """What became of the data of a run whose data.json this is: "" where it is here as it was.

    A set that comes with the program and was not read yet on this machine counts as the same.
    """
    return remarks([origin])[0]


def remarks(origins: Sequence[dict[str, Any]]) -> list[str]:
    """The same of many runs, with one look at each set."""
    keys = {str(origin.get("key")) for origin in origins if origin.get("fingerprint")}
    there = {key: _fingerprint_now(key) for key in keys}
    said = []
    for origin in origins:
        kept = origin.get("fingerprint")
        now = there[str(origin.get("key"))] if kept else None
        changed = REMOVED if now is None else SAME if now in ("", kept) else CHANGED
        said.append(changed if kept else UNKNOWN)
    return said


def _fingerprint_now(key: str) -> str | None:
    """Of the set that has this key now, "" where it was not read yet; None where there is none."""
    try:
        return fingerprints.fingerprint(key)
    except SpecError:
        return None


def with_stand_in(text: bytes, origin: dict[str, Any]) -> bytes:
    """The JSON of a stored experiment; where its data is gone, with the key of what stands in."""
    state = remark(origin)
    if state not in (REMOVED, CHANGED):
        return text
    try:
        experiment = strict_json.read(text)
        key = stand_in(origin, state)
    except (ValueError, KeyError, TypeError):
        return text
    return dumps(experiment | {"data": key}).encode() if isinstance(experiment, dict) else text


def stand_in(origin: dict[str, Any], state: str) -> str:
    """The key of the set that stands in for one that is gone."""
    title = str(origin["title"])
    what = "was removed" if state == REMOVED else "was replaced by another of the same name"
    why = f"data “{title}”: the set that this run was trained on {what}; its pictures are gone"

    def gone() -> tuple[Any, Any, Any, Any]:
        raise SpecError(why)

    channels, height, width = (int(side) for side in origin["input_shape"])
    return add_stand_in(
        f"{origin['key']}@{origin['fingerprint']}",
        Dataset(
            title=title,
            summary=why,
            input_shape=(channels, height, width),
            classes=tuple(str(name) for name in origin["classes"]),
            train_size=int(origin["train_size"]),
            test_size=int(origin["test_size"]),
            origin="",
            licence="",
            load=gone,
            held_out=int(origin["held_out"]),
            gone=why,
        ),
    )


def orphan(folder: Path) -> dict[str, Any]:
    """What is listed of a run from before fingerprints whose set is not here: nothing is known of
    its data but the key. Empty for what is no such run."""
    try:
        text = strict_json.read((folder / "experiment.json").read_text(encoding="utf-8"))
        key, lanes = str(text["data"]), [str(lane["family"]) for lane in text["lanes"]]
        steps = int(text["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    if key in registry.datasets():
        return {}
    return {"steps": steps, "data": key, "lanes": lanes, "data_remark": UNKNOWN}
