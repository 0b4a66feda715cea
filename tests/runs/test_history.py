"""The index of all runs: what it finds, that it follows the folders, and is made anew from them;
marks, deletion and its undoing, and what goes when the disk is full."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from skipviz.core.atomic_files import read_json, write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.server import sweep
from skipviz.server.manager import Manager
from skipviz.store import deleted_runs, run_marks
from skipviz.store import history as histories
from skipviz.store.history import Entry, History, Query, curves
from skipviz.store.store import Store
from skipviz.store.summary import summary
from tests.runs.test_manager import until

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
NAMES = sorted(path.name for path in RUNS.iterdir())
DENSE = {"backbone": "dense", "depth": 4}
FILES = ("", "-wal", "-shm")


def _id(name: str) -> str:
    return f"{name:_<22}"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Every old run, the first of `NAMES` the oldest."""
    root = tmp_path / "runs"
    for age, name in enumerate(reversed(NAMES)):
        shutil.copytree(RUNS / name, root / _id(name))
        os.utime(root / _id(name), (2e9 - age, 2e9 - age))
    return Store(root)


def _history(store: Store) -> History:
    history = History(store)
    history.refresh()
    return history


def _ids(history: History, **query: object) -> list[str]:
    found = history.find(Query(**query), limit=100)  # type: ignore[arg-type]
    assert found.total == len(found.entries)
    return [entry.id.rstrip("_") for entry in found.entries]


def test_all_runs_are_listed_the_newest_first_with_what_they_were(store: Store) -> None:
    history = _history(store)
    assert _ids(history) == NAMES[::-1]
    (entry,) = history.find(Query(_id("fingerprint"))).entries
    of = store.experiment(entry.id)
    assert entry.families == "|" + "|".join(dict.fromkeys(lane.family for lane in of.lanes)) + "|"
    assert (entry.data, entry.steps, entry.state) == (of.data, of.steps, "finished")
    sizes = sum(path.stat().st_size for path in store.folder(entry.id).rglob("*"))
    assert abs(entry.size - sizes) <= 4096 * 4 and entry.seconds > 0 and entry.depth >= 1
    assert entry.title == entry.lanes != ""


def test_pages_follow_each_other_and_count_all(store: Store) -> None:
    history = _history(store)
    pages = [history.find(Query(), offset, 3) for offset in range(0, len(NAMES), 3)]
    assert [entry.id for page in pages for entry in page.entries] == [_id(n) for n in NAMES[::-1]]
    assert {page.total for page in pages} == {len(NAMES)}


def test_words_families_data_state_and_pins_are_looked_for(store: Store) -> None:
    run_marks.mark(store, _id("steered"), name="My 100% run_", note='for Monday\'s "lecture"')
    run_marks.mark(store, _id("maps"), pinned=True)
    history = _history(store)
    assert _ids(history)[0] == "maps" and _ids(history, pinned=True) == ["maps"]
    for text in ("my 100%", "run_ my", "monday's", '"LECTURE"', _id("steered")):
        assert _ids(history, text=text) == ["steered"], text
    assert not _ids(history, text="my nothing")
    there = history.values()
    for name, values in there.items():
        parts = {value: set(_ids(history, **{name: value})) for value in values}
        assert all(parts.values()) and set.union(*parts.values()) == set(NAMES)
    entries = {each.id: each for each in history.find(Query(), limit=100).entries}
    plain = {each.rstrip("_") for each, e in entries.items() if "|plain|" in e.families}
    assert set(_ids(history, family="plain")) == plain and not _ids(history, family="pla")
    assert not _ids(history, text="'; DROP TABLE runs; --") and _ids(history) == _ids(history)


def test_the_index_follows_what_comes_changes_and_goes(store: Store) -> None:
    history = _history(store)
    shutil.copytree(RUNS / "first", store.root / _id("new"))
    shutil.rmtree(store.folder(_id("maps")))
    write_json(store.folder(_id("steered")) / "status.json", {"state": "stopped", "step": 3})
    history.refresh()
    assert set(_ids(history)) == {*NAMES, "new"} - {"maps"}
    (entry,) = history.find(Query(_id("steered"))).entries
    assert (entry.state, entry.step) == ("stopped", 3)


