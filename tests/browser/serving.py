"""A real server for browser tests: `streamlit run app.py` on 127.0.0.1, ended by its own handle."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skipviz.core import child_processes

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "runs"


@dataclass(frozen=True)
class Server:
    """A running server: its address and its process."""

    url: str
    process: subprocess.Popen[bytes]
    runs: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    runs: Path, *options: str, port: int = 0, base: str = "", **environment: str
) -> Iterator[Server]:
    """Starts the app as a user of a checkout does; `runs` is the folder of its runs, `base` stands
    before every path."""
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    command += [f"--server.baseUrlPath={base}"] if base else []
    health = f"{base}/_stcore/health".lstrip("/")
    everything = os.environ | {"SKIPVIZ_RUNS": str(runs)} | environment
    with running(
        [*command, *options], port, runs, health=health, cwd=ROOT, env=everything
    ) as server:
        yield Server(f"{server.url}/{base}".rstrip("/"), server.process, runs)


def stored_runs(server: Server, *names: str) -> str:
    """Gives a server these runs of the fixtures; their ids, as an address names them."""
    ids = {name: f"{name:_<22}" for name in names}
    for name, run_id in ids.items():
        shutil.copytree(FIXTURES / name, server.runs / run_id, dirs_exist_ok=True)
    return ",".join(ids.values())


@contextmanager
def running(
    command: list[str], port: int, folder: Path, *, health: str = "_stcore/health", **options: Any
) -> Iterator[Server]:
    """Starts a server and waits until it answers on `port`; ends it and its workers after. Its log
    goes into `folder`; `options` are those of Popen."""
    log = (folder / "server.log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        _wait(f"http://127.0.0.1:{port}/{health}", process)
        yield Server(f"http://127.0.0.1:{port}", process, folder)
    finally:
        child_processes.end(process, 20)
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], timeout_s: float = 90) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended at once; its log says why"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not answer in time")
