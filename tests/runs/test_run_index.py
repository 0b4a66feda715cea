"""Runs are found again by their experiment: finished ones from disk, those under way are shared."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.server import kept_runs
from skipviz.server.manager import Manager
from skipviz.store.run_index import Known
from skipviz.store.store import Store, this_process, write_json
from tests.runs.test_manager import until

pytestmark = pytest.mark.slow

LANE = Lane(family="plain", knobs={"backbone": "dense", "depth": 4})


def experiment(**fields: Any) -> Experiment:
    return Experiment(lanes=[LANE], **({"steps": 20, "lr": 0.03, "device": "cpu"} | fields))


def test_runs_are_found_by_their_experiment_the_newest_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = Known(store)
    assert known.of(experiment()) == []
    ids = [store.new_id() for _ in range(3)]
    for age, run_id in enumerate(ids):
        folder = store.create(run_id, experiment(seed=7 if age == 1 else 0))
        os.utime(folder / "experiment.json", (1e9 - age, 1e9 - age))
    assert known.of(experiment()) == [ids[0], ids[2]]
    assert known.of(experiment(seed=7)) == [ids[1]]
    assert known.of(experiment(seed=8)) == []
    shutil.rmtree(store.folder(ids[0]))
    assert known.of(experiment()) == [ids[2]]


def test_a_run_that_was_steered_is_of_another_experiment(tmp_path: Path) -> None:
    store, known = Store(tmp_path), Known(Store(tmp_path))
    run_id = store.new_id()
    folder = store.create(run_id, experiment())
    assert known.of(experiment()) == [run_id]
    steered = experiment(changes=[{"step": 3, "lr": 0.5}])
    write_json(folder / "experiment.json", json.loads(steered.to_json()))
    assert known.of(experiment()) == []


def test_an_index_that_is_up_to_date_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    run_id = store.new_id()
    store.create(run_id, experiment())
    os.utime(tmp_path, (1e9, 1e9))
    known = Known(store)
    assert known.of(experiment()) == [run_id]
    listed, real = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(Path(path)) or real(path))
    monkeypatch.setattr(Path, "read_text", lambda path, **named: pytest.fail("read again"))
    assert known.of(experiment()) == [run_id]
    assert tmp_path not in listed


def test_all_who_ask_for_the_same_experiment_wait_for_one_run(manager: Manager) -> None:
    long = experiment(steps=100_000)
    ids = {manager.join(long) for _ in range(50)}
    (run_id,) = ids
    assert manager.under_way(long) is manager.find(run_id) and manager.finished(long) is None
    other = manager.join(experiment(steps=100_000, seed=5))
    assert other != run_id
    manager.stop(other)
    manager.control(run_id, "pause")  # waits for the worker's word, but not for ever
    until(lambda: manager.under_way(long) is None)
    manager.stop(run_id)
    until(lambda: all(manager.find(each).ended for each in (run_id, other)))  # type: ignore[union-attr]
    assert manager.under_way(long) is None and manager.finished(long) is None


def test_a_finished_run_is_found_again_by_another_server(manager: Manager) -> None:
    short = experiment()
    run_id = manager.join(short)
    until(lambda: manager.finished(short) is not None)
    found = manager.finished(short)
    assert found is not None and found.id == run_id and manager.under_way(short) is None
    assert manager.finished(experiment(seed=1)) is None
    again = manager.join(short)
    assert again != run_id
    until(lambda: manager.find(again).ended)  # type: ignore[union-attr]
    later = Manager(manager.store)
    newest = later.finished(short)
    assert newest is not None and newest.id == again and newest.log.n == short.steps


def test_frames_of_finished_runs_rest_on_disk_until_somebody_asks(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [manager.submit(experiment(seed=seed)) for seed in (11, 12)]
    until(lambda: all(manager.find(run_id).ended for run_id in ids))  # type: ignore[union-attr]
    older, newer = (manager.find(run_id) for run_id in ids)
    assert older is not None and newer is not None and older.nbytes and newer.nbytes
    loss = older.log.column("lane0_loss").copy()
    monkeypatch.setattr(kept_runs, "KEPT_BYTES", newer.nbytes)
    assert manager.find(ids[1]) is newer and older.nbytes == 0 and newer.nbytes
    assert (older.log.column("lane0_loss") == loss).all() and older.nbytes


def test_frames_of_a_run_that_was_broken_off_rest_once_it_is_over_and_are_read_again(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = manager.find(manager.submit(experiment(steps=100_000, seed=13)))
    assert run is not None
    until(lambda: run.log.n > 0)
    monkeypatch.setattr(kept_runs, "KEPT_BYTES", 0)
    assert manager.find(manager.shared(experiment(seed=14))) is not None and run.nbytes
    manager.stop(run.id)
    until(lambda: run.ended)
    loss = run.log.column("lane0_loss").copy()
    assert manager.find(manager.shared(experiment(seed=14))) is not None and not run.nbytes
    assert (run.log.column("lane0_loss") == loss).all() and len(loss) == run.log.n


def test_what_another_program_trains_just_now_is_read_anew_each_time(tmp_path: Path) -> None:
    """Nobody tells this server how far it is, nor that it has ended."""
    store = Store(tmp_path)
    run_id = store.new_id()
    folder = store.create(run_id, experiment())
    runs = kept_runs.KeptRuns(store)
    status: dict[str, Any] = {"state": "running", "worker": this_process()}
    seen = []
    for lies_there in (
        {**status, "step": 3}, {**status, "step": 5},
        {**status, "step": 6, "worker": {"pid": 0, "started": 0.0}},
    ):  # fmt: skip
        write_json(folder / "status.json", lies_there)
        now = runs.known(run_id).status()
        seen.append((now["state"], now["step"]))
    assert seen == [("running", 3), ("running", 5), ("interrupted", 6)]
    assert runs.known(run_id) is runs.known(run_id)


def test_a_run_that_ended_before_its_first_frame_has_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.create(run_id := store.new_id(), experiment())
    write_json(folder / "status.json", {"state": "stopped", "step": 0})
    run = kept_runs.KeptRuns(store).known(run_id)
    assert run.log.n == 0
    run.rest()
    assert run.log.n == 0
