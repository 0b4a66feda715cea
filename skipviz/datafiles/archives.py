"""What somebody gave as a data set, file by file: a folder, a zip archive, a tar archive.

An archive is read in memory: no name inside it ever becomes a path. Links are not followed: they
are counted. A file that cannot be used is a Trouble, and the rest goes on.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, Protocol

from skipviz.core.knob import SpecError, show
from skipviz.datafiles import names
from skipviz.datafiles.pictures import MOST_BYTES

MOST_FILES = 150_000
MOST_TOTAL = 2 * 10**9
"""Bytes of all pictures of a set before they are decoded, and of an .npz."""

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_BROKEN = "is not a whole tar archive"
_HEADS = 8 * 2**20
"""Bytes between two members of a tar archive, beside the first one's own."""


@dataclass(frozen=True)
class Trouble:
    """A file that cannot be used, and why."""

    name: str
    why: str


class Entry(NamedTuple):
    """A file inside, before it is read; `handle` is what its source finds it by."""

    path: PurePosixPath
    handle: Any


class Listing(NamedTuple):
    """What lies inside. `page` is the code page that names were guessed to be in, or ""."""

    entries: list[Entry]
    links: list[str]
    troubles: list[Trouble]
    page: str


class Source(Protocol):
    """A folder or an archive."""

    def listing(self) -> Listing:
        """Every file inside. SpecError where it cannot be read, or holds too many."""

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | Trouble]]:
        """The bytes of each, MOST_BYTES and one at most; in the order of the source."""


def ending(name: str) -> str:
    """ ".zip", ".npz", ".tar.gz" …: how a file that can be a data set ends, else ""."""
    return next((e for e in (".zip", ".npz", *TARS) if name.lower().endswith(e)), "")


def source(path: Path) -> Source:
    """A folder, a zip or a tar archive to read from."""
    if path.is_dir():
        return _Folder(path)
    return _Zip(path) if ending(path.name) == ".zip" else _Tar(path)


def said(name: object) -> str:
    """A name for a sentence, short and printable."""
    return show(str(name))[1:-1]


def reason(error: Exception) -> str:
    """Why a file could not be read, in a few words."""
    strerror = getattr(error, "strerror", None)
    return str(strerror).lower() if strerror else type(error).__name__


def _counted(name: str, count: int) -> None:
    if count > MOST_FILES:
        raise SpecError(f"{name}: {count} files, must be at most {MOST_FILES}")


def _bounded(name: str, total: int) -> None:
    if total > MOST_TOTAL:
        raise SpecError(f"{name}: unpacks to more than {MOST_TOTAL // 10**9} GB")


def _inside(name: str) -> PurePosixPath | Trouble:
    """The path of an archive's member; Windows writes backslashes."""
    text = name.replace("\\", "/")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", text):
        return Trouble(said(name), "its name leads out of the archive")
    return path if path.parts else Trouble("?", "has no name")


def _listed(
    members: Sequence[tuple[str, bytes, Any]], links: list[str], troubles: list[Trouble]
) -> Listing:
    """Members as (name, "" where its code page is unknown; its bytes; handle)."""
    unknown, page = names.decoded([raw for name, raw, _ in members if not name])
    guessed = iter(unknown)
    entries = []
    for name, _, handle in members:
        path = _inside(name or next(guessed))
        if isinstance(path, Trouble):
            troubles.append(path)
        else:
            entries.append(Entry(path, handle))
    return Listing(entries, links, troubles, page)


# --- Folders -----------------------------------------------------------------------------------


def _is_link(path: str) -> bool:
    """A symbolic link, or a junction of Windows, which Python knows from 3.12 on."""
    return os.path.islink(path) or getattr(os.path, "isjunction", lambda _: False)(path)


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def listing(self) -> Listing:
        links: list[str] = []
        troubles: list[Trouble] = []
        paths: list[Path] = []

        def unreadable(error: OSError) -> None:
            if Path(error.filename) == self.root:
                raise SpecError(f"folder {self.root}: cannot be read ({reason(error)})") from None
            place = self._name(Path(error.filename))
            troubles.append(Trouble(said(place), f"cannot be read ({reason(error)})"))

        for place, folders, files in os.walk(self.root, onerror=unreadable):
            away = {name for name in [*folders, *files] if _is_link(os.path.join(place, name))}
            links += [said(self._name(Path(place, name))) for name in sorted(away)]
            folders[:] = sorted(set(folders) - away)
            paths += [Path(place, name) for name in files if name not in away]
            _counted(self.root.name, len(paths))
        return self._entries(paths, links, troubles)

    def _entries(self, paths: list[Path], links: list[str], troubles: list[Trouble]) -> Listing:
        raw = [os.fsencode(self._name(path)) for path in paths]
        shown, page = names.decoded(raw)
        entries = [Entry(PurePosixPath(n), path) for n, path in zip(shown, paths, strict=True)]
        return Listing(entries, links, troubles, page)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | Trouble]]:
        total = 0
        for entry in wanted:
            try:
                if not entry.handle.is_file():
                    raise OSError(0, "is no file")
                with entry.handle.open("rb") as file:
                    data = file.read(MOST_BYTES + 1)
            except OSError as error:
                why = f"cannot be read ({reason(error)})"
                yield entry, Trouble(said(entry.path), why)
                continue
            total += len(data)
            _bounded(self.root.name, total)
            yield entry, data


