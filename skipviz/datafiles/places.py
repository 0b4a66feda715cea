"""Where data lies: the data folders, and the cache with what skipviz makes of them.

SKIPVIZ_DATA    data folders, separated as in PATH; they may be read-only
SKIPVIZ_CACHE   the cache; by default skipviz in the user's cache folder
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skipviz.knob import SpecError


def cache() -> Path:
    """The cache folder, there or not."""
    chosen = os.environ.get("SKIPVIZ_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "skipviz"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/skipviz"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skipviz"


def folders() -> list[Path]:
    """Every folder that is searched for data files: SKIPVIZ_DATA, then `data` in the cache."""
    given = os.environ.get("SKIPVIZ_DATA", "").split(os.pathsep)
    return [Path(each).expanduser() for each in given if each] + [cache() / "data"]


def writable() -> Path:
    """The first data folder that files can be put into. SpecError where there is none."""
    for folder in folders():
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return folder
    raise SpecError(f"data folder {folders()[0]}: cannot be written; set SKIPVIZ_DATA to one")


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk or a folder that cannot be written into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpecError(f"disk full: nothing more fits into {folder}; free some space") from (
                error
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SpecError(
                f"folder {folder}: cannot be written; set SKIPVIZ_DATA or SKIPVIZ_CACHE to one"
                " that can"
            ) from error
        raise


def megabytes(count: float) -> str:
    """A size as people read it: "4.2 kB", "11.6 MB", "170 MB"."""
    millions = count / 1e6
    if count < 1e5:
        return f"{count / 1e3:.1f} kB"
    return f"{millions:.0f} MB" if millions >= 100 else f"{millions:.1f} MB"
