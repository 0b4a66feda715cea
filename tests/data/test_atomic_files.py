"""Files are replaced and folders removed under the rules of Windows, kept here by a stand-in that
refuses whatever this process itself still holds open or mapped."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from skipviz.core import atomic_files, user_datasets
from skipviz.core.knob import SpecError
from skipviz.core.protocol import OrderKind, SetValue
from skipviz.datafiles import adding, cache
from skipviz.store.frame_log import FrameLog
from tests.runs.test_late_frames import session

SHARING_VIOLATION = 32


def refused(path: Path) -> PermissionError:
    error = PermissionError(13, "in use", str(path))
    vars(error)["winerror"] = SHARING_VIOLATION
    return error


def held() -> Iterator[str]:
    """Every file that this process has open or mapped."""
    me = psutil.Process()
    yield from (file.path for file in me.open_files())
    yield from (mapping.path for mapping in me.memory_maps())


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """os.replace and os.rename as Windows has them, and nobody to wait for."""
    real = {"replace": os.replace, "rename": os.rename}

    def strictly(name: str) -> Any:
        def move(source: Any, target: Any, **rest: Any) -> None:
            for path in (Path(source).absolute(), Path(target).absolute()):
                if any(path == Path(each) or path in Path(each).parents for each in held()):
                    raise refused(path)
            real[name](source, target, **rest)

        return move

    for name in real:
        monkeypatch.setattr(os, name, strictly(name))
    monkeypatch.setattr(atomic_files, "PATIENCE_S", 0.0)


needs_proc = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="what is held is read from Linux's /proc"
)


@needs_proc
def test_the_stand_in_refuses_what_is_open_and_what_is_mapped(
    windows: None, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", np.arange(4))
    (tmp_path / "b").write_bytes(b"b")
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    with pytest.raises(PermissionError):
        atomic_files.replace(tmp_path / "b", tmp_path / "a.npy")
    del mapped
    gc.collect()
    with (tmp_path / "a.npy").open("rb"), pytest.raises(PermissionError):
        atomic_files.replace(tmp_path / "b", tmp_path / "a.npy")
    atomic_files.replace(tmp_path / "b", tmp_path / "a.npy")
    assert (tmp_path / "a.npy").read_bytes() == b"b"


@pytest.mark.slow
@needs_proc
def test_a_run_that_goes_on_and_is_steered_replaces_its_own_files(
    windows: None, tmp_path: Path
) -> None:
    first = session(tmp_path, steps=3)
    first.run()
    assert first.status["state"] == "finished", first.status
    (tmp_path / "checkpoint.pt").write_bytes(b"torn")  # from the beginning: the frames are cut
    again = session(tmp_path, steps=3)
    again.control.hear(SetValue(OrderKind.LEARNING_RATE, "r", 0.5, 1))
    again.run()
    assert again.status["state"] == "finished", again.status
    log = FrameLog.open(tmp_path / "frames.arrow")
    assert log.n == 3 and again.experiment.changes


@pytest.mark.slow
@needs_proc
def test_a_set_whose_pictures_are_mapped_is_not_half_removed(
    windows: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
    np.savez(tmp_path / "pets.npz", images=images, labels=np.arange(20) % 2)
    key = adding.add("Pets", tmp_path / "pets.npz", 0, lambda **event: None)
    arrays = cache.mapped(key)
    assert arrays is not None
    before = sorted((user_datasets.home() / key).iterdir())
    with pytest.raises(SpecError, match="a run uses its pictures"):
        user_datasets.remove(key)
    assert (
        sorted((user_datasets.home() / key).iterdir()) == before and key in user_datasets.datasets()
    )
    del arrays
    gc.collect()
    user_datasets.remove(key)
    assert not (user_datasets.home() / key).exists() and key not in user_datasets.datasets()
    assert not list(user_datasets.home().glob("going-*"))


def test_a_reader_is_waited_for_and_what_stays_forbidden_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, tries, real = tmp_path / "status.json", [], os.replace

    def busy_twice(source: Any, target: Any) -> None:
        tries.append(target)
        if len(tries) < 3:
            raise refused(path)
        real(source, target)

    monkeypatch.setattr(os, "replace", busy_twice)
    atomic_files.write_json(path, {"state": "running"})
    assert len(tries) == 3 and atomic_files.read_json(path) == {"state": "running"}
    monkeypatch.setattr(atomic_files, "PATIENCE_S", 0.0)
    tries.clear()
    with pytest.raises(PermissionError):
        atomic_files.write_json(path, {"state": "finished"})
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]
    assert atomic_files.read_json(path) == {"state": "running"}


def test_a_file_that_is_just_being_replaced_is_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, tries, real = tmp_path / "status.json", [], Path.read_bytes
    atomic_files.write_json(path, {"state": "running"})

    def busy_once(self: Path) -> bytes:
        tries.append(self)
        if len(tries) == 1:
            raise refused(self)
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", busy_once)
    assert atomic_files.read_json(path) == {"state": "running"} and len(tries) == 2
