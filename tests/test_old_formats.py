"""Runs and recordings that older versions of the program wrote: each opens and shows the same.

`tests/fixtures/make.py` made them, with the code of the commits that it names; `expected.json`
beside each holds the numbers that this older code read back from it.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette

from skipviz.cli.main import main
from skipviz.core import registry
from skipviz.core.registry import probe
from skipviz.engine.trained import load
from skipviz.server.manager import Manager
from skipviz.server.sweep import Sweeps
from skipviz.store import recordings
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from skipviz.stream.routes import routes
from tests import unpacking
from tests.fixtures import make
from tests.test_scenes import TINY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

FIXTURES = Path(make.__file__).parent
MOST_BYTES = 200_000
PROFILES = ("signal_gradient_norm", "weight_gradient_norm", "activation_scale", "gate_mean")
RUN_IDS = {name: f"{name:_<22}" for name in make.RUNS}


def _expected(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return value


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """All stored runs under ids of their own, as they would lie in `runs/`."""
    root = tmp_path_factory.mktemp("runs")
    for name, run_id in RUN_IDS.items():
        shutil.copytree(FIXTURES / "runs" / name, root / run_id)
    return Store(root)


@pytest.fixture(scope="module")
def browser(store: Store) -> Iterator[TestClient]:
    """What a browser would ask, of a manager without workers."""
    manager = Manager(store, running=1)
    with TestClient(Starlette(routes=routes(manager.find))) as client:
        yield client
    manager.close()


def test_what_is_kept_of_every_old_format_is_small() -> None:
    kinds = {"runs": make.RUNS, "recordings": make.RECORDINGS, "sweeps": make.SWEEPS}
    for kind, names in kinds.items():
        assert {path.name for path in (FIXTURES / kind).iterdir()} == set(names), kind
    for folder in [each for kind in kinds for each in (FIXTURES / kind).iterdir()]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) <= MOST_BYTES, folder.name


@pytest.mark.parametrize("name", make.RUNS)
def test_the_charts_of_an_old_run_have_the_numbers_that_they_had(name: str, store: Store) -> None:
    expected = _expected(FIXTURES / "runs" / name)
    _same_charts(FrameLog.open(store.folder(RUN_IDS[name]) / "frames.arrow"), expected)


@pytest.mark.parametrize("name", make.RUNS)
def test_an_old_run_has_its_experiment_and_its_state(name: str, store: Store) -> None:
    expected = _expected(FIXTURES / "runs" / name)
    experiment, status = store.experiment(RUN_IDS[name]), store.status(RUN_IDS[name])
    wanted = {field: value for field, value in make.RUNS[name].items() if field != "commit"}
    lanes = wanted.pop("lanes")
    assert [lane.family for lane in experiment.lanes] == [lane["family"] for lane in lanes]
    assert [dict(lane.knobs) for lane in experiment.lanes] == [lane["knobs"] for lane in lanes]
    assert {field: getattr(experiment, field) for field in wanted} == wanted
    assert {field: status[field] for field in expected["status"]} == expected["status"]
    changes = [change.model_dump() for change in experiment.changes]
    assert changes == expected["status"].get("changes", [])


@pytest.mark.parametrize("name", make.RUNS)
def test_a_browser_is_sent_an_old_run_as_it_was(
    name: str, browser: TestClient, store: Store
) -> None:
    expected = _expected(FIXTURES / "runs" / name)
    home, last = f"/api/runs/{RUN_IDS[name]}", expected["steps"][-1]
    parts = unpacking.split(browser.get(f"{home}/poll").content)
    hello = next(json.loads(part) for part in parts if isinstance(part, str))
    assert hello["n"] == len(expected["steps"]) and hello["seeds"] == make.RUNS[name].get(
        "seeds", 1
    )
    log = FrameLog.open(store.folder(RUN_IDS[name]) / "frames.arrow")
    packed = next(part for part in parts if isinstance(part, bytes))
    points = unpacking.unpack(packed, log.tracks)["points"]
    assert points["step"].tolist() == expected["steps"]
    for lane, old in zip(points["lanes"], expected["lanes"], strict=True):
        loss = lane["losses"] if "losses" in lane else lane["loss"][:, None]
        np.testing.assert_allclose(loss, old["loss"], rtol=1e-3)
    frame = browser.get(f"{home}/frame", params={"step": last}).json()
    assert frame["step"] == last
    for lane, old in zip(frame["lanes"], expected["lanes"], strict=True):
        for field in ("loss", "error"):
            assert _numbers(lane[field]) == pytest.approx(old[field][-1], nan_ok=True)


@pytest.mark.parametrize("name", [name for name in make.RUNS if name != "first"])
def test_the_weights_of_an_old_run_answer_as_they_did(name: str, store: Store) -> None:
    expected = _expected(FIXTURES / "runs" / name)["predictions"]
    answer = load(store.folder(RUN_IDS[name])).ask(probe("predictions"), {"pictures": 2})
    assert answer["step"] == expected["step"] and answer["labels"] == expected["labels"]
    for lane, old in zip(answer["lanes"], expected["lanes"], strict=True):
        assert lane["confusion"] == old["confusion"] and lane["predicted"] == old["predicted"]
        np.testing.assert_allclose(lane["probability"], old["probability"], rtol=1e-5)


def test_the_command_line_lists_every_old_run(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKIPVIZ_RUNS", str(store.root))
    assert main(["runs", "--json"]) == 0
    rows = {row["run"]: row for row in json.loads(capsys.readouterr().out)["runs"]}
    assert set(rows) == set(RUN_IDS.values())
    for name, run_id in RUN_IDS.items():
        expected = _expected(FIXTURES / "runs" / name)
        assert rows[run_id]["state"] == expected["status"]["state"]
        assert rows[run_id]["step"] == expected["status"]["step"]
        assert rows[run_id]["lanes"] == [lane["label"] for lane in expected["lanes"]]
        has_fingerprint = (FIXTURES / "runs" / name / "data.json").is_file()
        assert rows[run_id]["data_remark"] == ("" if has_fingerprint else "data unknown")


@pytest.mark.parametrize("name", make.RECORDINGS)
def test_an_old_recording_is_shown_and_judged(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(registry, "scenes", lambda: {"tiny": TINY})
    store = Store(tmp_path, FIXTURES / "recordings" / name)
    assert recordings.problem("tiny", store) == ""
    (run_id,) = recordings.of("tiny", store).values()
    expected = _expected(FIXTURES / "recordings" / name)
    evidence = recordings.evidence("tiny", store)
    _same_charts(evidence.log("main"), expected)
    assert evidence.history("loss", 0)[:, :, 0].tolist() == expected["lanes"][0]["loss"]
    assert [answer["step"] for answer in evidence.ask("said")] == [30, 30]
    assert store.status(run_id)["state"] == "finished"
    assert recordings.about(run_id, store).endswith("28 November 2026")


def _same_charts(log: FrameLog, expected: dict[str, Any]) -> None:
    assert log.column("step").tolist() == expected["steps"]
    assert [track.label for track in log.tracks] == [lane["label"] for lane in expected["lanes"]]
    for i, lane in enumerate(expected["lanes"]):
        for field in ("loss", "error"):
            np.testing.assert_array_equal(log.lane(i, field)[:, :, 0], lane[field])
        for field in PROFILES:
            if field in lane:
                np.testing.assert_array_equal(log.lane(i, field)[[0, -1]], lane[field])
        assert log.diverged_at(i, log.n - 1) == lane["diverged_at"]
        rows, loss, error = (part.tolist() for part in log.held_out(i, 0, log.n))
        nothing: dict[str, Any] = {"rows": [], "loss": [], "error": []}
        assert {"rows": rows, "loss": loss, "error": error} == lane.get("held_out", nothing)
        _same_maps(log.map_at(i, log.n - 1), lane)


def _same_maps(newest: tuple[int, dict[str, np.ndarray]] | None, lane: dict[str, Any]) -> None:
    """Maps of before there were several samples have no axis for these."""
    assert (newest is None) == ("maps" not in lane)
    if newest is None:
        return
    step, maps = newest
    assert step == lane["maps_step"] and set(maps) == set(lane["maps"])
    for name, values in maps.items():
        old = np.array(lane["maps"][name])
        np.testing.assert_array_equal(values.reshape(old.shape), old)


def _numbers(value: Any) -> list[float]:
    """A frame's loss or error, one number for each seed, from JSON that spells NaN out."""
    return [float(number) for number in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("name", make.SWEEPS)
def test_a_sweep_of_an_old_server_is_found_with_its_runs_and_is_not_begun_again(
    name: str, tmp_path: Path
) -> None:
    expected = _expected(FIXTURES / "sweeps" / name)
    manager = Manager(Store(tmp_path), running=1)
    path = tmp_path / "sweeps" / f"{expected['id']}.json"
    path.parent.mkdir()
    shutil.copy(FIXTURES / "sweeps" / name / "sweep.json", path)
    sweeps = Sweeps(manager)
    sweep = sweeps.find(expected["id"])
    assert sweep is not None and sweeps.ended(sweep)
    assert {key: getattr(sweep, key) for key in ("kind", "options", "runs")} == {
        key: expected[key] for key in ("kind", "options", "runs")
    }
    experiments = [(key, json.loads(each.to_json())) for key, each in sweep.experiments.items()]
    for (key, fields), (key_then, fields_then) in zip(
        experiments, expected["experiments"], strict=True
    ):
        assert key == key_then and fields_then.items() <= fields.items()
    manager.close()
