"""The session for a machine with a GPU, rehearsed on the CPU with small nets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu_session
from benchmarks.gpu_session import PARTS, Session, main
from skipviz.core.experiment import Experiment
from skipviz.store.frame_log import FrameLog
from tests.test_strict_json import strict


@pytest.fixture
def rehearsal(tmp_path: Path) -> Session:
    return Session(tmp_path / "session", "cpu", quick=True)


def test_the_budgets_of_all_parts_are_under_eight_minutes() -> None:
    assert sum(part.seconds for part in PARTS.values()) <= gpu_session.SESSION_S < 8 * 60
    assert all(PARTS[name].seconds > gpu_session.START_S for name in gpu_session.RUNS)
    assert set(gpu_session.RUNS) < set(PARTS)


def test_without_cuda_every_part_is_skipped_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["--out", str(tmp_path / "none"), "--json"]) == 0
    parts = strict(capsys.readouterr().out)["parts"]
    assert [part["part"] for part in parts] == list(PARTS)
    assert {part["state"] for part in parts} == {"skipped"}
    assert {part["why"] for part in parts} == {"no CUDA device"}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", gpu_session.RUNS)
def test_a_run_is_kept_so_that_it_can_be_replayed(name: str, rehearsal: Session) -> None:
    answer = PARTS[name].do(rehearsal)
    lanes, *_ = gpu_session.RUNS[name]
    assert answer["state"] == "done" and answer["steps"] == 6
    folder = rehearsal.out / "runs" / name
    of = Experiment.from_json((folder / "experiment.json").read_bytes())
    log = FrameLog.open(folder / "frames.arrow")
    assert [lane.family for lane in of.lanes] == [lane.family for lane in lanes]
    assert log.last_step == 5 and log.n == 4 and not (folder / "checkpoint.pt").exists()
    assert 0 < answer["bytes"] == gpu_session._bytes(rehearsal.out) < 2**20


def test_recordings_that_are_too_large_together_are_not_kept(
    rehearsal: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PARTS["pair_20"].do(rehearsal)["state"] == "done"
    monkeypatch.setattr(gpu_session, "MOST_BYTES", gpu_session._bytes(rehearsal.out) + 10)
    answer = PARTS["highway_100"].do(rehearsal)
    assert answer["state"] == "failed" and "would be" in answer["why"]
    assert [folder.name for folder in (rehearsal.out / "runs").iterdir()] == ["pair_20"]


def test_norms_that_are_far_from_float64_are_named(
    rehearsal: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {name: gpu_session.NETS[name] for name in ("ResNet-56", "dense highway")}
    monkeypatch.setattr(gpu_session, "NETS", kept)
    answer = gpu_session.norms(rehearsal)
    assert answer["state"] == "done" and len(answer["norms"]) == 4
    assert all(0 < row["median"] < 1e-3 for row in answer["norms"])
    exact = gpu_session.reading

    def on_an_odd_device(of: Experiment, kind: str, *, double: bool = False) -> Any:
        wrong = kind == "odd" and of.lanes[0].family == "highway"
        norms = exact(of, "cpu", double=double)
        return {name: values * (1.01 if wrong else 1) for name, values in norms.items()}

    monkeypatch.setattr(gpu_session, "reading", on_an_odd_device)
    bad = gpu_session.norms(Session(rehearsal.out, "odd", quick=True))
    assert bad["state"] == "failed" and bad["why"].count("dense highway") == 2
    assert "ResNet" not in bad["why"]


@pytest.mark.long
def test_the_whole_session_saves_each_part_as_soon_as_it_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "session"
    assert main(["--out", str(out), "--device", "cpu", "--quick", "--json"]) == 0
    parts = strict(capsys.readouterr().out)["parts"]
    assert [part["part"] for part in parts] == list(PARTS)
    assert {part["state"] for part in parts} == {"done"}, parts
    assert json.loads((out / "session.json").read_text(encoding="utf-8"))["parts"] == parts
    for part in parts:
        assert json.loads((out / f"{part['part']}.json").read_text(encoding="utf-8")) == part
    (row,) = parts[1]["cases"]
    assert row["skipped"] == "no CUDA device"


def test_a_part_that_breaks_off_or_takes_too_long_costs_no_other(
    rehearsal: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = gpu_session.child_processes.command
    said: list[str] = []

    def command(*words: str) -> list[str]:
        if "norms" in words:
            return real("-c", "raise SystemExit('the device is gone')")
        if "pair_20" in words:
            return real("-c", "import time; time.sleep(600)")
        return real("-c", 'print(\'{"state": "done"}\')')

    monkeypatch.setattr(gpu_session.child_processes, "command", command)
    monkeypatch.setitem(PARTS, "pair_20", gpu_session.Part(0.3, PARTS["pair_20"].do))
    session = Session(rehearsal.out, "cpu", quick=False)
    answers = gpu_session.perform(session, ["norms", "pair_20", "families"], said.append)
    assert [answer["state"] for answer in answers] == ["failed", "failed", "done"]
    assert answers[0]["why"] == "the device is gone" and "longer than 0 s" in answers[1]["why"]
    assert len(said) == 3 and (rehearsal.out / "families.json").is_file()
