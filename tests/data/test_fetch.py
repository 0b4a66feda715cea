"""Downloads against a mirror on this machine: what breaks is said, and no half file counts."""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from skipviz.core.knob import SpecError
from skipviz.datafiles import availability, fetch, find
from tests.data import torchvision_files
from tests.data.torchvision_files import Made


class Mirror(ThreadingHTTPServer):
    """Serves a set's files below /sets/; `spoil(handler, body)` answers in its own way."""

    daemon_threads = True
    spoil: Callable[[Any, bytes], None] | None = None

    def __init__(self, made: Made) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        folder = made.declared.files.folder  # type: ignore[union-attr]
        self.files = {f"/sets/{folder}/{n}".replace("//", "/"): d for n, d in made.packed.items()}
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/sets/"


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        ranged = self.headers.get("Range", "")
        self.server.asked.append((self.path, ranged))
        body = self.server.files[self.path]
        if self.server.spoil is not None:
            self.server.spoil(self, body)
        else:
            whole(self, body, ranged)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def whole(handler: Any, body: bytes, ranged: str = "") -> None:
    start = int(re.fullmatch(r"bytes=(\d+)-", ranged)[1]) if ranged else 0  # type: ignore[index]
    handler.send_response(206 if ranged else 200)
    handler.send_header("Content-Length", str(len(body) - start))
    handler.end_headers()
    handler.wfile.write(body[start:])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Made:
    monkeypatch.setenv("SKIPVIZ_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PAUSE_S", 0)
    return torchvision_files.make("mnist", monkeypatch)


