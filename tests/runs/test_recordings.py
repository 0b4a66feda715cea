"""Recordings: made by the command, found as long as they are of their scene, never written to."""

from __future__ import annotations

import json
import stat
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from starlette.applications import Starlette

from skipviz.cli.main import main
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.scene import Expectation
from skipviz.server.manager import Manager
from skipviz.server.stored_evidence import of_stored
from skipviz.store import recordings
from skipviz.store.compact import MOST_PROFILES, compacted, rounded
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from skipviz.stream import messages
from skipviz.stream.routes import routes
from skipviz.worker.recorder import record
from tests import unpacking
from tests.synthetic import GrowingRun, track
from tests.test_scenes import TINY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def offered() -> Iterator[None]:
    """The tiny scene is the only one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "scenes", lambda: {"tiny": TINY})
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, offered: None) -> Store:
    """A store with the tiny scene's recording in it, made as the command makes it."""
    store = Store(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("assets"))
    record("tiny", store=store)
    return store


@pytest.fixture(scope="module")
def manager(made: Store) -> Iterator[Manager]:
    """A manager without workers: nothing can be trained or measured."""
    kept = Manager(made, running=1)
    yield kept
    kept.close()


MAIN = "recorded.tiny.main"


# --- made by the command


def test_a_recording_is_an_ordinary_run_without_weights_or_pickles(made: Store) -> None:
    folder = made.folder(MAIN)
    names = {path.name for path in folder.iterdir()}
    assert names == {"experiment.json", "frames.arrow", "status.json", "machine.json", "probes"}
    files = [path for path in made.recordings.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".arrow"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in files)
    machine = json.loads((folder / "machine.json").read_text(encoding="utf-8"))
    status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    assert status["state"] == "finished" and status["recorded"] == machine["recorded"][:10]
    assert {"processor", "torch", "numpy", "python", "cores", "memory", "recorded"} <= set(machine)
    assert list(made.recordings.iterdir()) == [made.recordings / "tiny"]  # nothing half is left


def test_a_recording_is_judged_as_the_runs_were(made: Store) -> None:
    again = record("tiny", store=Store(made.root, made.recordings))
    kept = recordings.evidence("tiny", made)
    assert again.folder == made.recordings / "tiny" and again.bytes < 100_000
    assert [verdict.met for verdict in again.verdicts] == [True]
    assert again.verdicts[0].measured == tuple(kept.final("loss", 0))
    assert len(kept.ask("said")) == 2 and "{" not in TINY.saw.format(**TINY.numbers(kept))
    about = recordings.about(MAIN, made)
    assert about.startswith("recorded on ") and ", torch " in about


