"""Downloads the files of a data set, when somebody asks for it and never else.

A file grows as <name>.part, goes on where it broke off, is compared with torchvision's checksum
and only then gets its name: a half file never counts as a whole one. SKIPVIZ_MIRROR is the address
of a folder laid out like a data folder, which is asked instead of torchvision's addresses.
"""

from __future__ import annotations

import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from skipviz.core import places
from skipviz.core.atomic_files import replace
from skipviz.core.declarations import Files
from skipviz.core.knob import SpecError
from skipviz.datafiles import find, reading

TIMEOUT_S = 30.0
"""A server that sends nothing for so long is given up."""

ATTEMPTS = 3
PAUSE_S = 1.0
CHUNK = 1 << 18

Tell = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


def fetch(files: Files, tell: Tell) -> Path:
    """Brings every file that is not there into the first data folder that can be written.

    SpecError in one sentence where that fails; what has arrived is kept to go on from.
    """
    root = places.writable()
    folder = root / files.folder
    checksums = reading.checksums(files)
    with places.disk_errors(root):
        folder.mkdir(parents=True, exist_ok=True)
        _room(files, folder)
        with _alone(folder / f".{files.torchvision}.lock"):
            done = 0
            for name, size in files.packed.items():
                _one(files, folder / name, checksums[name], _from(done, files.size, tell))
                done += size
                tell(done, files.size)
    return root


def _from(done: int, size: int, tell: Tell) -> Callable[[int], None]:
    return lambda more: tell(done + more, size)


def _room(files: Files, folder: Path) -> None:
    there = sum(
        path.stat().st_size
        for name in files.packed
        for path in (folder / name, folder / f"{name}.part")
        if path.is_file()
    )
    lacking = files.size - there - shutil.disk_usage(folder).free
    if lacking > 0:
        raise SpecError(
            f"disk full: {places.megabytes(files.size)} do not fit into {folder}; free"
            f" {places.megabytes(lacking)} or set SKIPVIZ_DATA to another folder"
        )


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Lets one process at a time download into a folder; the system frees the lock of a process
    that is gone."""
    try:
        with FileLock(lock, timeout=0):
            try:
                yield
            finally:
                with suppress(OSError):  # on Windows, where it is open, the lock removes it itself
                    lock.unlink()
    except Timeout:
        raise SpecError("download: another process is fetching these files already") from None


def _one(files: Files, path: Path, md5: str, tell: Callable[[int], None]) -> None:
    """One file: there already and right, or downloaded, compared and renamed."""
    if path.is_file():
        with path.open("rb") as stream:
            if reading.digest(stream) == md5:
                return
    part = path.with_name(f"{path.name}.part")
    trouble = ""
    for address in _addresses(files, path.name):
        trouble = _attempts(address, part, files.packed[path.name], tell)
        if trouble:
            continue
        with part.open("rb") as stream:
            right = reading.digest(stream) == md5
        if right:
            replace(part, path)
            return
        part.unlink()
        trouble = "what arrived does not match its checksum and was thrown away"
    raise SpecError(
        f"download of {path.name}: {trouble}; try again later, or put {find.by_hand(files)}"
    )


def _addresses(files: Files, name: str) -> list[str]:
    mirror = os.environ.get("SKIPVIZ_MIRROR", "")
    if not mirror:
        return reading.addresses(files, name)
    if urlsplit(mirror).scheme not in ("http", "https"):
        raise SpecError(f"SKIPVIZ_MIRROR '{mirror}': must be an address with http or https")
    return ["/".join(part.strip("/") for part in (mirror, files.folder, name) if part)]


def _attempts(address: str, part: Path, size: int, tell: Callable[[int], None]) -> str:
    """Tries an address a few times, each from where the last one broke off: empty when the part
    is complete, else why not."""
    trouble = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S)
        trouble, again = _attempt(address, part, size, tell)
        if not again:
            break
    return trouble


def _attempt(address: str, part: Path, size: int, tell: Callable[[int], None]) -> tuple[str, bool]:
    """One request: why it failed (empty: complete) and whether another one may help."""
    host = urlsplit(address).hostname
    try:
        arrived = _receive(address, part, size, tell)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # our part is longer than their file
            part.unlink(missing_ok=True)
        return f"{host} answered {error.code} {error.reason}", error.code in (416, 500, 503)
    except TimeoutError:
        return f"{host} sent nothing for {TIMEOUT_S:g} seconds", True
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            return f"{host} sent nothing for {TIMEOUT_S:g} seconds", True
        refused = isinstance(error.reason, ConnectionRefusedError)
        what = "refused the connection" if refused else "cannot be reached from this machine"
        return f"{host} {what}", False
    except (ConnectionError, http.client.HTTPException):
        return f"{host} broke off the connection", True
    if arrived == size:
        return "", False
    if arrived > size:
        part.unlink()
        return f"{host} sent more than the file has", False
    return f"{host} broke off after {arrived:,} of {size:,} bytes", True


def _receive(address: str, part: Path, size: int, tell: Callable[[int], None]) -> int:
    """Appends what the server sends to `part`; its length then."""
    have = part.stat().st_size if part.is_file() else 0
    if have == size:
        return size
    head = {"User-Agent": "skipviz"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(address, headers=head)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        if answer.status != 206:  # the server begins at the beginning
            have = 0
        with part.open("ab" if have else "wb") as file:
            while have <= size and (chunk := answer.read(CHUNK)):
                write(file, chunk)
                have += len(chunk)
                tell(min(have, size))
    return have


def write(file: BinaryIO, chunk: bytes) -> None:
    """Every byte that is downloaded goes to the disk here."""
    file.write(chunk)