@pytest.fixture
def mirror(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    server = Mirror(made)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("SKIPVIZ_MIRROR", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(made: Made) -> list[tuple[int, int]]:
    heard: list[tuple[int, int]] = []
    assert made.declared.files is not None
    fetch.fetch(made.declared.files, lambda done, total: heard.append((done, total)))
    return heard


def fails(made: Made, sentence: str) -> None:
    """The download fails with this sentence, says what to do by hand, and leaves nothing whole."""
    with pytest.raises(SpecError, match=sentence) as caught:
        get(made)
    text = str(caught.value)
    assert "\n" not in text and "Traceback" not in text
    assert find.find(made.declared.files) is None  # type: ignore[arg-type]
    assert availability.missing("mnist")


def folder(made: Made, tmp_path: Path) -> Path:
    assert made.declared.files is not None
    return tmp_path / "data" / made.declared.files.folder


def first(made: Made) -> tuple[str, bytes]:
    return next(iter(made.packed.items()))


def test_a_set_arrives_whole_with_its_progress_and_leaves_no_scraps(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    heard = get(made)
    there = {path.name: path.read_bytes() for path in folder(made, tmp_path).iterdir()}
    assert there == made.packed
    size = sum(map(len, made.packed.values()))
    assert heard[-1] == (size, size)
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert availability.missing("mnist") == ""
    assert (made.declared.load()[0] == made.arrays[0]).all()


def test_files_that_are_there_are_not_asked_for_again(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    name, data = first(made)
    folder(made, tmp_path).mkdir(parents=True)
    (folder(made, tmp_path) / name).write_bytes(data)
    get(made)
    assert all(not path.endswith(name) for path, _ in mirror.asked) and len(mirror.asked) == 3


def test_a_connection_that_breaks_off_goes_on_where_it_was(made: Made, mirror: Mirror) -> None:
    def spoil(handler: Any, body: bytes) -> None:
        ranged = handler.headers.get("Range", "")
        if ranged:
            whole(handler, body, ranged)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])

    mirror.spoil = spoil
    get(made)
    assert availability.missing("mnist") == ""
    name, data = first(made)
    ranges = [ranged for path, ranged in mirror.asked if path.endswith(name)]
    assert ranges == ["", f"bytes={len(data) // 2}-"]


def test_what_arrived_before_a_failure_is_not_asked_for_again_the_next_time(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    name, data = first(made)
    folder(made, tmp_path).mkdir(parents=True)
    (folder(made, tmp_path) / f"{name}.part").write_bytes(data[:1000])
    get(made)
    assert (mirror.asked[0][0].rpartition("/")[2], mirror.asked[0][1]) == (name, "bytes=1000-")
    assert availability.missing("mnist") == ""


def test_a_server_without_ranges_sends_the_file_from_its_beginning(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    name, _ = first(made)
    folder(made, tmp_path).mkdir(parents=True)
    (folder(made, tmp_path) / f"{name}.part").write_bytes(b"?" * 1000)
    mirror.spoil = lambda handler, body: whole(handler, body)
    get(made)
    assert availability.missing("mnist") == ""


def test_a_part_of_another_file_is_thrown_away_by_its_checksum(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    name, _ = first(made)
    folder(made, tmp_path).mkdir(parents=True)
    part = folder(made, tmp_path) / f"{name}.part"
    part.write_bytes(b"?" * 1000)
    fails(made, f"download of {name}: what arrived does not match its checksum")
    assert not part.exists()
    get(made)
    assert availability.missing("mnist") == ""


def test_a_file_that_is_cut_short_on_the_server_is_said_and_kept_as_a_part(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    name, data = first(made)
    mirror.files = {path: body[:-100] for path, body in mirror.files.items()}
    fails(made, rf"download of {name}: 127.0.0.1 (broke off|answered)")
    assert not (folder(made, tmp_path) / name).exists()


def test_a_file_with_one_wrong_byte_is_thrown_away(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.files = {path: body[:50] + b"\xff" + body[51:] for path, body in mirror.files.items()}
    fails(made, "does not match its checksum and was thrown away; try again later, or put")
    assert list(folder(made, tmp_path).iterdir()) == []


def test_a_file_that_is_too_long_is_thrown_away(made: Made, mirror: Mirror, tmp_path: Path) -> None:
    mirror.files = {path: body + b"more" for path, body in mirror.files.items()}
    fails(made, "sent more than the file has")
    assert list(folder(made, tmp_path).iterdir()) == []


def test_a_server_that_falls_silent_is_given_up(
    made: Made, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_S", 0.15)
    over = threading.Event()

    def spoil(handler: Any, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        over.wait(600)

    mirror.spoil = spoil
    fails(made, "127.0.0.1 sent nothing for 0.15 seconds")
    over.set()


def test_a_slow_server_is_waited_for(made: Made, mirror: Mirror) -> None:
    def spoil(handler: Any, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        for at in range(0, len(body), 1 + len(body) // 5):
            handler.wfile.write(body[at : at + 1 + len(body) // 5])
            handler.wfile.flush()
            time.sleep(0.01)

    mirror.spoil = spoil
    get(made)
    assert availability.missing("mnist") == ""


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_server_that_refuses_is_named_with_its_answer(
    status: int, made: Made, mirror: Mirror
) -> None:
    mirror.spoil = lambda handler, body: handler.send_error(status)
    fails(made, f"127.0.0.1 answered {status} .*; try again later, or put train-images")


def test_nobody_at_the_address_is_said_so(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_MIRROR", "http://127.0.0.1:9/")
    fails(made, "127.0.0.1 refused the connection; try again later, or put .* into .*MNIST/raw")


def test_a_mirror_that_is_no_web_address_is_refused(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_MIRROR", "file:///etc/")
    fails(made, "SKIPVIZ_MIRROR 'file:///etc/': must be an address with http or https")


def test_a_disk_that_is_full_is_said_and_what_fitted_is_kept(
    made: Made, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = [5000]

    def write(file: BinaryIO, chunk: bytes) -> None:
        file.write(chunk[: left[0]])
        left[0] -= min(left[0], len(chunk))
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "write", write)
    fails(made, "disk full: nothing more fits into .*data; free some space")
    name, data = first(made)
    part = folder(made, tmp_path) / f"{name}.part"
    assert data.startswith(part.read_bytes()) and 0 < part.stat().st_size <= 5000


def test_a_set_larger_than_the_free_space_is_not_begun(
    made: Made, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(fetch.shutil, "disk_usage", lambda path: usage)
    fails(made, "disk full: .* do not fit into .*; free .* or set SKIPVIZ_DATA")
    assert mirror.asked == []


def test_two_processes_do_not_download_one_set_at_a_time_and_a_dead_ones_lock_is_void(
    made: Made, mirror: Mirror, tmp_path: Path
) -> None:
    lock = folder(made, tmp_path) / ".MNIST.lock"
    lock.parent.mkdir(parents=True)
    with fetch._alone(lock):
        fails(made, "another process is fetching these files already")
    lock.write_text("of a process that is gone", encoding="utf-8")
    get(made)
    assert availability.missing("mnist") == ""


def test_a_read_only_data_folder_is_read_and_the_next_one_written(
    made: Made, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "skipviz.core.places.os.access", lambda path, mode: "sealed" not in str(path)
    )
    sealed = tmp_path / "sealed"
    sealed.mkdir()
    monkeypatch.setenv("SKIPVIZ_DATA", str(sealed))
    get(made)
    assert availability.missing("mnist") == "" and list(sealed.iterdir()) == []
    assert (tmp_path / "cache" / "data" / "MNIST" / "raw").is_dir()
