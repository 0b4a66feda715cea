"""Where everything lies: what comes with skipviz, and what it writes. Nothing else answers that.

                     a checkout              installed
app.py, pages, …     its top level           skipviz/shipped, read-only
SKIPVIZ_RUNS         runs beside app.py      runs in the user's data folder
SKIPVIZ_CACHE        skipviz in the user's cache folder
SKIPVIZ_DATA         data folders, separated as in PATH; they may be read-only; then data in the
                     cache
SKIPVIZ_RECORDINGS   assets/recordings of what comes with skipviz

A variable that is set goes before the table.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from skipviz.core.knob import SpecError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of the Python package."""

_USER = platformdirs.PlatformDirs("skipviz", appauthor=False)


def installed() -> bool:
    """Was this package made into a wheel? Then app, pages and assets lie inside it."""
    return (PACKAGE / "shipped" / "app.py").is_file()


def shipped() -> Path:
    """The folder of app.py, pages, assets, benchmarks and .streamlit; never written into."""
    return PACKAGE / "shipped" if installed() else PACKAGE.parent


def _chosen(variable: str) -> Path | None:
    """The folder that an environment variable names, if it names one."""
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def runs() -> Path:
    """The folder of runs, there or not."""
    usual = _USER.user_data_path / "runs" if installed() else PACKAGE.parent / "runs"
    return _chosen("SKIPVIZ_RUNS") or usual


def recordings() -> Path:
    """The folder of the recordings that come with skipviz."""
    return _chosen("SKIPVIZ_RECORDINGS") or shipped() / "assets" / "recordings"


def check_recordings_are_ours() -> None:
    """SpecError where new recordings would go into an installed package."""
    if installed() and not _chosen("SKIPVIZ_RECORDINGS"):
        raise SpecError(
            "record: what comes with an installed skipviz is never changed; set SKIPVIZ_RECORDINGS"
            " to a folder for your own"
        )


def cache() -> Path:
    """The cache folder, there or not."""
    return _chosen("SKIPVIZ_CACHE") or _USER.user_cache_path


def folders() -> list[Path]:
    """Every folder that is searched for data files: SKIPVIZ_DATA, then `data` in the cache."""
    data_folders = os.environ.get("SKIPVIZ_DATA", "").split(os.pathsep)
    return [Path(each).expanduser() for each in data_folders if each] + [cache() / "data"]


def writable() -> Path:
    """The first data folder that files can be put into. SpecError where there is none."""
    for folder in folders():
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return folder
    raise SpecError(f"data folder {folders()[0]}: cannot be written; set SKIPVIZ_DATA to one")


def check_writable(folder: Path) -> None:
    """Makes a folder where it is missing, and tries it. SpecError where nothing can be written into
    it."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def _way_out(folder: Path) -> str:
    """What chooses another place than this folder."""
    homes = {"SKIPVIZ_RUNS": runs(), "SKIPVIZ_RECORDINGS": recordings(), "SKIPVIZ_CACHE": cache()}
    chosen = [name for name, home in homes.items() if folder.is_relative_to(home)]
    data = any(folder.is_relative_to(each) for each in folders())
    names = chosen or (["SKIPVIZ_DATA"] if data else [])
    return f"set {names[0]} to" if names else "choose"


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk, a folder that cannot be written, and whatever else a disk refuses into
    one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpecError(f"disk full: nothing more fits into {folder}; free some space") from (
                error
            )
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            raise SpecError(
                f"folder {folder}: is a file, or lies below one, or is gone; {_way_out(folder)}"
                " another folder"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SpecError(
                f"folder {folder}: cannot be read or written; {_way_out(folder)} another folder"
            ) from error
        why = error.strerror or "not all could be written; is the disk full?"  # as NumPy says it
        raise SpecError(f"folder {folder}: cannot be used ({why.lower()})") from error


def megabytes(count: float) -> str:
    """A size as people read it: "4.2 kB", "11.6 MB", "170 MB", "2.5 GB"."""
    millions = count / 1e6
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    if count < 1e5:
        return f"{count / 1e3:.1f} kB"
    return f"{millions:.0f} MB" if millions >= 100 else f"{millions:.1f} MB"
