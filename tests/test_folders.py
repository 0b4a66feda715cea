"""Folders that are files, that cannot be written or read: one sentence that says what to set."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from skipviz.access import login
from skipviz.cli import doctor
from skipviz.cli.main import main
from skipviz.core import places
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.server import manager as servers_manager
from skipviz.server import sweep
from skipviz.server.manager import Manager
from skipviz.store.history import History
from skipviz.store.rooms import Rooms
from skipviz.store.store import Store
from tests.explore_page import explore_page

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

EXPERIMENT = Experiment(lanes=[Lane(family="plain", knobs={"backbone": "dense", "depth": 3})])
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Root, too, may do what a folder's mode says and no more."""
    if os.name != "posix" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("modes bind nobody here")
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(head, sets) == 0
    effective = sets[0]
    sets[0] = effective & ~(DAC_OVERRIDE | DAC_READ_SEARCH)
    assert libc.capset(head, sets) == 0
    try:
        yield
    finally:
        sets[0] = effective
        assert libc.capset(head, sets) == 0


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file where the folder of runs should be."""
    path = tmp_path / "runs"
    path.write_text("", encoding="utf-8")
    monkeypatch.setenv("SKIPVIZ_RUNS", str(path))
    return path


@pytest.mark.parametrize("variable", ["RUNS", "RECORDINGS", "CACHE", "DATA", ""])
def test_the_sentence_names_the_variable_of_the_folder(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    if variable:
        monkeypatch.setenv(f"SKIPVIZ_{variable}", str(tmp_path / "file"))
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SpecError) as caught:
            places.check_writable(folder)
        way_out = f"set SKIPVIZ_{variable} to" if variable else "choose"
        why = "is a file, or lies below one, or is gone"
        assert str(caught.value) == f"folder {folder}: {why}; {way_out} another folder"


@pytest.mark.parametrize("words", ["key", "key --json", "key --revoke", "runs", "import x.zip"])
def test_commands_say_that_the_folder_of_runs_is_a_file(
    words: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"folder {file}: is a file") and "set SKIPVIZ_RUNS" in told
    assert told.count("\n") == 1


def test_the_doctor_finds_a_folder_that_cannot_be_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not doctor._folders().good and "set SKIPVIZ_RUNS" in doctor._folders().text
    monkeypatch.setenv("SKIPVIZ_RUNS", str(file.with_name("made")))
    assert doctor._folders().good and file.with_name("made").is_dir()


@pytest.mark.slow
def test_a_server_does_not_start_where_it_cannot_keep_runs(file: Path) -> None:
    words = [sys.executable, "-m", "skipviz", "serve", "--port", "0", "--no-browser"]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", timeout=600)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].endswith("set SKIPVIZ_RUNS to another folder")


def begin_a_run(owner: Manager) -> None:
    owner.submit(EXPERIMENT)


def begin_a_sweep(owner: Manager) -> None:
    sweep.of(owner).start("bias", {}, {"one": EXPERIMENT})


def begin_a_room(owner: Manager) -> None:
    Rooms(owner.store.root).room("r" * 16).reveal("stripes", 1)


def look_at_the_history(owner: Manager) -> None:
    History(owner.store).refresh()


@pytest.mark.parametrize("act", [begin_a_run, begin_a_sweep, begin_a_room, look_at_the_history])
def test_what_is_kept_beside_runs_is_refused_with_one_sentence(
    act: Callable[[Manager], None], file: Path
) -> None:
    owner = Manager(Store())
    with pytest.raises(SpecError, match="is a file, or lies below one.*set SKIPVIZ_RUNS"):
        act(owner)
    file.unlink()
    file.mkdir(mode=0o500)
    with bound_by_modes(), pytest.raises(SpecError, match="cannot be read or .*set SKIPVIZ_RUNS"):
        act(owner)
    assert not list(file.iterdir())
    file.chmod(0o700)
    act(owner)
    owner.close()


def test_the_history_page_says_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers_manager, "_current", Manager(Store()))
    page = explore_page("05_history.py").run()
    assert not page.exception and "is a file" in page.error[0].value


def test_a_log_in_that_cannot_be_written_down_is_one_sentence(file: Path) -> None:
    with TestClient(Starlette(routes=login.routes())) as client:
        answer = client.get("/lecturer?key=some")
    assert answer.status_code == 507 and login.NOT_WRITTEN in answer.text


def test_a_recording_that_could_not_be_kept_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SKIPVIZ_RECORDINGS", str(tmp_path / "file"))
    assert main(["record", "stripes"]) == 2
    told = capsys.readouterr().err
    assert "is a file" in told and "set SKIPVIZ_RECORDINGS to another folder" in told


# --- Sets of one's own --------------------------------------------------------------------------


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of pictures, and an empty cache."""
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        folder = tmp_path / "pets" / name
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize(
    ("below", "sentence"),
    [
        ("", "folder {pets}: cannot be read (permission denied)"),
        ("dog", "left out: dog: cannot be read (permission denied)"),
    ],
)
def test_a_folder_that_cannot_be_listed_is_named(
    below: str, sentence: str, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pets / below).chmod(0o000)
    with bound_by_modes():
        assert main(["data", "add", str(pets)]) == 2
    (pets / below).chmod(0o700)
    told = capsys.readouterr()
    assert sentence.format(pets=pets) in (told.out + told.err).splitlines()
    assert told.err.count("\n") == 1


def test_a_cache_that_cannot_be_written_is_one_sentence(
    pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = places.cache()
    cache.chmod(0o500)
    with bound_by_modes():
        assert main(["data", "add", str(pets)]) == 2
    cache.chmod(0o700)
    told = capsys.readouterr().err
    assert told.strip().endswith(
        f"folder {cache}: cannot be read or written; set SKIPVIZ_CACHE to another folder"
    )