def test_a_run_whose_worker_dies_without_a_word_is_seen_to_have_ended(store: Store) -> None:
    run_id = _id("steered")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        mark = {"pid": worker.pid, "started": psutil.Process(worker.pid).create_time()}
        status = read_json(store.folder(run_id) / "status.json")
        write_json(store.folder(run_id) / "status.json",
                   status | {"state": "running", "worker": mark})  # fmt: skip
        history = _history(store)
        assert _ids(history, state="running") == ["steered"]
        worker.kill()
    history.refresh()  # no file has changed
    assert not _ids(history, state="running")
    assert "steered" in _ids(history, state="interrupted")


def test_verdict_and_curves_are_read_once_and_again_when_the_run_changes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(
        histories, "summary", lambda of, path: (read.append(path), summary(of, path))[1]
    )
    history = _history(store)
    for _ in range(2):
        entries = history.look(history.find(Query(), limit=100).entries)
    assert len(read) == len(NAMES)
    for entry in entries:
        families = [family for family, _ in curves(entry)]
        assert len(families) == len(store.experiment(entry.id).lanes) and entry.verdict
        points = [value for _, line in curves(entry) for point in line for value in point]
        assert all(0 <= value <= 1 for value in points)
    (diverged,) = [each for each in entries if each.id == _id("diverged")]
    assert "diverged" in diverged.verdict
    run_marks.mark(store, _id("first"), note="x")
    history.refresh()
    history.look(history.find(Query(), limit=100).entries)
    assert len(read) == len(NAMES) + 1


def _damage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _older(path: Path) -> None:
    with sqlite3.connect(path) as index:
        index.execute("DROP TABLE runs")
        index.execute("CREATE TABLE runs (id, depth)")
        index.execute("PRAGMA user_version = 0")
    index.close()


def _lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("break_it", [_damage, _cut, _older, _lose])
def test_a_lost_damaged_or_older_index_is_made_anew_from_the_folders(
    break_it: object, store: Store
) -> None:
    run_marks.mark(store, _id("maps"), pinned=True, name="mine", note="a note")
    history = _history(store)
    before = history.find(Query(), limit=100)
    for end in FILES[1:]:
        history.path.with_name(history.path.name + end).unlink(missing_ok=True)
    break_it(history.path)  # type: ignore[operator]
    assert history.find(Query(), limit=100) == before
    history.refresh()
    assert history.find(Query(), limit=100) == before


def test_folders_that_are_no_runs_and_odd_files_do_no_harm(store: Store) -> None:
    (store.root / "rooms").mkdir()
    (store.root / _id("empty")).mkdir()
    (store.folder(_id("maps")) / run_marks.MARKS).write_text('{"name": 3, "pinned": "no"}', "utf-8")
    (store.folder(_id("first")) / "status.json").write_text("{", encoding="utf-8")
    (store.folder(_id("steered")) / "experiment.json").write_text("[]", encoding="utf-8")
    (store.folder(_id("diverged")) / "frames.arrow").write_bytes(b"nothing")
    history = _history(store)
    entries = {each.id.rstrip("_"): each for each in history.find(Query(), limit=100).entries}
    assert set(NAMES) <= set(entries) and not entries["maps"].pinned and not entries["maps"].name
    assert entries["first"].state == "interrupted" and entries["steered"].lanes == ""
    assert all(each.curves for each in history.look(list(entries.values())))


def test_many_threads_ask_at_once(store: Store) -> None:
    results: list[int] = []

    def ask() -> None:
        history = _history(store)
        results.append(len(history.look(history.find(Query(), limit=100).entries)))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == [len(NAMES)] * 6


# --- marks, deletion, room


def test_marks_stay_with_the_run_and_do_not_make_it_newer(store: Store) -> None:
    order = store.runs()
    run_marks.mark(store, _id(NAMES[0]), name="first of all", pinned=True)
    run_marks.mark(store, _id(NAMES[0]), note="noted")
    marks = run_marks.marks(store.folder(_id(NAMES[0])))
    assert marks == run_marks.Marks("first of all", "noted", pinned=True)
    assert store.runs() == order
    with pytest.raises(SpecError, match="name: has more than 80 characters"):
        run_marks.mark(store, _id(NAMES[0]), name="x" * 81)
    for run_id in (_id("none"), "recorded.lesion.main", "../x"):
        with pytest.raises(SpecError, match="there is no such run"):
            run_marks.mark(store, run_id, pinned=True)


