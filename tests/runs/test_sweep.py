"""Sweeps: the cheapest run first, one waiting at a time, stopped and found again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from skipviz.core import highway_sweeps
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.server import manager as servers_manager
from skipviz.server.admission import QueueFull
from skipviz.server.manager import Manager
from skipviz.server.sweep import Sweep, Sweeps, best, cost, final_losses
from skipviz.store.store import Store
from skipviz.ui.run.sweeps import outcome

pytestmark = pytest.mark.slow

PATIENCE_S = 600.0


def net(depth: int, steps: int = 4) -> Experiment:
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": depth})
    return Experiment(lanes=[lane], steps=steps, seeds=2, device="cpu")


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    manager = Manager(Store(tmp_path_factory.mktemp("runs")), running=1)
    manager.start()
    yield manager
    manager.close()


def wait_for_the_end(sweeps: Sweeps, sweep: Sweep) -> None:
    until = time.monotonic() + PATIENCE_S
    while not sweeps.ended(sweep):
        assert time.monotonic() < until, "the sweep did not end in time"
        time.sleep(0.05)


def test_a_sweep_trains_the_cheapest_first_and_every_run_is_a_stored_one(owner: Manager) -> None:
    sweeps = Sweeps(owner)
    sweep = sweeps.start("figure1", {"tries": 1}, {"deep": net(9), "flat": net(3), "mid": net(5)})
    assert list(sweep.experiments) == ["flat", "mid", "deep"]
    wait_for_the_end(sweeps, sweep)
    assert list(sweep.runs) == ["flat", "mid", "deep"] and not sweep.waiting
    for name, run_id in sweep.runs.items():
        run = owner.find(run_id)
        assert run is not None and run.status()["state"] == "finished"
        assert owner.store.experiment(run_id) == sweep.experiments[name]
        assert len(final_losses(run)) == 2 and all(np.isfinite(final_losses(run)))


def test_a_stopped_sweep_begins_no_more_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the one that was being submitted just then."""
    manager = Manager(Store(tmp_path), running=1)  # its workers were not started: what waits stays
    sweeps, submit = Sweeps(manager), manager.submit
    sweep = sweeps.start("bias", {}, {f"n{i}": net(3) for i in range(4)})
    is_submitting, go_on = threading.Event(), threading.Event()

    def slow_submit(experiment: Experiment) -> str:
        is_submitting.set()
        go_on.wait(PATIENCE_S)
        return submit(experiment)

    monkeypatch.setattr(manager, "submit", slow_submit)
    manager.stop(sweep.runs["n0"])
    assert is_submitting.wait(PATIENCE_S)
    begun: list[str] = []
    stopper = threading.Thread(target=lambda: (sweeps.stop(sweep), begun.extend(sweep.runs)))
    stopper.start()
    stopper.join(0.2)
    go_on.set()
    stopper.join()
    wait_for_the_end(sweeps, sweep)
    assert begun == ["n0", "n1"] == list(sweep.runs)
    manager.close()


def test_a_sweep_is_found_again_by_a_server_that_never_saw_it(owner: Manager) -> None:
    first = Sweeps(owner)
    sweep = first.start("figure1", {"tries": 2}, {"flat": net(3)})
    wait_for_the_end(first, sweep)
    found = Sweeps(owner).find(sweep.id)
    assert found is not None
    assert (found.kind, found.options, found.runs) == ("figure1", {"tries": 2}, sweep.runs)
    assert found.experiments == sweep.experiments


@pytest.mark.parametrize("sweep_id", ["", "../../etc/passwd", "x" * 22, "x" * 400])
def test_an_address_that_names_no_sweep_finds_none(sweep_id: str, owner: Manager) -> None:
    assert Sweeps(owner).find(sweep_id) is None


def test_a_sweep_file_that_is_damaged_is_no_sweep(owner: Manager, tmp_path: Path) -> None:
    sweeps = Sweeps(Manager(Store(tmp_path), running=1))
    (tmp_path / "sweeps").mkdir()
    for text in ("{", "[]", '{"kind": 1}', '{"kind":"a","options":{},"experiments":7,"runs":{}}'):
        (tmp_path / "sweeps" / f"{'d' * 22}.json").write_text(text, encoding="utf-8")
        assert sweeps.find("d" * 22) is None


def test_an_experiment_that_cannot_run_here_is_said_at_once(owner: Manager) -> None:
    wrong = net(3).with_(device="mps" if not has_mps(owner) else "cuda")
    with pytest.raises(SpecError, match="not found here"):
        Sweeps(owner).start("figure1", {}, {"wrong": wrong})


def test_a_sweep_waits_while_the_queue_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers_manager, "QUEUE", 1)
    full = Manager(Store(tmp_path), running=1)  # its workers were not started: what waits stays
    first = full.submit(net(3))
    with pytest.raises(QueueFull, match="1 runs are waiting already"):
        full.submit(net(4))
    sweep = Sweeps(full).start("figure1", {}, {"flat": net(3)})
    assert (sweep.trouble, sweep.stopped, sweep.runs) == ("", False, {})
    full.stop(first)
    until = time.monotonic() + PATIENCE_S
    while not sweep.runs:
        assert time.monotonic() < until, "the sweep did not begin in time"
        time.sleep(0.05)
    full.close()


def has_mps(owner: Manager) -> bool:
    return any(device["key"] == "mps" for device in owner.dispatcher.devices())


@pytest.mark.parametrize("kind", highway_sweeps.KINDS)
def test_every_kind_of_sweep_makes_experiments_that_fit(kind: str) -> None:
    options = {"tries": 6, "lr": 0.03, "data": "digits"}
    made = highway_sweeps.experiments(kind, options)
    assert len(made) >= 4 and all(each.seeds == 3 for each in made.values())


def test_plain_and_highway_nets_of_figure_1_have_equal_parameters() -> None:
    for depth in highway_sweeps.DEPTHS:
        gated = cost(one(highway_sweeps.highway(depth, -4.0)))
        plain = cost(one(highway_sweeps.plain(depth, "tanh", "glorot")))
        assert gated == pytest.approx(plain, rel=0.1)


def one(lane: Lane) -> Experiment:
    return Experiment(lanes=[lane])


def test_an_unknown_kind_gets_one_sentence() -> None:
    with pytest.raises(SpecError, match="sweep 'x': must be one of figure1, bias, fixed"):
        highway_sweeps.experiments("x", {})


def test_the_best_try_has_the_smallest_median() -> None:
    assert best({"a": [0.1, 9.0, 9.0], "b": [1.0, 1.0, float("inf")], "c": [2.0, 2.0, 2.0]}) == "b"


SOME = "Some runs ended early or are gone"


@pytest.mark.parametrize(
    ("stopped", "states", "says"),
    [
        (False, ["finished"] * 4, "All 48 nets have been trained."),
        (True, ["finished"] * 4, "All 48 nets have been trained."),
        (True, ["finished", "stopped"], "Stopped: 1 of 4 runs went to their end."),
        (True, ["finished"] * 3 + ["stopped"], "Stopped: 3 of 4 runs went to their end."),
        (False, ["finished"] * 3 + ["failed"], f"{SOME}: 3 of 4 runs went to their end."),
        (False, ["finished"] * 3, f"{SOME}: 3 of 4 runs went to their end."),
    ],
)  # fmt: skip
def test_what_came_of_a_sweep_is_said_of_runs_that_went_to_their_end(
    stopped: bool, states: list[str], says: str
) -> None:
    planned = highway_sweeps.experiments("bias", {"data": "digits"})
    assert outcome(Sweep("s", "bias", {}, planned, stopped=stopped), states) == says
