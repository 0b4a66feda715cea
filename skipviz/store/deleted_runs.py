"""Runs that were deleted: <root>/deleted/<when>-<id>. For a day they can be had back."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from skipviz.core import places
from skipviz.core.atomic_files import IN_USE
from skipviz.core.knob import SpecError
from skipviz.store.store import Store

UNDO_S = 24 * 3600.0
"""So long a deleted run can be had back."""

_NAME = re.compile(r"(\d{10})-([A-Za-z0-9_-]{22})")


def delete(store: Store, run_id: str) -> None:
    """Takes a run out of the store; `undelete` brings it back. SpecError where there is none, or
    something in it is in use."""
    folder = store.existing(run_id)
    home = store.root / "deleted"
    with places.disk_errors(store.root):
        home.mkdir(exist_ok=True)
        try:
            os.rename(folder, home / f"{int(time.time()):010}-{run_id}")
        except PermissionError as error:
            if getattr(error, "winerror", None) not in IN_USE:
                raise
            raise SpecError(f"run '{run_id}': is in use; try again in a moment") from error


def folders(store: Store) -> dict[str, Path]:
    """Where the runs lie that can be had back, by their ids; the newest deletion first."""
    return {run_id: path for run_id, _, path in _all(store)}


def undelete(store: Store, run_id: str) -> None:
    """Brings a deleted run back. SpecError where it is gone for good."""
    path = folders(store).get(run_id)
    if path is None or store.folder(run_id).exists():
        raise SpecError(f"run '{run_id}': cannot be had back any more")
    with places.disk_errors(store.root):
        os.rename(path, store.folder(run_id))


def purge(store: Store, at_once: Collection[str] = ()) -> None:
    """Removes for good the deleted runs whose day is over, and those of the ids `at_once`."""
    for run_id, when, path in _all(store):
        if run_id in at_once or time.time() - when > UNDO_S:
            shutil.rmtree(path, ignore_errors=True)


def _all(store: Store) -> list[tuple[str, int, Path]]:
    """Each deleted run's id, when it was deleted in seconds since 1970, and its folder."""
    home = store.root / "deleted"
    entries = sorted(home.iterdir(), reverse=True) if home.is_dir() else []
    named = [(_NAME.fullmatch(path.name), path) for path in entries]
    return [(match[2], int(match[1]), path) for match, path in named if match]