def test_a_deleted_run_comes_back_as_it_was_and_is_gone_after_a_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, run_id = _history(store), _id("maps")
    before = history.find(Query(run_id))
    deleted_runs.delete(store, run_id)
    history.refresh()
    assert run_id not in store.runs() and not history.find(Query(run_id)).entries
    assert list(deleted_runs.folders(store)) == [run_id]
    deleted_runs.undelete(store, run_id)
    history.refresh()
    assert history.find(Query(run_id)) == before and not deleted_runs.folders(store)
    deleted_runs.delete(store, run_id)
    later = deleted_runs.time.time() + deleted_runs.UNDO_S + 5
    monkeypatch.setattr(deleted_runs.time, "time", lambda: later)
    deleted_runs.purge(store)
    with pytest.raises(SpecError, match="cannot be had back any more"):
        deleted_runs.undelete(store, run_id)


def test_the_newest_deletion_is_the_first_that_is_undone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for when, name in ((1_900_000_000, "maps"), (1_900_000_005, "first")):
        monkeypatch.setattr(deleted_runs.time, "time", lambda when=when: float(when))
        deleted_runs.delete(store, _id(name))
    assert list(deleted_runs.folders(store)) == [_id("first"), _id("maps")]


def test_what_is_under_way_is_not_deleted(tmp_path: Path) -> None:
    owner = Manager(Store(tmp_path))
    lane = Lane(family="plain", knobs=DENSE)
    run_id = owner.submit(Experiment(lanes=[lane], steps=20))
    with pytest.raises(SpecError, match="is under way; stop it"):
        owner.deletion.delete(run_id)
    owner.stop(run_id)
    owner.deletion.delete(run_id)
    assert owner.find(run_id) is None and not owner.store.runs()
    deleted_runs.undelete(owner.store, run_id)
    assert owner.find(run_id) is not None
    owner.close()


def test_where_the_disk_is_full_the_oldest_go_that_are_over_and_not_pinned(store: Store) -> None:
    history = _history(store)
    run_marks.mark(store, _id(NAMES[0]), pinned=True)
    folder = store.folder(_id(NAMES[1]))
    write_json(folder / "status.json", read_json(folder / "status.json") | {
        "state": "running", "worker": dict(_this_process())})  # fmt: skip
    history.refresh()
    assert not history.next_to_go(10**9)
    sizes = {e.id: e.size for e in history.find(Query(), limit=100).entries}
    whole = sum(sizes.values())
    told = history.next_to_go(whole - 1)
    assert [entry.id for entry in told] == [_id(NAMES[2])]
    assert history.next_to_go(whole, more_bytes=1) == told
    most = [whole - 1]
    owner = Manager(store, most_bytes=lambda: most[0])
    by_hand = _id(NAMES[3])
    assert owner.deletion.make_room() == told and _id(NAMES[2]) not in store.runs()
    owner.deletion.delete(by_hand)
    most[0] = 1
    gone = {entry.id for entry in owner.deletion.make_room()}
    assert gone == {_id(n) for n in NAMES[4:]}
    assert set(store.runs()) == {_id(NAMES[0]), _id(NAMES[1])}
    assert list(deleted_runs.folders(store)) == [by_hand]  # can be had back for a day, as was said
    most[0] = 0
    assert not owner.deletion.make_room()
    owner.close()


def test_any_run_that_begins_makes_room(store: Store) -> None:
    owner = Manager(store, most_bytes=lambda: 1)
    lane = Lane(family="plain", knobs=DENSE)
    sweep.of(owner).start("test", {}, {"one": Experiment(lanes=[lane], steps=20)})
    until(lambda: len(store.runs()) == 1 and not deleted_runs.folders(store))
    assert store.runs()[0] not in map(_id, NAMES)
    owner.close()


def test_room_that_cannot_be_made_is_in_the_log(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(*_: object) -> None:
        raise SpecError("the history is in use")

    monkeypatch.setattr(History, "refresh", locked)
    owner = Manager(store, most_bytes=lambda: 1)
    owner.submit(Experiment(lanes=[Lane(family="plain", knobs=DENSE)], steps=20))
    until(lambda: "old runs could not be deleted: the history is in use" in caplog.text)
    assert set(map(_id, NAMES)) < set(store.runs())
    owner.close()


def _this_process() -> dict[str, object]:
    from skipviz.store.store import this_process

    return dict(this_process())


def test_an_entry_knows_no_more_than_its_columns() -> None:
    assert histories._COLUMNS == list(Entry.__dataclass_fields__)
