"""A run knows which data it was trained on: removed and remade sets are never taken for it."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from skipviz.cli.main import main
from skipviz.core import user_datasets
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.datafiles import fingerprints
from skipviz.datafiles.adding import add
from skipviz.datafiles.availability import missing
from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.store import data_origin
from skipviz.store.frame_log import FrameLog
from skipviz.store.rewrite import rewrite
from skipviz.store.store import Store
from skipviz.stream.routes import routes
from tests import unpacking
from tests.explore_page import explore_page
from tests.runs.test_manager import until

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

pytestmark = pytest.mark.slow

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
LANE = Lane(family="plain", knobs={"backbone": "dense", "depth": 3})


def make(tmp_path: Path, seed: int = 0, classes: tuple[str, ...] = ("cat", "dog")) -> str:
    rng = np.random.default_rng(seed)
    path = tmp_path / "pets.npz"
    images = rng.integers(0, 256, (40, 8, 8), dtype=np.uint8)
    labels = np.array([classes[i % len(classes)] for i in range(40)])
    np.savez(path, images=images, labels=labels)
    return add("pets", path, 0, lambda **event: None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("SKIPVIZ_CACHE", str(home / "cache"))
        made = Manager(Store(home / "runs"), running=1)
        yield made
        made.close()


def stored(store: Store, key: str, fingerprint: bool = True) -> str:
    """A run of this set that was written as a worker writes it, without frames."""
    run_id = store.new_id()
    experiment = Experiment(lanes=[LANE], data=key, steps=9, batch_size=8)
    folder = store.create(run_id, experiment)
    status = {"state": "stopped", "step": 5, "steps": 9}
    (folder / "status.json").write_text(json.dumps(status), encoding="utf-8")
    if fingerprint:
        text = json.dumps(data_origin.describe(key))
        (folder / data_origin.FILE).write_text(text, encoding="utf-8")
    return run_id


def charted(store: Store, key: str) -> str:
    """A run of this set with frames and maps: of a gated and a plain lane, 12 steps."""
    run_id = store.new_id()
    folder = store.root / run_id
    shutil.copytree(RUNS / "maps", folder)
    experiment = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))
    experiment |= {"data": key, "batch_size": 8}
    write_json(folder / "experiment.json", experiment)
    frames = folder / "frames.arrow"
    schema = FrameLog.open(frames).schema
    said = {**schema.metadata, b"skipviz.experiment": json.dumps(experiment)}
    rewrite(frames, schema.with_metadata(said))
    write_json(folder / data_origin.FILE, data_origin.describe(key))
    return run_id


def opened(page: str, **query: str) -> AppTest:
    shown = explore_page(page, 300)
    shown.query_params.update(query)
    shown.run()
    assert not shown.exception
    return shown


def remarked() -> list[str]:
    """What the History page remarks on the data of its runs, from the newest on."""
    said = [each.proto.body for each in opened("05_history.py").get("html")]
    return [match[1] for each in said if (match := re.search("own-pets · (data [a-z]+)?", each))]


def listed(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What `runs --json` remarks on the data of each run."""
    monkeypatch.setenv("SKIPVIZ_RUNS", str(store.root))
    assert main(["runs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    return {row["run"]: row["data_remark"] for row in rows}


def test_the_fingerprint_is_of_pixels_labels_and_class_names(tmp_path: Path) -> None:
    first = fingerprints.fingerprint(make(tmp_path))
    assert len(first) == 32
    for other in (make(tmp_path, seed=1), make(tmp_path, classes=("cat", "cow"))):
        assert fingerprints.fingerprint(other) not in ("", first)
    assert fingerprints.fingerprint(make(tmp_path)) == first


def test_a_removed_set_leaves_the_run_its_class_names_and_refuses_what_needs_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    run_id = stored(store, key)
    assert listed(store, capsys, monkeypatch) == {run_id: ""}
    user_datasets.remove(key)
    experiment = store.experiment(run_id)
    assert experiment.dataset.classes == ("cat", "dog") and experiment.data != key
    assert "was removed" in missing(experiment.data)
    assert listed(store, capsys, monkeypatch) == {run_id: "data removed"}
    made = Manager(store, running=1)
    for ask in (lambda: made.resume(run_id), lambda: made.measure(run_id, "predictions", {})):
        with pytest.raises(SpecError, match="was removed; its pictures are gone"):
            ask()
    assert main(["probe", "predictions", run_id]) == 2
    assert "was removed" in capsys.readouterr().err


def test_another_set_under_the_same_name_is_never_taken_for_the_runs_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    run_id, made = stored(store, key), Manager(store, running=1)
    before = made.find(run_id)
    assert before is not None and before.experiment.data == key
    user_datasets.remove(key)
    assert make(tmp_path, seed=1, classes=("yes", "no")) == key
    after = made.find(run_id)
    assert after is not None and after.experiment.dataset.classes == ("cat", "dog")
    assert listed(store, capsys, monkeypatch) == {run_id: "data replaced"}
    for ask in (lambda: made.resume(run_id), lambda: made.measure(run_id, "predictions", {})):
        with pytest.raises(SpecError, match="replaced by another of the same name"):
            ask()
    user_datasets.remove(key)
    make(tmp_path)
    assert store.experiment(run_id).data == key  # the very same pictures are back


def test_the_history_says_of_each_run_what_became_of_its_data_until_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    monkeypatch.setattr(servers_manager, "_current", Manager(store))
    stored(store, key)
    stored(store, key)
    looks: list[str] = []
    monkeypatch.setattr(
        data_origin, "_fingerprint_now",
        lambda key, look=data_origin._fingerprint_now: (looks.append(key), look(key))[1],
    )  # fmt: skip
    assert remarked() == [None, None]
    looks.clear()  # the index was filled
    user_datasets.remove(key)
    assert remarked() == ["data removed"] * 2
    make(tmp_path, seed=1)
    assert remarked() == ["data replaced"] * 2
    user_datasets.remove(key)
    make(tmp_path)
    assert remarked() == [None, None]
    assert looks == [key] * 3  # for each page one


@pytest.mark.parametrize("becomes", ["data removed", "data replaced"])
def test_the_charts_of_a_run_whose_data_is_gone_still_open(
    becomes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    owner, run_id, other = Manager(store), charted(store, key), charted(store, "digits")
    monkeypatch.setattr(servers_manager, "_current", owner)
    monkeypatch.setenv("SKIPVIZ_RUNS", str(store.root))
    address = f"/api/runs/{run_id}"
    with TestClient(Starlette(routes=routes(owner.find))) as client:
        before = client.get(f"{address}/poll").content
        assert len(client.get(f"{address}/samples").json()["rows"]) == 2
        user_datasets.remove(key)
        if becomes == "data replaced":
            make(tmp_path, seed=1)
        assert data_origin.remark(store.data(run_id)) == becomes
        hello, *frames = unpacking.split(client.get(f"{address}/poll").content)
        assert [len(net) for net in json.loads(hello)["nets"]] == [2, 2]
        assert frames == unpacking.split(before)[1:]
        assert client.get(f"{address}/frame?step=11").json()["step"] == 11
        pictures = client.get(f"{address}/samples")
        assert pictures.status_code == 404 and "its pictures are gone" in pictures.text
    for page, query in (
        ("01_lab.py", {"run": run_id}),
        ("06_compare.py", {"runs": f"{run_id},{other}"}),
    ):
        assert not opened(page, **query).error, page
    for name in ("report", "csv", "zip"):
        assert main(["export", run_id, "--to", name, str(tmp_path / f"out.{name}")]) == 0
    assert "</html>" in (tmp_path / "out.report").read_text(encoding="utf-8")
    assert main(["import", str(tmp_path / "out.zip")]) == 0


def test_a_run_from_before_fingerprints_says_unknown_and_never_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    run_id = stored(store, key, fingerprint=False)
    assert listed(store, capsys, monkeypatch) == {run_id: "data unknown"}
    user_datasets.remove(key)
    assert listed(store, capsys, monkeypatch) == {run_id: "data unknown"}
    assert main(["runs"]) == 0
    assert f"[{key}: data unknown]" in capsys.readouterr().out
    monkeypatch.setattr(servers_manager, "_current", Manager(store))
    assert remarked() == ["data unknown"]


def test_a_key_twice_is_seen_in_a_run_whose_set_is_gone(tmp_path: Path) -> None:
    store, key = Store(tmp_path / "runs"), make(tmp_path)
    run_id = stored(store, key)
    path = store.folder(run_id) / "experiment.json"
    path.write_text(path.read_text(encoding="utf-8").replace("{", '{"steps":3,', 1), "utf-8")
    user_datasets.remove(key)
    with pytest.raises(SpecError, match="'steps' is given twice"):
        store.experiment(run_id)


def test_a_trained_run_keeps_the_fingerprint_of_its_data(manager: Manager) -> None:
    run_id = manager.submit(Experiment(lanes=[LANE], steps=2, device="cpu"))
    manager.start()
    run = manager.find(run_id)
    until(lambda: run is not None and run.ended, timeout_s=300)
    kept = manager.store.data(run_id)
    assert kept["key"] == "digits" and len(kept["fingerprint"]) == 32
    assert data_origin.remark(kept) == "" and kept["classes"] == list("0123456789")
