"""What pages have done in another process: shared, heard, ended with the server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skipviz.datafiles import background_jobs, cache
from tests.data.test_own import packed, two_classes


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(background_jobs, "_jobs", {})
    return tmp_path / "cache"


def ended(
    job: background_jobs.BackgroundJob | None, within_s: float = 120
) -> background_jobs.BackgroundJob:
    assert job is not None
    end = time.monotonic() + within_s
    while job.state == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    return job


@pytest.mark.slow
def test_an_errand_is_shared_and_ends_with_the_arrays_and_the_linear_model_in_the_cache() -> None:
    first = background_jobs.start("prepare", "spirals")
    assert (
        background_jobs.start("prepare", "spirals")
        is first
        is background_jobs.find("prepare", "spirals")
    )
    done = ended(first)
    assert (done.state, done.error, done.key) == ("done", "", "spirals")
    assert cache.about("spirals") is not None and cache.linear("spirals") is not None


def test_an_errand_that_fails_says_why_in_one_sentence() -> None:
    failed = ended(background_jobs.start("prepare", "cifar10"))
    assert failed.state == "failed" and "not on this machine yet" in failed.error


def test_pictures_that_were_given_are_deleted_when_the_set_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    path = packed(folder / "upload.zip", two_classes(each=2) | {"cat/bad.png": b"?"})
    done = ended(background_jobs.start("add", str(path), options=("--title=-x",), clear=folder))
    assert (done.state, done.key, done.done) == ("done", "own-x", 4)
    assert [text[:11] for text in done.troubles] == ["cat/bad.png"]
    assert not folder.exists()


def test_no_more_than_a_few_errands_run_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_jobs, "MOST", 0)
    assert background_jobs.start("prepare", "spirals") is None


def test_an_errand_ends_when_the_server_is_gone() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import time, threading\n"
         "from skipviz.cli import data as cli\n"
         "threading.Thread(target=cli._leave_with_the_server, daemon=True).start()\n"
         "time.sleep(600)"],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(120) == 3