def test_it_is_found_only_as_long_as_it_is_of_the_scene_as_it_is(
    made: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert recordings.of("tiny", made) == {"main": MAIN}
    assert recordings.of("tiny", Store(tmp_path, tmp_path)) == {}
    assert "run 'main' is not there" in recordings.problem("tiny", Store(tmp_path, tmp_path))
    longer = {"main": TINY.experiment.with_(steps=31)}
    fewer = {"main": TINY.experiment.with_(seeds=1)}
    asked = (*TINY.asks, replace(TINY.asks[0], name="more", options={"pictures": 5}))
    for changed, why in (
        (replace(TINY, runs=longer), "is not the scene's any more"),
        (replace(TINY, asks=asked), "'more' is not answered"),
    ):
        monkeypatch.setattr(registry, "scenes", lambda scene=changed: {"tiny": scene})
        assert recordings.of("tiny", made) == {}
        fault = recordings.problem("tiny", made)
        assert why in fault and "record it again with `python -m skipviz record tiny`" in fault
        with pytest.raises(SpecError, match="record it again"):
            recordings.evidence("tiny", made)
    monkeypatch.setattr(registry, "scenes", lambda: {"tiny": replace(TINY, runs=fewer)})
    assert recordings.of("tiny", made)  # the number of seeds is the recording's own


def test_what_is_kept_must_not_change_a_verdict(
    made: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The norm of a middle step is not kept: an expectation on it cannot be judged later."""

    def middle(evidence: recordings.Gathered) -> list[float]:
        return [float(v) for v in evidence.history("signal_gradient_norm", 0)[100, :, 0]]

    wrong = replace(
        TINY,
        runs={"main": TINY.experiment.with_(steps=200)},
        expects=(Expectation("It is there", middle, at_least=0.0),),
        asks=(),
    )
    monkeypatch.setattr(registry, "scenes", lambda: {"tiny": wrong})
    with pytest.raises(SpecError, match="changes a verdict: It is there"):
        record("tiny", seeds=1, store=made)
    monkeypatch.undo()
    assert [path.name for path in made.recordings.iterdir()] == ["tiny"]


def test_the_command_records_and_judges_recordings(
    offered: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SKIPVIZ_RECORDINGS", str(tmp_path / "recordings"))
    assert main(["scene", "tiny", "--recorded"]) == 2
    assert "record it with `python -m skipviz record tiny`" in capsys.readouterr().err
    assert main(["record", "tiny", "--seeds", "1"]) == 0
    assert f"in {tmp_path / 'recordings' / 'tiny'}" in capsys.readouterr().out
    assert main(["scene", "tiny", "--recorded"]) == 1  # recorded is not met
    out = capsys.readouterr().out
    assert "[recorded], recorded on" in out and "showed" in out and "only recorded: tiny" in out
    assert main(["scene", "tiny", "--recorded", "--json"]) == 1
    (result,) = json.loads(capsys.readouterr().out)["scenes"]
    (expectation,) = result["expectations"]
    assert result["state"] == "recorded" and expectation["showed"] and not expectation["met"]
    assert len(expectation["measured"]) == 1
    assert main(["probe", "predictions", MAIN]) == 2
    assert "a recording has no weights" in capsys.readouterr().err
    monkeypatch.setattr("skipviz.cli.scenes.missing", lambda data: f"data {data}: not here")
    assert main(["scene", "tiny", "--json"]) == 1  # it cannot be trained here: its recording shows
    assert json.loads(capsys.readouterr().out)["scenes"][0]["state"] == "recorded"


# --- read-only


@pytest.mark.parametrize(
    "wrong",
    [
        "recorded...",
        "recorded.tiny",
        "recorded.tiny.",
        "recorded...main",
        "recorded.tiny.main\n",
        "recorded.tiny/.main",
        "recorded.tiny.../main",
        "recorded.%2e%2e.main",
        "recorded.Tiny.main",
        "recorded.tïny.main",
        "../recorded.tiny.main",
        f"recorded.{'a' * 41}.main",
    ],
)
def test_no_other_path_hides_behind_an_id(wrong: str, manager: Manager) -> None:
    assert not Store.is_recorded(wrong)
    with pytest.raises(SpecError, match="there is no such run"):
        manager.store.folder(wrong)
    assert manager.find(wrong) is None


def test_every_id_of_a_recording_stays_inside_its_folder(made: Store) -> None:
    inside = made.folder("recorded.tiny.main").resolve()
    assert inside == (made.recordings / "tiny" / "main").resolve()
    assert made.runs() == [] and not Store.is_id(MAIN)


def test_nothing_that_a_page_does_changes_a_recording(manager: Manager) -> None:
    store = manager.store
    folder = store.recordings

    def seen() -> dict[str, tuple[int, bytes]]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = seen()
    run = manager.find(MAIN)
    assert run is not None and run.ended and run.status()["state"] == "finished"
    assert run is manager.find(MAIN)
    manager.stop(MAIN)
    with pytest.raises(SpecError):
        manager.control(MAIN, "pause")
    with pytest.raises(SpecError, match="a recording has no weights"):
        manager.resume(MAIN)
    with pytest.raises(SpecError, match="a recording is not written to"):
        store.create(MAIN, TINY.experiment)
    with pytest.raises(SpecError, match="a recording has no weights"):
        manager.measure(MAIN, "predictions", {"pictures": 4})
    assert all(entry["run"] != MAIN for entry in manager.recent(50))
    assert seen() == before


def test_a_folder_that_cannot_be_written_is_enough(made: Store, manager: Manager) -> None:
    paths = [made.recordings, *made.recordings.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        evidence = of_stored(TINY, recordings.of("tiny", made), manager)
        assert len(evidence.ask("said")) == 2 and evidence.final("loss", 0)
    finally:
        for path, mode in modes.items():
            path.chmod(stat.S_IMODE(mode))


def test_a_recording_is_streamed_like_any_run(manager: Manager) -> None:
    app = Starlette(routes=routes(manager.find))
    with TestClient(app) as client, client.websocket_connect(f"/api/runs/{MAIN}/live") as socket:
        hello = json.loads(socket.receive_text())
        assert hello["run"] == MAIN and hello["status"]["state"] == "finished"
        run = manager.find(MAIN)
        assert run is not None
        got = unpacking.unpack(socket.receive_bytes(), run.log.tracks)
    assert got["points"]["step"].tolist() == list(range(30)) and hello["n"] == 30
    assert np.allclose(
        got["points"]["lanes"][0]["loss"], np.median(run.log.lane(0, "loss"), 1)[:, 0]
    )


# --- frames made small


def test_losses_stay_to_the_last_bit_and_profiles_to_four_digits() -> None:
    run = GrowingRun("long", [track("ResNet-9", "resnet", 9, seeds=3)], 300)
    run.grow(300)
    data = compacted(run.log, maps=False)
    log = FrameLog()
    log.append_bytes(data)
    assert log.n == 300 and len(data) < 0.3 * len(run.log.lane(0, "loss").tobytes()) * 27 + 20_000
    for name in ("loss", "error"):
        assert (log.lane(0, name) == run.log.lane(0, name)).all()
    kept = log.profiled(np.arange(300))
    assert len(kept) == MOST_PROFILES and kept[0] == 0 and kept[-1] == 299
    was, now = (of.lane(0, "signal_gradient_norm") for of in (run.log, log))
    np.testing.assert_allclose(now[kept], was[kept], rtol=2**-13)
    bare = np.setdiff1d(np.arange(300), kept)
    assert np.isnan(now[bare]).all() and np.isfinite(now[kept]).all()
    assert pa.ipc.open_stream(data).read_all().num_rows == 300  # any reader of Arrow files


def test_a_viewer_is_sent_only_profiles_that_are_there_with_their_steps() -> None:
    run = GrowingRun("long", [track("ResNet-9", "resnet", 9)], 400)
    run.grow(400)
    log = FrameLog()
    log.append_bytes(compacted(run.log, maps=False))
    kept = set(log.profiled(np.arange(400)).tolist())
    for data in (
        messages.snapshot(log, 0, 400),
        messages.exact(log, 4),
        messages.profiles(log, [1, 2, 3, 200, 399]),
    ):
        columns = unpacking.unpack(data, log.tracks)["columns"]
        assert len(columns["step"]) and set(columns["step"].tolist()) <= kept
        assert np.isfinite(columns["lanes"][0]["signal_gradient_norm"]).all()


def test_maps_are_kept_where_they_are_asked_for() -> None:
    run = GrowingRun("gated", [track("Highway-9", "highway", 9, cells=20)], 200)
    run.grow(200)
    with_maps, without = FrameLog(), FrameLog()
    with_maps.append_bytes(compacted(run.log, maps=True))
    without.append_bytes(compacted(run.log, maps=False))
    assert not without.map_rows(0) and without.map_at(0, 199) is None
    rows = with_maps.map_rows(0)
    assert 2 < len(rows) <= 13 and rows[-1] == run.log.map_rows(0)[-1]
    was, now = run.log.map_at(0, rows[3]), with_maps.map_at(0, rows[3])
    assert was is not None and now is not None and now[0] == was[0]
    np.testing.assert_allclose(now[1]["gate_map"], was[1]["gate_map"], rtol=2**-9)


def test_rounding_keeps_what_is_not_a_number_and_what_is_tiny() -> None:
    given = np.array([0.0, -0.0, 1.0, -3.5e-21, 1e-300, np.inf, -np.inf, np.nan])
    short = rounded(given, 13)
    np.testing.assert_allclose(short, given, rtol=2**-13)
    assert short[2] == 1.0 and np.signbit(short[1])


def test_an_experiment_of_one_lane_reads_back_as_it_was(made: Store) -> None:
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 3})
    assert made.experiment(MAIN) == Experiment(lanes=[lane], steps=30, seeds=2)