# --- Zip archives ------------------------------------------------------------------------------


def opened(path: Path) -> zipfile.ZipFile:
    """A zip archive. SpecError where it is none, or cannot be read."""
    try:
        return zipfile.ZipFile(path)
    except OSError as error:
        if error.errno is not None and error.strerror:
            raise SpecError(f"{path.name}: cannot be read ({reason(error)})") from None
        raise SpecError(f"{path.name}: is not a whole zip archive") from None
    except Exception as error:  # a damaged directory makes it raise whatever it stumbles over
        name = type(error).__name__
        raise SpecError(f"{path.name}: is not a whole zip archive ({name})") from None


class _Zip:
    def __init__(self, path: Path) -> None:
        self.path = path

    def listing(self) -> Listing:
        with opened(self.path) as packed:
            infos = packed.infolist()
        files = [info for info in infos if not info.orig_filename.endswith(("/", "\\"))]
        _counted(self.path.name, len(files))
        members, links = [], []
        for info in files:
            if stat.S_ISLNK(info.external_attr >> 16):
                links.append(said(info.filename))
            else:
                members.append((*_name(info), info))
        return _listed(members, links, [])

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | Trouble]]:
        total = 0
        with opened(self.path) as packed:
            for entry in wanted:
                try:
                    with packed.open(entry.handle) as file:
                        data = file.read(MOST_BYTES + 1)
                except Exception as error:  # damaged, encrypted, an unknown compression, unreadable
                    why = f"cannot be unpacked ({reason(error)})"
                    yield entry, Trouble(said(entry.path), why)
                    continue
                total += len(data)
                _bounded(self.path.name, total)
                yield entry, data


def _name(info: zipfile.ZipInfo) -> tuple[str, bytes]:
    """A member's name, or its bytes where the archive does not say in which code page it is.

    Info-ZIP's unicode path (extra field 0x7075) counts where it was made for this very name.
    """
    name = info.orig_filename
    if info.flag_bits & 0x800 or name.isascii():
        return name.split("\0")[0], b""
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:  # read by a zipfile that knows the unicode path itself
        return name, b""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x7075 and len(body) > 5 and body[0] == 1:
            if struct.unpack("<I", body[1:5])[0] == zlib.crc32(raw):
                return body[5:].decode("utf-8", "replace"), b""
    return "", raw


# --- Tar archives ------------------------------------------------------------------------------


class _Narrow(io.RawIOBase):
    """A stream that refuses to be read without end: a tar archive's own heads may ask for it.
    `left`: bytes to the next member's beginning."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.left = stream, _HEADS

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise SpecError("its heads are too large")
        data = self.stream.read(size)
        self.left -= len(data)
        return data


_UNPACKERS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)


class _Tar:
    def __init__(self, path: Path) -> None:
        self.path = path

    def _members(self) -> Iterator[tuple[int, tarfile.TarInfo, tarfile.TarFile]]:
        """Every member by its number, as the archive is read from its beginning to its end."""
        try:
            with self.path.open("rb") as packed:
                head = packed.read(8)
                packed.seek(0)
                unpack = next((u for magic, u in _UNPACKERS if head.startswith(magic)), None)
                stream = unpack(packed) if unpack else packed
                narrow = _Narrow(stream)
                total = 0
                with tarfile.open(fileobj=narrow, mode="r|", errors="surrogateescape") as archive:
                    for number, member in enumerate(archive):
                        narrow.left = member.size + _HEADS
                        total += member.size
                        if total > MOST_TOTAL:
                            raise SpecError(f"unpacks to more than {MOST_TOTAL // 10**9} GB")
                        yield number, member, archive
        except SpecError as error:
            raise SpecError(f"{self.path.name}: {error}") from None
        except OSError as error:
            why = f"cannot be read ({reason(error)})" if error.strerror else _BROKEN
            raise SpecError(f"{self.path.name}: {why}") from None
        except Exception as error:  # a damaged one makes it raise whatever it stumbles over
            name = type(error).__name__
            raise SpecError(f"{self.path.name}: {_BROKEN} ({name})") from None

    def listing(self) -> Listing:
        members, links = [], []
        troubles: list[Trouble] = []
        for number, member, _ in self._members():
            raw = member.name.encode("utf-8", "surrogateescape")
            if member.issym() or member.islnk():
                links.append(said(member.name))
            elif member.isfile():
                members.append(("" if not raw.isascii() else member.name, raw, number))
            elif not member.isdir():
                troubles.append(Trouble(said(member.name), "is no file"))
            _counted(self.path.name, number + 1)
        return _listed(members, links, troubles)

    def contents(self, wanted: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | Trouble]]:
        entry_of = {entry.handle: entry for entry in wanted}
        for number, member, archive in self._members():
            if number not in entry_of:
                continue
            file = archive.extractfile(member)
            data = file.read(MOST_BYTES + 1) if file else b""
            yield entry_of[number], data
