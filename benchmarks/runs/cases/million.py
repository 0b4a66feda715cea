"""A run of 1,000,000 steps of two nets of 50 layers: what it costs the web process and its worker.

    million-web        the most MB that the web process has of its own while the run is recorded,
                       stored and watched                                                  goal 300
    million-opened     the same in a fresh server that opens the run, replays 200 of its steps from
                       all over it, and gives 120 bars of its heat map                     goal 300
    million-open       seconds until that server has sent all that a screen shows of it     goal 5
    million-worker     by how many MB a worker grows over 20,000 real steps                 goal 10
    million-minutes    of all this                                                          goal 5

Frames are made from a formula by a worker that trains nothing (`replaying_worker.py`); recorder,
store and stream are the program's own, and the viewer is a socket that takes all that comes. MB of
its own: without pages that are mapped from a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from websockets.asyncio.client import connect

from benchmarks.hall.live_run import PAIR, begun
from benchmarks.hall.row import Row
from skipviz.core.protocol import ENDED, PackedKind
from skipviz.core.strict_json import dumps
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from skipviz.stream import messages
from skipviz.stream.messages import _HEAD
from tests.browser.serving import ROOT, Server, free_port, running, serving

STEPS, REAL_STEPS, WARM_STEPS, SCRUBBED = 1_000_000, 20_000, 2_000, 200
PATIENCE_S = 900.0


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case."""
    began, share = time.monotonic(), 10 if quick else 1
    for name in ("replayed", "real"):
        (folder / name).mkdir()
    with _replaying(folder / "replayed") as server, _most(server.process.pid) as web:
        run_id = begun(server, PAIR.with_(steps=STEPS // share))
        asyncio.run(_watched(server, run_id, STEPS // share))
    with serving(folder / "replayed") as server, _most(server.process.pid) as opened:
        open_s = asyncio.run(_replayed(server, run_id, STEPS // share))
    with serving(folder / "real") as server:
        growth = _worker_growth(server, REAL_STEPS // share)
    return [
        Row("million-web", 300.0, max(web)),
        Row("million-opened", 300.0, max(opened)),
        Row("million-open", 5.0, open_s),
        Row("million-worker", 10.0, growth),
        Row("million-minutes", 5.0, (time.monotonic() - began) / 60),
    ]


@contextmanager
def _replaying(folder: Path) -> Iterator[Server]:
    port = free_port()
    app = str(Path(__file__).parents[1] / "replaying_app.py")
    command = [sys.executable, "-m", "streamlit", "run", app, "--server.address=127.0.0.1",
               f"--server.port={port}", "--server.headless=true"]  # fmt: skip
    environment = os.environ | {"SKIPVIZ_RUNS": str(folder)}
    with running(command, port, folder, cwd=ROOT, env=environment) as server:
        yield server


def own_mb(pid: int) -> float:
    """What a process has of its own, in MB: no pages that are mapped from files."""
    status = Path(f"/proc/{pid}/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return float(lines["RssAnon"].split()[0]) / 1024
    memory = psutil.Process(pid).memory_full_info()
    return float(memory.uss) / 2**20


@contextmanager
def _most(pid: int) -> Iterator[list[float]]:
    """What a process has of its own, five times a second."""
    seen, over = [own_mb(pid)], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            seen.append(own_mb(pid))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def _socket(server: Server, run_id: str) -> Any:
    address = f"{server.url.replace('http', 'ws')}/api/runs/{run_id}/live"
    options: dict[str, Any] = {"max_size": None, "compression": None, "origin": server.url}
    return connect(address, open_timeout=PATIENCE_S, **options)


async def _watched(server: Server, run_id: str, steps: int) -> None:
    """Takes what comes until the run has ended; every frame must have come."""
    n, state = 0, "running"
    async with asyncio.timeout(PATIENCE_S), _socket(server, run_id) as socket:
        while n < steps or state not in ENDED:
            message = await socket.recv()
            if isinstance(message, str):
                state = json.loads(message)["status"]["state"]
            elif message[0] == PackedKind.UPDATE:
                n = _HEAD.unpack_from(message)[4]
    assert n == steps, f"{n} of {steps} frames came"


async def _replayed(server: Server, run_id: str, steps: int) -> float:
    """Opens a run and scrubs it; the seconds until its first curves were here."""
    log = FrameLog.open(Store(server.runs).folder(run_id) / "frames.arrow")
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_S), _socket(server, run_id) as socket:
        while not isinstance(message := await socket.recv(), bytes):
            continue
        open_s = time.monotonic() - began
        assert _HEAD.unpack_from(message)[4] == steps
        for step in random.Random(0).sample(range(steps), SCRUBBED):
            await socket.send(dumps({"get": step}))
            while not isinstance(message := await socket.recv(), bytes):
                continue
            assert message[0] == PackedKind.EXACT and message == messages.exact(log, step)
    return open_s


def _worker_growth(server: Server, steps: int) -> float:
    """By how many MB the worker grows from its first steps, when all is allocated, to its last."""
    run_id = begun(server, PAIR.with_(steps=steps))
    store = Store(server.runs)
    pid = store.status(run_id)["worker"]["pid"]
    _until(store, run_id, min(WARM_STEPS, steps // 2))
    before = own_mb(pid)
    _until(store, run_id, steps - steps // 100)
    return own_mb(pid) - before


def _until(store: Store, run_id: str, step: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while store.status(run_id).get("step", 0) < step:
        assert time.monotonic() < end, "the run makes no steps"
        time.sleep(0.1)
