"""Every kind of message through the real pipe and the real route, and one of a kind that nobody
knows: a sentence in the log, and nothing worse."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.applications import Starlette

from skipviz import engine
from skipviz.core.protocol import (
    Frames,
    Order,
    OrderKind,
    PackedKind,
    PipeKind,
    Report,
    RequestKind,
    TextKind,
    UnknownMessage,
)
from skipviz.server import pipe, process
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.manager import Manager
from skipviz.server.process import Worker
from skipviz.server.run import Run
from skipviz.store.store import Store
from skipviz.stream import messages
from skipviz.stream.routes import routes
from tests import unpacking
from tests.runs.test_manager import experiment, started, until
from tests.synthetic import GrowingRun, track

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

WORKER = """
import os, sys
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
from skipviz.server import pipe
from skipviz.worker import __main__ as worker
send = pipe.send
def send_more(stream, report):
    pipe.write(stream, b"Z", b"of tomorrow")
    send(stream, report)
pipe.send = send_more
worker.main()
"""
"""A real worker that says more than servers know, before everything that it says."""


@pytest.fixture(scope="module")
def worker_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "worker.log"


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """What the server heard of its workers."""
    return []


@pytest.fixture(scope="module")
def manager(
    tmp_path_factory: pytest.TempPathFactory, worker_log: Path, reports: list[Report]
) -> Iterator[Manager]:
    heard = Dispatcher._heard

    def record(dispatcher: Dispatcher, worker: Worker, report: Report) -> None:
        reports.append(report)
        heard(dispatcher, worker, report)

    command = [sys.executable, "-c", WORKER, str(worker_log)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process.child_processes, "command", lambda *words: command)
        patch.setattr(Dispatcher, "_heard", record)
        made = Manager(Store(tmp_path_factory.mktemp("runs")), running=1)
        made.start()
        until(lambda: made.dispatcher.ready)
        yield made
        made.close()


def worker_of(manager: Manager, run: Run) -> Worker:
    return next(worker for worker in manager.dispatcher.workers if worker.run is run)


# --- Server and worker ----------------------------------------------------------------------


def test_every_order_reaches_a_worker_and_every_report_comes_back(
    manager: Manager, reports: list[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    orders, send = list[Order](), pipe.send

    def record(stream: Any, order: Order) -> None:
        orders.append(order)
        send(stream, order)

    monkeypatch.setattr(pipe, "send", record)
    guests = manager.find(manager.submit(experiment(steps=20_000), "browser anna"))
    assert guests is not None
    manager.control(guests.id, "pace", value=50)
    until(lambda: guests.log.n > 0)
    run = started(manager)
    until(lambda: guests.status()["state"] == "queued")
    manager.stop(guests.id)
    manager.control(run.id, "pause")
    until(lambda: run.status()["paused"])
    step = run.status()["step"]
    manager.control(run.id, "step")
    until(lambda: run.status()["step"] == step + 1)
    manager.control(run.id, "pace", value=500)
    manager.control(run.id, "lr", value=0.01)
    until(lambda: (run.status()["pace"], run.status()["lr"]) == (500, 0.01))
    manager.control(run.id, "resume")
    until(lambda: run.status()["step"] > step + 1)
    manager.stop(run.id)
    until(lambda: run.ended)
    assert run.status()["state"] == "stopped" and run.log.n == run.status()["step"]
    assert manager.measure(run.id, "predictions", {"pictures": 3})["step"] == run.log.n
    job = manager.train_choices([experiment(lr=lr) for lr in (0.01, 0.1)])
    until(job.done.is_set)
    assert job.answer.value == {"stopped": False}
    assert {order.do for order in orders} == set(OrderKind)
    assert {type(report) for report in reports} == set(get_args(Report))


def test_an_order_of_an_unknown_kind_is_a_sentence_in_the_log_and_the_worker_trains_on(
    manager: Manager, worker_log: Path
) -> None:
    run = started(manager)
    to_worker = worker_of(manager, run).process.stdin
    assert to_worker is not None
    pipe.write(to_worker, b"Z", b"of tomorrow")
    for order in (b'{"do": "dance", "run": "r"}', b'{"do": "stop"}', b'["stop"]', b"\xff"):
        pipe.write(to_worker, PipeKind.ORDER.value, order)
    manager.control(run.id, "pause")
    until(lambda: run.status()["paused"])  # it has read all that came before
    lines = worker_log.read_text(encoding="utf-8").splitlines()
    said = [line for line in lines if line.startswith("A worker was sent ")]
    assert len(said) == 5 and all(line.endswith("; it goes on without.") for line in said)
    assert "of the unknown kind b'Z'" in said[0] and "'dance'" in said[1]
    step = run.status()["step"]
    manager.control(run.id, "resume")
    until(lambda: run.status()["step"] > step)
    manager.stop(run.id)
    until(lambda: run.ended)
    assert run.status()["state"] == "stopped"


def test_a_report_of_an_unknown_kind_is_a_sentence_in_the_log_and_the_run_is_kept(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    run = manager.find(manager.submit(experiment()))
    assert run is not None
    until(lambda: run.ended)
    assert run.status()["state"] == "finished"
    wanted = [frame.lanes[0].loss for frame in engine.train(experiment())]
    assert [run.log.frame(step).lanes[0].loss for step in range(30)] == wanted
    sentence = "A worker sent a message of the unknown kind b'Z'; the server goes on without."
    assert sentence in caplog.messages


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"S", b"no JSON"),
        (b"S", b'{"run": "r"}'),
        (b"S", b'{"run": "r", "state": "asleep"}'),
        (b"H", b'{"devices": []}'),
        (b"P", b'{"value": {}}'),
        (b"O", b'{"share": 1}'),
        (b"C", b'{"do": "stop", "run": "r"}'),
    ],
)
def test_a_report_that_lacks_what_its_kind_has_is_passed_over(
    kind: bytes, body: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (tmp_path / "pipe").open("wb") as out:
        pipe.write(out, kind, body)
        pipe.send(out, Frames(b"Arrow"))
        out.write(b"A\x09\x00\x00\x00cut")
    with (tmp_path / "pipe").open("rb") as stream:
        assert list(pipe.reports(stream)) == [Frames(b"Arrow")]
    (sentence,) = caplog.messages
    assert sentence.startswith("A worker sent ") and "\n" not in sentence


# --- Server and browser ---------------------------------------------------------------------


@pytest.fixture
def run() -> GrowingRun:
    """A gated lane: it has maps."""
    growing = GrowingRun("gated", [track("Highway-4", "highway", 4, cells=5)], 400)
    growing.grow(30)
    return growing


@pytest.fixture
def client(run: GrowingRun) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes({"gated": run}.get))) as made:
        yield made


def test_every_kind_of_message_goes_to_a_browser_and_every_request_is_answered(
    client: TestClient,
) -> None:
    home = "/api/runs/gated"
    with client.websocket_connect(f"{home}/live?sample=0") as socket:
        texts = [json.loads(socket.receive_text())]
        packed = [socket.receive_bytes(), socket.receive_bytes()]
        for request, step in ((RequestKind.GET_STEP, 17), (RequestKind.SHOW_SAMPLE, 1)):
            socket.send_json({request: step})
            packed.append(socket.receive_bytes())
    packed += unpacking.split(client.get(f"{home}/profiles?steps=3").content)
    texts.append(json.loads(unpacking.split(client.get(f"{home}/poll?from=20").content)[0]))
    texts.append(json.loads(unpacking.split(client.get("/api/runs/gone/poll").content)[0]))
    assert [text["type"] for text in texts] == list(TextKind)
    kinds = [PackedKind(message[0]) for message in packed]
    assert kinds[2:4] == [PackedKind.EXACT, PackedKind.MAPS]
    assert set(kinds) == set(PackedKind) and len(RequestKind) == 2


def test_a_request_of_an_unknown_kind_is_one_sentence_in_the_log_and_the_stream_goes_on(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with client.websocket_connect("/api/runs/gated/live") as socket:
        socket.receive_text()
        socket.receive_bytes()
        for nonsense in ('{"dance": 1}', "no JSON", '{"get": 1, "sample": 2}', '{"get": null}'):
            socket.send_text(nonsense)
        socket.send_bytes(b"\x00")
        socket.send_json({"get": 17})
        assert socket.receive_bytes()[0] == PackedKind.EXACT
    said = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert said == [
        "A browser sent a request of an unknown kind ('{\"dance\": 1}'); its charts go on without."
    ]


@pytest.mark.parametrize("kind", RequestKind)
@pytest.mark.parametrize("number", [10**15 + 1, -(10**40), 1e300])
def test_a_number_that_no_step_has_is_no_request(kind: str, number: float) -> None:
    with pytest.raises(UnknownMessage):
        messages.request(json.dumps({kind: number}))


def test_what_is_no_request_is_named_in_short() -> None:
    with pytest.raises(UnknownMessage) as error:
        messages.request("x" * 10_000)
    assert len(str(error.value)) < 120
