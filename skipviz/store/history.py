"""All stored runs in one index, for lists: found, filtered, counted, without opening their folders.

    history = History(store)
    history.refresh()
    page = history.find(Query(text="resnet", family="plain"), offset=0, limit=20)

The index is a SQLite file beside the runs (WAL). It holds nothing that the folders do not: where it
is lost, damaged or of another version, it is made anew from them. What changed is known by the time
stamps of folders; a run that has not ended is read each time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from skipviz.core import places
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.protocol import ENDED
from skipviz.core.strict_json import dumps
from skipviz.store import data_origin, deleted_runs, run_marks
from skipviz.store.lane_axes import families, labels
from skipviz.store.store import Store
from skipviz.store.summary import summary

FILE = "index.sqlite"
VERSION = 3
PATIENCE_S = 10.0

T = TypeVar("T")

_locks: defaultdict[Path, threading.RLock] = defaultdict(threading.RLock)
"""One for each index of this process."""


@dataclass(frozen=True)
class Entry:
    """A run as a list shows it.

    stamp     what is known of its files: another one, and it is read again; "" of a run that has
              not ended, for its worker may be gone without a word, and of one that cannot be
              read, for its data may come back
    began     of its folder, seconds since 1970: when it was last trained
    families  of its lanes, each between bars: "|plain|resnet|"
    lanes     their names; depth: of the deepest
    fingerprint   of its data; "" where it is not known
    seconds   of training; size: bytes on disk
    curves    JSON, as `summary` gives them; "" while they were not looked at
    """

    id: str
    stamp: str
    began: float
    name: str
    note: str
    pinned: bool
    families: str
    lanes: str
    depth: int
    data: str
    fingerprint: str
    state: str
    step: int
    steps: int
    seconds: float
    size: int
    verdict: str = ""
    curves: str = ""

    @property
    def title(self) -> str:
        """What it is called: by whoever named it, else by its lanes."""
        return self.name or self.lanes


_COLUMNS = [each.name for each in fields(Entry)]


@dataclass(frozen=True)
class Query:
    """Which runs: words that all stand somewhere in a run's texts, and what else they must be; ""
    stands for any; `without`: ids of runs that are left out."""

    text: str = ""
    family: str = ""
    data: str = ""
    state: str = ""
    pinned: bool = False
    without: tuple[str, ...] = ()

    def where(self) -> tuple[str, list[Any]]:
        """The condition in SQL, and its values."""
        parts, values = ["1"], list[Any]()
        for word in self.text.lower().split()[:8]:
            parts.append("instr(lower(name || ' ' || note || ' ' || lanes || ' ' || data || ' '"
                         " || verdict || ' ' || id), ?)")  # fmt: skip
            values.append(word)
        if self.family:
            parts.append("instr(families, ?)")
            values.append(f"|{self.family}|")
        for column in ("data", "state"):
            if getattr(self, column):
                parts.append(f"{column} = ?")
                values.append(getattr(self, column))
        if self.pinned:
            parts.append("pinned")
        if self.without:
            parts.append("id NOT IN (SELECT value FROM json_each(?))")
            values.append(dumps(list(self.without)))
        return " AND ".join(parts), values


@dataclass(frozen=True)
class Page:
    """Some of the runs that a query finds, the newest first, pinned before all others; how many
    there are, and what they take on disk."""

    entries: list[Entry]
    total: int
    size: int


class History:
    """The index of a store's runs. Any thread may ask."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.path = store.root / FILE

    # --- asking

    def find(self, query: Query, offset: int = 0, limit: int = 20) -> Page:
        """A page of the runs that a query finds."""
        where, values = query.where()

        def ask(index: sqlite3.Connection) -> Page:
            rows = index.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE {where}"
                " ORDER BY pinned DESC, began DESC, id LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
            total, size = index.execute(
                f"SELECT count(*), coalesce(sum(size), 0) FROM runs WHERE {where}", values
            ).fetchone()
            return Page([Entry(*row) for row in rows], total, size)

        return self._with(ask)

    def values(self) -> dict[str, list[str]]:
        """What runs can be filtered by: every family, data set and state that is there."""

        def ask(index: sqlite3.Connection) -> dict[str, list[str]]:
            rows = index.execute("SELECT DISTINCT families, data, state FROM runs").fetchall()
            named = {name for row in rows for name in row[0].split("|") if name}
            return {
                "family": sorted(named),
                "data": sorted({row[1] for row in rows}),
                "state": sorted({row[2] for row in rows}),
            }

        return self._with(ask)

    def next_to_go(self, most_bytes: int, more_bytes: int = 0) -> list[Entry]:
        """The runs that must go so that all of them, and so many bytes more, take at most
        `most_bytes`: the oldest that are over and not pinned."""

        def ask(index: sqlite3.Connection) -> list[Entry]:
            (size,) = index.execute("SELECT coalesce(sum(size), 0) FROM runs").fetchone()
            over, going = size + more_bytes - most_bytes, list[Entry]()
            ended = ", ".join("?" * len(ENDED))
            rows = index.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE NOT pinned AND state IN ({ended})"
                " ORDER BY began, id",
                ENDED,
            )
            for row in rows:
                if over <= 0:
                    break
                going.append(Entry(*row))
                over -= going[-1].size
            return going

        return self._with(ask)

    # --- keeping up

    def refresh(self) -> None:
        """Brings the index up to date with the folders; frames are not read."""
        deleted_runs.purge(self.store)
        there = self._stamps()

        def bring(index: sqlite3.Connection) -> None:
            known = dict(index.execute("SELECT id, stamp FROM runs"))
            gone = [(run_id,) for run_id in known if run_id not in there]
            fresh = [run_id for run_id, (stamp, _) in there.items() if known.get(run_id) != stamp]
            with _writing(index):
                index.executemany("DELETE FROM runs WHERE id = ?", gone)
                for run_id in fresh:
                    self._put(index, self._entry(run_id, *there[run_id]))

        self._with(bring)

    def look(self, entries: Sequence[Entry]) -> list[Entry]:
        """The same runs with their verdicts and curves, from their frames where they were not
        looked at since they changed."""
        seen = {entry.id: self._looked(entry) for entry in entries if not entry.curves}
        rows = [(each.verdict, each.curves, each.id) for each in seen.values()]

        def keep(index: sqlite3.Connection) -> None:
            with _writing(index):
                index.executemany("UPDATE runs SET verdict = ?, curves = ? WHERE id = ?", rows)

        if rows:
            self._with(keep)
        return [seen.get(entry.id, entry) for entry in entries]

    def _looked(self, entry: Entry) -> Entry:
        try:
            frames = self.store.folder(entry.id) / "frames.arrow"
            values = summary(self.store.experiment(entry.id), frames)
        except SpecError:
            return replace(entry, curves="[]")
        return replace(entry, verdict=values["verdict"], curves=dumps(values["curves"]))

    def _stamps(self) -> dict[str, tuple[str, float]]:
        """Of every run folder: what changes whenever one of its files is replaced, and its time."""
        stamps: dict[str, tuple[str, float]] = {}
        with suppress(OSError), os.scandir(self.store.root) as folders:
            for folder in folders:
                if self.store.is_id(folder.name):
                    with suppress(OSError):  # a run that is deleted just now
                        stat = folder.stat()
                        said = _time(os.path.join(folder.path, run_marks.MARKS))
                        stamps[folder.name] = f"{stat.st_mtime_ns} {said}", stat.st_mtime
        return stamps

    def _entry(self, run_id: str, stamp: str, began: float) -> Entry:
        """What is known of a run without its frames."""
        folder = self.store.folder(run_id)
        status, marks = self.store.status(run_id), run_marks.marks(folder)
        values: dict[str, Any] = {"families": "|", "lanes": "", "depth": 0, "data": ""}
        values |= {"steps": int(status.get("steps", 0))}
        state = str(status["state"])
        is_settled = state in ENDED
        try:
            values |= _described(self.store.experiment(run_id))
        except SpecError:
            orphan, is_settled = data_origin.orphan(folder), False
            if orphan:
                values |= {"lanes": ", ".join(orphan["lanes"]), "data": orphan["data"]}
                values |= {"families": "|".join(["", *orphan["lanes"], ""])}
                values |= {"steps": orphan["steps"]}
        step, rate = int(status.get("step", 0)), float(status.get("steps_per_s", 0.0))
        seconds = float(status.get("spent_s", 0.0)) or (step / rate if rate else 0.0)
        return Entry(
            id=run_id, stamp=stamp if is_settled else "", began=began, name=marks.name,
            note=marks.note, pinned=marks.pinned, state=state, step=step, seconds=seconds,
            fingerprint=str(self.store.data(run_id).get("fingerprint", "")), size=_size(folder),
            **values,
        )  # fmt: skip

    def _put(self, index: sqlite3.Connection, entry: Entry) -> None:
        row = [getattr(entry, name) for name in _COLUMNS]
        marks = ", ".join("?" * len(row))
        index.execute(f"INSERT OR REPLACE INTO runs VALUES ({marks})", row)

    # --- the file

    def _with(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """Asks the index; one that is damaged is thrown away and made anew. One thread at a time:
        whoever throws a file away must be the only one who has it open."""
        with _locks[self.path]:
            try:
                with self._open(self.path) as index:
                    return ask(index)
            except sqlite3.OperationalError as error:
                if "locked" in str(error):
                    raise SpecError("history: another program reads it; try again soon") from error
                self._throw_away()
            except sqlite3.DatabaseError:
                self._throw_away()
            try:
                with self._open(self.path) as index:
                    return ask(index)
            except sqlite3.Error as error:
                places.check_writable(self.store.root)
                raise SpecError(f"history: {self.path} cannot be used ({error})") from error

    def _throw_away(self) -> None:
        with places.disk_errors(self.store.root):
            for end in ("", "-wal", "-shm"):
                self.path.with_name(FILE + end).unlink(missing_ok=True)

    @contextmanager
    def _open(self, path: Path) -> Iterator[sqlite3.Connection]:
        """The file, open and of this version; another one is emptied and filled anew."""
        with places.disk_errors(self.store.root):
            self.store.root.mkdir(parents=True, exist_ok=True)
        index = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
        try:
            index.execute("PRAGMA journal_mode = WAL")
            index.execute("PRAGMA synchronous = NORMAL")
            if _version(index) != VERSION:
                self._fill(index)
            yield index
        finally:
            index.close()

    def _fill(self, index: sqlite3.Connection) -> None:
        """Makes the table and reads every run's folder, without its frames."""
        with _writing(index):
            if _version(index) == VERSION:  # another program was faster
                return
            index.execute("DROP TABLE IF EXISTS runs")
            index.execute(f"CREATE TABLE runs (id PRIMARY KEY, {', '.join(_COLUMNS[1:])})")
            index.execute("CREATE INDEX newest ON runs (pinned, began)")
            for run_id, (stamp, began) in self._stamps().items():
                self._put(index, self._entry(run_id, stamp, began))
            index.execute(f"PRAGMA user_version = {VERSION}")


def _version(index: sqlite3.Connection) -> int:
    version: int = index.execute("PRAGMA user_version").fetchone()[0]
    return version


@contextmanager
def _writing(index: sqlite3.Connection) -> Iterator[None]:
    """All of what is written inside, or nothing."""
    index.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        index.execute("ROLLBACK")
        raise
    index.execute("COMMIT")


def _time(path: str) -> int:
    """The time stamp of a file; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _size(folder: Path) -> int:
    """The bytes of a run's files."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a file that is replaced just now
            size += path.stat().st_size if path.is_file() else 0
    return size


def _described(of: Experiment) -> dict[str, Any]:
    """What an experiment says in a list."""
    wirings = [lane.settings(of.dataset) for lane in of.lanes]
    return {
        "families": "|".join(["", *dict.fromkeys(families(of)), ""]),
        "lanes": ", ".join(labels(of)),
        "depth": max(int(each.get("depth", 0)) for each in wirings),
        "data": of.data.partition("@")[0],
        "steps": of.steps,
    }


def remarks(entries: Sequence[Entry]) -> list[str]:
    """What became of the data of these runs until now: sets come and go without a sign in a run's
    folder. "" for a run that cannot be read."""
    said = data_origin.remarks(
        [{"key": each.data, "fingerprint": each.fingerprint} for each in entries]
    )
    return [remark if each.data else "" for remark, each in zip(said, entries, strict=True)]


def curves(entry: Entry) -> list[list[Any]]:
    """A run's curves, as `summary` gives them."""
    value: list[list[Any]] = json.loads(entry.curves or "[]")
    return value
