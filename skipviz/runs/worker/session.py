"""One run inside a worker: trains, writes the run's folder, and sends the same bytes to the
server."""

from __future__ import annotations

import io
import os
import platform
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import psutil
import torch

from skipviz import engine
from skipviz.declarations import probe
from skipviz.engine import device as devices
from skipviz.engine.trained import load
from skipviz.frame import Frame
from skipviz.runs import pipe
from skipviz.runs.frames import Writer, schema
from skipviz.runs.store import write_json
from skipviz.runs.tracks import tracks
from skipviz.spec import Experiment, Lane, SpecError

if TYPE_CHECKING:
    from skipviz.runs.worker.__main__ import Orders

FLUSH_S = 0.1
"""Frames are kept back no longer than this: ten messages a second, and a file that is never
older."""

CHECKPOINT_S = 5.0


def hello() -> dict[str, Any]:
    """Warms up (the first step of any optimiser imports lazily for a second) and says what is
    here."""
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 2})
    for _ in engine.train(Experiment(lanes=[lane], steps=2, device="cpu")):
        pass
    return {"devices": devices.available(), "machine": machine()}


def machine() -> dict[str, Any]:
    """Versions and hardware: what a run must carry to be believed."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "devices": devices.available(),
        **{name: version(name) for name in ("torch", "torchvision", "numpy", "streamlit")},
    }


class Session:
    """One order of the server carried out: {"run": id, "experiment": JSON, "folder": path or
    None}."""

    def __init__(self, order: dict[str, Any], orders: Orders, out: BinaryIO) -> None:
        self.run_id: str = order["run"]
        self.experiment = Experiment.from_json(order["experiment"])
        self.folder = Path(order["folder"]) if order["folder"] else None
        self.orders, self.out = orders, out
        me = psutil.Process()
        self.status: dict[str, Any] = {
            "state": "running",
            "steps": self.experiment.steps,
            "step": 0,
            "worker": {"pid": me.pid, "started": me.create_time()},
        }
        self.file: Any = None
        self.waiting: list[Frame] = []
        self.times: list[float] = []

    def run(self) -> None:
        """Trains to the end, a stop, or a failure; every way out leaves a whole folder and a
        status."""
        try:
            self._train()
        except SpecError as error:
            self._end("failed", str(error))
        except (torch.OutOfMemoryError, MemoryError):
            self._end(
                "failed", "the device ran out of memory; take less depth, width or batch size"
            )
        except BrokenPipeError:
            raise
        except Exception as error:
            traceback.print_exc()
            first = (str(error) or type(error).__name__).splitlines()[0]
            self._end("failed", f"training broke off: {first}")
        finally:
            if self.file is not None:
                self.file.close()

    def _train(self) -> None:
        training = engine.Training(self.experiment)
        self.status["device"] = str(training.device)
        self._open()
        self.status["began"] = time.time()
        began = flushed = saved = time.monotonic()
        for frame in training.frames():
            now = time.monotonic()
            self.waiting.append(frame)
            self.times.append(now - began)
            leaving = self.run_id in self.orders.stopped or self.orders.gone.is_set()
            if now - flushed >= FLUSH_S or frame.step == 0 or leaving:
                self._flush(now - began)
                flushed = time.monotonic()
            if leaving:
                break
            if now - saved >= CHECKPOINT_S:
                self._checkpoint(training)
                saved = time.monotonic()
        self._flush(time.monotonic() - began)
        self._checkpoint(training)
        self._end(*self._outcome(training))

    def _outcome(self, training: engine.Training) -> tuple[str, str]:
        if training.step >= self.experiment.steps:
            return "finished", ""
        if self.run_id in self.orders.stopped:
            return "stopped", f"stopped after {training.step} steps"
        return "interrupted", "the server ended"

    def _open(self) -> None:
        arrow = schema(self.experiment.to_json(), tracks(self.experiment))
        self.writer = Writer(arrow)
        if self.folder is not None:
            write_json(self.folder / "machine.json", machine())
            self.file = (self.folder / "frames.arrow").open("ab")
        self._put(self.writer.start())
        self._tell()

    def _flush(self, seconds: float) -> None:
        """Writes the frames kept back: to the file, then to the server."""
        if not self.waiting:
            return
        self.status["step"] = self.waiting[-1].step + 1
        self.status["steps_per_s"] = round(self.status["step"] / max(seconds, 1e-6), 1)
        data = self.writer.batch(self.waiting, self.times)
        self.waiting, self.times = [], []
        self._put(data)
        self._tell()

    def _put(self, data: bytes) -> None:
        if self.file is not None:
            self.file.write(data)
            self.file.flush()
        if not self.orders.gone.is_set():
            pipe.send(self.out, b"A", data)

    def _tell(self) -> None:
        if self.folder is not None:
            write_json(self.folder / "status.json", self.status)
        if not self.orders.gone.is_set():
            pipe.send_json(self.out, b"S", self.status | {"run": self.run_id})

    def _checkpoint(self, training: engine.Training) -> None:
        """Weights, optimiser and step, replaced in one piece."""
        if self.folder is None:
            return
        buffer = io.BytesIO()
        torch.save(training.state(), buffer)
        half = self.folder / "checkpoint.half"
        half.write_bytes(buffer.getvalue())
        os.replace(half, self.folder / "checkpoint.pt")

    def _end(self, state: str, message: str) -> None:
        self.status |= {"state": state, "message": message}
        self._tell()
        sys.stderr.flush()


def answer(order: dict[str, Any]) -> dict[str, Any]:
    """Measures a stored run with a probe: {"folder": path, "probe": key, "options": {…},
    "turn": which of its seeds, from 0}.

    The answer is {"value": …}, or {"error": one sentence}.
    """
    try:
        declared = probe(order["probe"])
        options = declared.options(order["options"])
        return {"value": declared.measure(load(Path(order["folder"]), order["turn"]), **options)}
    except SpecError as error:
        return {"error": str(error)}
    except (torch.OutOfMemoryError, MemoryError):
        return {"error": "probe: the device ran out of memory"}
    except Exception as error:
        traceback.print_exc()
        first = (str(error) or type(error).__name__).splitlines()[0]
        return {"error": f"probe: the measurement broke off: {first}"}
