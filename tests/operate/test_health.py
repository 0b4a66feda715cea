"""/healthz and /metrics: what they say of workers and queue, and to whom."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware

from skipviz.access.doors import Doors
from skipviz.core import packages
from skipviz.operate import health, metrics
from skipviz.server.dispatcher import Dispatcher
from skipviz.stream.phones import Phones
from skipviz.stream.routes import Streams
from tests.access.conftest import Set
from tests.synthetic import GrowingRun, track

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

LOCAL, FAR = ("127.0.0.1", 50000), ("192.168.1.9", 50000)
TOKEN = "a token of many letters"


@dataclass
class At:
    """A dispatcher that stands still: what these pages read of one."""

    workers: list[Any] = field(default_factory=list)
    waiting: int = 0
    trouble: str = ""
    closing: bool = False


def worker(*, ready: bool = True, run: object = None, job: object = None) -> Any:
    return SimpleNamespace(ready=ready, run=run, job=job)


def client(at: At, peer: tuple[str, int], tmp_path: Path, streams: Streams | None = None) -> Any:
    def dispatcher() -> Dispatcher:
        return cast(Dispatcher, at)

    figures = metrics.Figures(
        dispatcher, streams or Streams({}.get), Phones(lambda: tmp_path)  # type: ignore[arg-type]
    )  # fmt: skip
    routes = [*health.routes(dispatcher, base="b"), *metrics.routes(figures, base="b")]
    app = Starlette(routes=routes, middleware=[Middleware(Doors, base="b")])
    return TestClient(app, base_url="http://localhost:8501", client=peer)


@pytest.mark.parametrize(
    ("at", "status", "word"),
    [
        (At([worker(), worker(run=1)], waiting=20), 200, "ok"),
        (At([worker(), worker(ready=False)]), 200, "ok"),
        (At([worker(ready=False)]), 503, "starting"),
        (At([worker(ready=False)], trouble="a worker could not start"), 503, "broken"),
        (At([], trouble="a worker could not start"), 503, "broken"),
        (At([worker()], closing=True), 503, "leaving"),
    ],
)
def test_health_is_said_to_anybody(
    at: At, status: int, word: str, tmp_path: Path, set_to: Set
) -> None:
    set_to(guests="nothing")
    for peer in (LOCAL, FAR):
        answer = client(at, peer, tmp_path).get("/b/healthz")
        assert (answer.status_code, answer.json()["status"]) == (status, word)
        assert answer.json()["waiting"] == at.waiting
        assert answer.headers["cache-control"] == "no-store"
        assert client(at, peer, tmp_path).post("/b/healthz").status_code == 403


def test_a_server_without_torch_is_well_without_workers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "untrainable", lambda: "torch is not installed")
    answer = client(At(), FAR, tmp_path).get("/b/healthz")
    assert (answer.status_code, answer.json()["trains"]) == (200, False)


def test_figures_are_off_unless_set_and_no_guest_reads_them(tmp_path: Path, set_to: Set) -> None:
    at = At([worker(), worker(run=1), worker(ready=False), worker(job=1)], waiting=7)
    assert client(at, LOCAL, tmp_path).get("/b/metrics").status_code == 404
    set_to(metrics="true", guests="run")
    assert client(at, FAR, tmp_path).get("/b/metrics").status_code == 403
    assert client(at, FAR, tmp_path).get("/b/_stcore/metrics").status_code == 403
    answer = client(at, LOCAL, tmp_path).get("/b/metrics")
    assert answer.status_code == 200
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert all(key[0].startswith("skipviz_") for key in samples)
    assert samples["skipviz_runs_waiting",] == 7
    states = ("idle", "training", "warming", "measuring")
    assert [samples["skipviz_workers", state] for state in states] == [1] * 4
    assert samples["skipviz_resident_bytes", "web"] > 1e6


def test_figures_count_viewers_and_what_was_packed_for_them(tmp_path: Path, set_to: Set) -> None:
    set_to(metrics="true")
    run = GrowingRun("run", [track("ResNet-2", "resnet", 2)], 40)
    run.grow(30)
    streams = Streams({"run": run}.get)
    with TestClient(Starlette(routes=streams.routes())) as viewer:
        with viewer.websocket_connect("/api/runs/run/live") as one:
            one.receive_text(), one.receive_bytes()
            with viewer.websocket_connect("/api/runs/run/live") as other:
                other.receive_text(), other.receive_bytes()
                text = client(At(), LOCAL, tmp_path, streams).get("/b/metrics").text
    assert "\nskipviz_viewers 2.0\n" in text
    assert "\nskipviz_frames_encoded_total 1.0\n" in text


def test_a_program_with_the_token_reads_the_figures_and_nothing_else(
    tmp_path: Path, set_to: Set
) -> None:
    set_to(metrics="true", metrics_token=TOKEN)
    far = client(At(), FAR, tmp_path)
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert far.get("/b/metrics", headers=bearer).status_code == 200
    assert far.put("/b/_stcore/upload_file/s/f", headers=bearer).status_code == 403
    for wrong in ("Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xff"):
        headers = {"authorization": wrong.encode("latin-1")}
        assert far.get("/b/metrics", headers=headers).status_code == 403, wrong
    set_to(metrics_token="another token, longer")
    assert far.get("/b/metrics", headers=bearer).status_code == 403


def test_health_has_no_secret(tmp_path: Path, set_to: Set) -> None:
    set_to(passphrase="a sentence to be typed", metrics_token=TOKEN)
    text = client(At([worker()]), FAR, tmp_path).get("/b/healthz").text
    assert set(json.loads(text)) == {"status", "trains", "workers", "waiting", "trouble"}
    assert "sentence" not in text and TOKEN not in text
