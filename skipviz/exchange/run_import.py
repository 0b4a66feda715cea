"""A run that comes as a zip archive: looked at as a stranger's, then a run as any other.

    run_id = run_import.import_run(path, store)

No name inside becomes a path unless it is one of a run's own; no link is followed; what is unpacked
is counted while it comes; frames must be of the schema that they claim; saved weights may name
nothing but tensors. Everything that is wrong is one sentence, and then nothing of it is kept. A run
that is taken in has an id of its own and overwrites none.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from skipviz.core import places, strict_json
from skipviz.core.atomic_files import write_json
from skipviz.core.knob import SpecError, show
from skipviz.exchange import run_check
from skipviz.exchange.run_zip import ABOUT, FORMAT, OPTIONAL, PROBE, REQUIRED
from skipviz.store.run_marks import MARKS, MOST_NAME, MOST_NOTE, Marks
from skipviz.store.store import Store

MOST_BYTES = 4 * 10**9
"""That an archive may unpack to."""
MOST_JSON = 8 * 2**20
MOST_FILES = 5000
_PIECE = 1 << 20


def import_run(path: Path, store: Store, most: int = MOST_BYTES) -> str:
    """Takes a run's archive into the store; the id that it has there. SpecError."""
    aside = store.root / f"import-{secrets.token_hex(8)}"
    try:
        with places.disk_errors(store.root):
            aside.mkdir(parents=True)
            with _archive(path) as archive:
                names = _names(archive, most)
                _unpack(archive, names, aside, most)
            saved_ns, said = _about(aside / ABOUT)
            (aside / ABOUT).unlink()
            if said != Marks():
                write_json(aside / MARKS, asdict(said))
            run_check.check(aside)
            if saved_ns and (aside / "checkpoint.pt").is_file():
                os.utime(aside / "checkpoint.pt", ns=(saved_ns, saved_ns))
            run_id = store.new_id()
            os.rename(aside, store.folder(run_id))
            return run_id
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, open; whatever is damaged in it is one sentence."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError:
        raise SpecError(f"run {show(path.name)}: there is no such file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise SpecError(
            f"run {show(path.name)}: is not a whole zip archive as `skipviz export` writes it"
        ) from error


def _names(archive: zipfile.ZipFile, most: int) -> list[zipfile.ZipInfo]:
    """The members that make the run. SpecError where one is not a run's, or something lacks."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES:
        raise SpecError(f"run: its archive holds {len(infos)} files, at most {MOST_FILES} may be")
    for info in infos:
        _check_name(info)
    names = [info.filename for info in infos]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"run: its archive holds {show(twice)} twice; export the run again")
    lacking = next((name for name in (ABOUT, *REQUIRED) if name not in names), None)
    if lacking is not None:
        raise SpecError(f"run: its archive lacks {lacking}; take one that `skipviz export` wrote")
    if sum(info.file_size for info in infos) > most:
        raise SpecError(f"run: its archive unpacks to more than {places.megabytes(most)}")
    return infos


def _check_name(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or re.match("[A-Za-z]:", name):
        raise SpecError(f"run: {show(name)} leads out of the archive; nothing of it was taken")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise SpecError(f"run: {show(name)} is a link; an archive of a run has none")
    if name not in (ABOUT, *REQUIRED, *OPTIONAL) and not PROBE.fullmatch(name):
        raise SpecError(f"run: {show(name)} is no file of a run; take one that skipviz exported")


def _unpack(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], to: Path, most: int) -> None:
    """Writes the members below `to`, counting what really comes."""
    left = most
    for info in infos:
        path = to / info.filename
        path.parent.mkdir(exist_ok=True)
        limit = min(left, MOST_JSON) if path.suffix == ".json" else left
        with archive.open(info) as packed, path.open("xb") as file:
            while piece := packed.read(_PIECE):
                limit -= len(piece)
                left -= len(piece)
                if limit < 0:
                    raise SpecError(f"run: {show(info.filename)} unpacks to more than it may")
                file.write(piece)


def _about(path: Path) -> tuple[int, Marks]:
    """When the weights were saved, in nanoseconds, and what was said of the run; SpecError for
    another format than this one."""
    try:
        about = strict_json.read(path.read_bytes())
        known, saved_ns = about["skipviz_run"], int(about["checkpoint_saved_ns"])
        name, note = about.get("name", ""), about.get("note", "")
        if not (isinstance(name, str) and isinstance(note, str)):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise SpecError(f"run: {ABOUT} is not as `skipviz export` writes it") from None
    if known != FORMAT:
        raise SpecError(f"run: its archive is of format {show(str(known))}; this skipviz reads 1")
    if len(name) > MOST_NAME or len(note) > MOST_NOTE:
        raise SpecError(f"run: {ABOUT} has a longer name or note than a run can have")
    return saved_ns if 0 <= saved_ns < 1 << 62 else 0, Marks(name, note)
