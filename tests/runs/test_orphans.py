"""No process outlives the one that it works for, whatever it is at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import Hello, Measure
from skipviz.server import pipe
from skipviz.store.store import Store
from tests.runs.test_manager import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEEP = Lane(family="resnet", knobs={"backbone": "dense", "depth": 200})


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_worker_that_is_measuring_ends_when_its_input_does(tmp_path: Path) -> None:
    store, experiment = Store(tmp_path), Experiment(lanes=[DEEP], steps=2, device="cpu")
    folder = store.create(store.new_id(), experiment)
    torch.save(engine.Training(experiment).state(), folder / "checkpoint.pt")
    worker = subprocess.Popen(
        [sys.executable, "-m", "skipviz.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert worker.stdin is not None and worker.stdout is not None
    reports = pipe.reports(worker.stdout)
    assert isinstance(next(reports), Hello)
    before = sum(psutil.Process(worker.pid).cpu_times()[:2])
    options = {"points": 51, "samples": 1500}
    pipe.send(worker.stdin, Measure(1, str(folder), "landscape", options, seed_index=0))
    until(lambda: sum(psutil.Process(worker.pid).cpu_times()[:2]) > before + 1)
    worker.stdin.close()
    assert not list(reports), "the measurement was over before its end was"
    worker.stdout.close()
    assert worker.wait(15) == 0


IN_A_STEP_WITHOUT_END = """
import sys, threading
from skipviz.worker import __main__ as worker

worker.PATIENCE_S = 0.1
orders = worker.Orders(sys.stdin.buffer)
orders.working.set()
print("under way", flush=True)
threading.Event().wait()
"""


def test_a_step_that_does_not_end_does_not_keep_a_worker_alive() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-c", IN_A_STEP_WITHOUT_END],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert worker.stdin is not None and worker.stdout is not None
    assert worker.stdout.readline().strip() == b"under way"
    worker.stdin.close()
    assert worker.wait(30) == 1
    worker.stdout.close()


def test_scenes_that_train_at_once_end_with_the_command_that_started_them() -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "skipviz", "scene", "--all", "--json"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    above = psutil.Process(command.pid)
    until(lambda: above.children() or command.poll() is not None)
    scenes = above.children()
    assert scenes
    command.kill()
    command.wait()
    until(lambda: all(map(gone, scenes)))
