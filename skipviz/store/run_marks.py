"""What people say of their runs: <run>/marks.json has a run's name, a note, and whether it is
pinned."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skipviz.core import places
from skipviz.core.atomic_files import read_json, write_json
from skipviz.core.knob import SpecError
from skipviz.store.store import Store

MARKS = "marks.json"
MOST_NAME, MOST_NOTE = 80, 2000


@dataclass(frozen=True)
class Marks:
    """What somebody said of a run."""

    name: str = ""
    note: str = ""
    pinned: bool = False


def marks(folder: Path) -> Marks:
    """A run's marks; what is odd in them counts as not said."""
    value = read_json(folder / MARKS)
    texts = {
        key: str(value[key])[:most]
        for key, most in (("name", MOST_NAME), ("note", MOST_NOTE))
        if isinstance(value.get(key), str)
    }
    return Marks(**texts, pinned=value.get("pinned") is True)


def mark(store: Store, run_id: str, **changes: Any) -> Marks:
    """Changes a run's marks. SpecError where there is no such stored run, or a text is too long."""
    folder = store.existing(run_id)
    for key, most in (("name", MOST_NAME), ("note", MOST_NOTE)):
        if len(str(changes.get(key, ""))) > most:
            raise SpecError(f"{key}: has more than {most} characters; make it shorter")
    changed = replace(marks(folder), **changes)
    stamp = folder.stat()
    with places.disk_errors(folder):
        write_json(folder / MARKS, asdict(changed))
        # A folder's time is when its run was last trained: lists of runs go by it.
        os.utime(folder, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return changed
