"""A folder that is written as a whole: it is there as it was, or as it is to be, never half.

with replaced(folder) as half: …   files are written into `half`, which then becomes `folder`
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skipviz.core.atomic_files import discard, read_json, write_json
from skipviz.core.knob import SpecError

MARK = "made-by-skipviz.json"
"""Names every file that was written: who finds others knows that they are somebody's own."""


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder`, which takes its place at the end; where something goes
    wrong before, everything is as it was. SpecError where `folder` is no folder, its own folder is
    not there, or it holds anything that was not written this way. OSError."""
    folder = folder.resolve()
    check(folder)
    half = folder.with_name(f".{folder.name}-half-{secrets.token_hex(4)}")
    half.mkdir()
    try:
        yield half
        write_json(half / MARK, {"files": _names(half)})
        check(folder)
        if folder.exists() and not discard(folder):
            raise SpecError(f"folder {folder}: is in use; close what has it open")
        half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def check(folder: Path) -> None:
    """SpecError where a folder may not be replaced."""
    if not folder.parent.is_dir():
        raise SpecError(f"folder {folder.parent}: is not there; make it first")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SpecError(f"folder {folder}: is a file; give another name")
    ours = {MARK, *map(str, read_json(folder / MARK).get("files", []))}
    strange = [name for name in _names(folder) if name not in ours]
    if strange or (any(folder.iterdir()) and not (folder / MARK).is_file()):
        first = strange[0] if strange else "a folder"
        raise SpecError(
            f"folder {folder}: holds what skipviz did not make ({first}); give an empty or a new"
            " one"
        )


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in files)
