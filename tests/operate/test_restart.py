"""A server that is told to end: votes are in the room's file, runs can be resumed, nobody who
waits holds it up; and its log, as JSON, has no secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import psutil
import pytest
from websockets.sync.client import connect

from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.phone_protocol import Phase
from skipviz.operate.leaving import leaving
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import Store
from tests.browser.serving import Server, serving
from tests.runs.test_manager import until
from tests.streamlit_page import streamlit_page

LANE = Lane(family="plain", knobs={"backbone": "dense", "depth": 4})
LONG = Experiment(lanes=[LANE], data="digits", steps=1_000_000, record_every=100, device="cpu")
SCENE = sorted(registry.scenes())[0]


def _serving(folder: Path) -> Any:
    return serving(
        folder, SKIPVIZ_FUSED="0", SKIPVIZ_RUNNING="1", SKIPVIZ_LOG="json",
        SKIPVIZ_PASSPHRASE="a sentence to be typed",
    )  # fmt: skip


def _health(server: Server) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{server.url}/healthz") as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        with error:
            return dict(json.load(error))


def _train(server: Server, experiment: Experiment) -> str:
    with streamlit_page(server.url) as page:
        page.open("lab", urlencode(experiment.to_query(), doseq=True)).press("Train")
        return page.query.rpartition("run=")[2]


def _resume(server: Server, run_id: str) -> None:
    with streamlit_page(server.url) as page:
        page.open("lab", f"run={run_id}").press("Resume")


def _room(folder: Path) -> str:
    """The code of a room whose question is open."""
    room = Rooms(folder).room(word())
    room.show(SCENE, Phase.VOTE)
    return room.code


def _votes(folder: Path) -> list[int]:
    """The votes in the one room's file."""
    (path,) = (folder / "rooms").glob("*.json")
    return list(json.loads(path.read_text(encoding="utf-8"))["votes"][SCENE].values())


def _voted(server: Server, code: str) -> str:
    """The cookie of a phone whose vote was acknowledged."""
    with urllib.request.urlopen(f"{server.url}/v/{code}") as page:
        cookie = page.headers["set-cookie"].partition(";")[0]
    address = f"{server.url.replace('http', 'ws')}/v/{code}/live"
    with connect(address, additional_headers={"Cookie": cookie}) as phone:
        phone.send(json.dumps({"ballot": f"{SCENE}.0", "choice": 1}))
        while json.loads(phone.recv(60)).get("choice") != 1:
            pass
    return str(cookie)


def _waits(server: Server, code: str, cookie: str) -> int:
    """A long poll's status, when it is answered at last."""
    first = urllib.request.Request(f"{server.url}/v/{code}/state", headers={"Cookie": cookie})
    with urllib.request.urlopen(first) as answer:
        number = json.load(answer)[0]["number"]
    again = urllib.request.Request(f"{first.full_url}?after={number}", headers={"Cookie": cookie})
    with urllib.request.urlopen(again, timeout=60) as answer:
        return int(answer.status)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without telling it")
def test_a_server_that_is_told_to_end_loses_no_vote_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, store = _room(tmp_path), Store(tmp_path)
    with _serving(tmp_path) as server:
        cookie = _voted(server, code)
        until(lambda: _health(server)["status"] == "ok")
        running, waiting = _train(server, LONG), _train(server, LONG.with_(seed=7))
        until(lambda: store.status(running).get("step", 0) > 0)
        assert _health(server)["waiting"] == 1
        with ThreadPoolExecutor() as pool:
            poll = pool.submit(_waits, server, code, cookie)
            until(lambda: _followed(server.process.pid))
            for process in psutil.Process(server.process.pid).children(recursive=True):
                process.send_signal(signal.SIGTERM)  # as systemd tells all processes of a service
            server.process.send_signal(signal.SIGTERM)
            assert poll.result(60) == 200
        server.process.wait(60)
    for run_id in (running, waiting):
        status = json.loads((tmp_path / run_id / "status.json").read_text(encoding="utf-8"))
        assert status["state"] == "interrupted" and "the server ended" in status["message"]
    assert (tmp_path / running / "checkpoint.pt").is_file()
    assert _votes(tmp_path) == [1]
    _log_is_json(tmp_path, cookie, running)
    step = store.status(running)["step"]
    with _serving(tmp_path) as server:
        until(lambda: _health(server)["status"] == "ok")
        _resume(server, running)
        until(lambda: store.status(running).get("step", 0) > step)
        _resume(server, waiting)
        until(lambda: _health(server)["waiting"] == 1)


def _followed(pid: int) -> bool:
    """Is somebody connected to this server?"""
    connections = psutil.Process(pid).net_connections("tcp")
    return any(each.status == psutil.CONN_ESTABLISHED for each in connections)


def _log_is_json(folder: Path, cookie: str, run_id: str) -> None:
    text = (folder / "server.log").read_text(encoding="utf-8")
    written = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    outcomes = {(line["event"], line.get("outcome")) for line in written}
    assert {("server", "leaves"), ("server", "ended"), ("run", "interrupted")} <= outcomes
    assert not [line for line in written if "traceback" in line]
    after = text[text.index('"outcome": "started"') :]
    assert all(line.startswith("{") for line in after.splitlines()[1:])
    for secret in (cookie.partition("=")[2], run_id, "a sentence", "127.0.0.1", "Python-urllib"):
        assert secret not in after


LEAVES = """
import asyncio, os, signal, sys
from skipviz.operate.leaving import leaving

async def main():
    words, over = [], asyncio.Event()
    loop = asyncio.get_running_loop()
    signal.signal(signal.SIGTERM, lambda *_: (words.append("before"), loop.call_soon_threadsafe(over.set)))
    with leaving(lambda: words.append("leaves")):
        print("ready", flush=True)
        await asyncio.wait_for(over.wait(), 60)
        await asyncio.sleep(0)
    signal.raise_signal(signal.SIGTERM)
    print(sorted(words), flush=True)

asyncio.run(main())
"""  # noqa: E501


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without telling it")
def test_whoever_heard_of_the_end_before_hears_of_it_still() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVES], stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == "['before', 'before', 'leaves']\n"
    assert process.wait(60) == 0
    process.stdout.close()


def test_a_loop_of_another_thread_has_no_signals_and_goes_on() -> None:
    entered = list[bool]()

    def enter() -> None:
        with leaving(lambda: None):
            entered.append(True)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(60)
    assert entered == [True] and signal.getsignal(signal.SIGTERM) is before
