"""What bench hall's storm looks for is found where it is: a server with planted faults."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.hall import mutations
from benchmarks.hall.damage import Damage, Wire
from tests.browser.serving import Server, free_port, running

PLANTED = """
import pathlib, subprocess, sys
import uvicorn

child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=-1)

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    path = scope["path"]
    if path == "/crash":
        raise ValueError("planted")
    if path == "/child":
        child.kill(), child.wait()
    if path == "/file":
        pathlib.Path(sys.argv[2], "stray").write_text("x", encoding="utf-8")
    if path == "/end":
        import os; os._exit(3)
    await send({"type": "http.response.start", "status": 503 if path == "/busy" else 200,
                "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, lifespan="off")
"""


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Server]:
    port = free_port()
    (tmp_path / "outside").mkdir()
    command = [sys.executable, "-c", PLANTED, str(port), str(tmp_path / "outside")]
    with running(command, port, tmp_path) as server:
        yield server


def _damage(server: Server, *paths: bytes) -> list[str]:
    """What is found after these paths were asked for."""
    process = psutil.Process(server.process.pid)
    damage = Damage(server.runs / "server.log", process, (server.runs / "outside",))
    wire = Wire(server.url)
    for path in paths:
        damage.answered("addresses", wire.ask(b"GET", path), path)
    wire.close()
    assert damage.tried["addresses"] == len(paths)
    return damage.look()


def test_every_kind_of_planted_fault_is_found_and_nothing_else(planted: Server) -> None:
    assert _damage(planted, b"/fine", b"/\xff", b"/%00") == []
    status, log = _damage(planted, b"/crash")
    assert status.startswith("addresses: status 500") and "ValueError: planted" in log
    assert [text[:6] for text in _damage(planted, b"/child")] == ["child "]
    assert _damage(planted, b"/busy") == ["addresses: status 503 for b'/busy'"]
    (stray,) = _damage(planted, b"/file")
    assert stray.startswith("file: ") and "stray" in stray
    damage = Damage(planted.runs / "server.log", psutil.Process(planted.process.pid), ())
    assert Wire(planted.url).ask(b"GET", b"/end") == 0
    planted.process.wait(60)
    assert damage.look() == ["the server ended"]


def test_a_storm_is_the_same_for_the_same_seed_and_fits_into_a_line() -> None:
    storms = []
    for _ in range(2):
        chance = random.Random(7)
        storms.append([mutations.mutated(b"/lab?run=x", chance) for _ in range(300)])
        storms[-1] += [mutations.message((b"{}",), chance) for _ in range(300)]
    assert storms[0] == storms[1] and len(set(storms[0])) > 400
    assert not any(b"\n" in mutations.line(each) for each in storms[0])
