"""What people say of their runs, and runs that were deleted: files beside a run's own.

<run>/marks.json             its name, a note, and whether it is pinned
<root>/deleted/<when>-<id>   a run that was deleted; for a day it can be had back
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from skipviz.core import places
from skipviz.core.atomic_files import IN_USE, read_json, write_json
from skipviz.core.knob import SpecError
from skipviz.store.store import Store

MARKS = "marks.json"
MOST_NAME, MOST_NOTE = 80, 2000
KEPT_S = 24 * 3600.0
"""So long a deleted run can be had back."""

_DELETED = re.compile(r"(\d{10})-([A-Za-z0-9_-]{22})")


@dataclass(frozen=True)
class Marks:
    """What somebody said of a run."""

    name: str = ""
    note: str = ""
    pinned: bool = False


def marks(folder: Path) -> Marks:
    """A run's marks; what is odd in them counts as not said."""
    kept = read_json(folder / MARKS)
    texts = {
        key: str(kept[key])[:most]
        for key, most in (("name", MOST_NAME), ("note", MOST_NOTE))
        if isinstance(kept.get(key), str)
    }
    return Marks(**texts, pinned=kept.get("pinned") is True)


def mark(store: Store, run_id: str, **changes: Any) -> Marks:
    """Changes a run's marks. SpecError where there is no such stored run, or a text is too long."""
    folder = _there(store, run_id)
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


def delete(store: Store, run_id: str) -> None:
    """Takes a run out of the store; `undelete` brings it back. SpecError where there is none, or
    something in it is in use."""
    folder = _there(store, run_id)
    home = store.root / "deleted"
    with places.disk_errors(store.root):
        home.mkdir(exist_ok=True)
        try:
            os.rename(folder, home / f"{int(time.time()):010}-{run_id}")
        except PermissionError as error:
            if getattr(error, "winerror", None) not in IN_USE:
                raise
            raise SpecError(f"run '{run_id}': is in use; try again in a moment") from error


def deleted(store: Store) -> dict[str, Path]:
    """Deleted runs that can be had back, and where they lie, the newest first."""
    home = store.root / "deleted"
    entries = sorted(home.iterdir(), reverse=True) if home.is_dir() else []
    named = [(match, path) for path in entries if (match := _DELETED.fullmatch(path.name))]
    return {match[2]: path for match, path in reversed(named)} if named else {}


def undelete(store: Store, run_id: str) -> None:
    """Brings a deleted run back. SpecError where it is gone for good."""
    path = deleted(store).get(run_id)
    if path is None or store.folder(run_id).exists():
        raise SpecError(f"run '{run_id}': cannot be had back any more")
    with places.disk_errors(store.root):
        os.rename(path, store.folder(run_id))


def purge(store: Store, all_of_them: bool = False) -> None:
    """Removes deleted runs whose day is over, or all of them, for good."""
    for path in deleted(store).values():
        match = _DELETED.fullmatch(path.name)
        if match and (all_of_them or time.time() - int(match[1]) > KEPT_S):
            shutil.rmtree(path, ignore_errors=True)


def _there(store: Store, run_id: str) -> Path:
    folder = store.folder(run_id)
    if not store.is_id(run_id) or not (folder / "experiment.json").is_file():
        raise SpecError(f"run '{run_id[:40]}': there is no such run on this machine")
    return folder
