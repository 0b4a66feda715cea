"""A session whose device is read in batches: frames come late, and none is lost."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import OrderKind, Steer, Stop, Train
from skipviz.engine import cuda_graph
from skipviz.worker import session as session_of_worker
from skipviz.worker.control import Control
from skipviz.worker.session import Session
from tests.runs.test_manager import until

RESNET = Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})
STEPS = cuda_graph.ROWS + 12


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are recorded as on CUDA, where there is no kernel; what repeats them is the step
    itself."""
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    monkeypatch.setattr(cuda_graph, "claims", lambda device: True)
    monkeypatch.setattr(cuda_graph, "recorded", lambda body: body)


def session(folder: Path, **fields: Any) -> Session:
    values = {"lanes": [RESNET], "steps": STEPS, "batch_size": 4, "device": "cpu", "pool": 1}
    order = Train("r", Experiment(**(values | fields)).to_json(), str(folder), resume=True)
    folder.mkdir(exist_ok=True)
    return Session(order, Control(), server_gone=threading.Event(), out=io.BytesIO())


def table(folder: Path) -> Any:
    return pa.ipc.open_stream(folder / "frames.arrow").read_all()


@pytest.mark.usefixtures("late")
def test_every_step_of_a_recorded_run_is_in_its_file_at_a_time_of_its_own(tmp_path: Path) -> None:
    made = session(tmp_path)
    made.run()
    assert made.status["state"] == "finished", made.status
    assert made.status["engines"] == ["CUDA graph"]
    frames = table(tmp_path)
    assert frames["step"].to_pylist() == list(range(STEPS))
    times = np.array(frames["time_s"])
    assert (np.diff(times) > 0).all() and times[0] > 0


@pytest.mark.usefixtures("late")
def test_a_step_made_by_hand_is_shown_at_once(tmp_path: Path) -> None:
    made = session(tmp_path)
    made.control.hear(Steer(OrderKind.PAUSE, "r", 1))
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        for n in range(1, 4):
            made.control.hear(Steer(OrderKind.STEP, "r", 1 + n))
            until(lambda n=n: made.status["step"] == n and not made.waiting)
            assert table(tmp_path)["step"].to_pylist() == list(range(n))
    finally:
        made.control.hear(Stop("r"))
        thread.join(120)
    assert not thread.is_alive() and made.status["state"] == "stopped"


@pytest.mark.usefixtures("late")
def test_a_recorded_run_that_was_stopped_goes_on_without_a_gap(tmp_path: Path) -> None:
    whole = session(tmp_path / "whole")
    whole.run()
    first = session(tmp_path / "parts")
    record = first._record

    def until_seven(frames: list[Any]) -> None:
        record(frames)
        if first.training.step == 7:
            first.control.hear(Stop("r"))

    first._record = until_seven  # type: ignore[method-assign]
    first.run()
    assert table(tmp_path / "parts")["step"].to_pylist() == list(range(7))
    session(tmp_path / "parts").run()
    both, one = table(tmp_path / "parts"), table(tmp_path / "whole")
    assert both["step"].to_pylist() == list(range(STEPS))
    name = next(name for name in one.column_names if "loss" in name)
    assert both[name].to_pylist() == one[name].to_pylist()


@pytest.mark.usefixtures("late")
def test_the_page_is_told_why_a_graph_could_not_be_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(body: cuda_graph.Body) -> cuda_graph.Body:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(cuda_graph, "recorded", fails)
    made = session(tmp_path)
    with pytest.warns(UserWarning, match="training runs without it"):
        made.run()
    assert made.status["state"] == "finished"
    assert made.status["engines"] == [
        "modules (no CUDA graph: operation not permitted when stream is capturing)"
    ]


def test_a_message_has_a_bounded_number_of_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_of_worker, "FLUSH_FRAMES", 10)
    monkeypatch.setattr(session_of_worker, "FLUSH_S", 1e9)
    dense = Lane(family="plain", knobs={"backbone": "dense", "depth": 2})
    session(tmp_path, lanes=[dense], steps=35).run()
    batches = pa.ipc.open_stream(tmp_path / "frames.arrow")
    assert [batch.num_rows for batch in batches] == [1, 10, 10, 10, 4]
