"""One run inside a worker: trains, writes the run's folder, and sends the same bytes to the
server."""

from __future__ import annotations

import io
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import BinaryIO

import torch

from skipviz import engine
from skipviz.core.atomic_files import replace, write_json
from skipviz.core.experiment import Experiment
from skipviz.core.frame import Frame
from skipviz.core.knob import SpecError
from skipviz.core.protocol import (
    Answer,
    Frames,
    LearningRateChange,
    Measure,
    Progress,
    Report,
    State,
    Status,
    Train,
)
from skipviz.core.registry import probe
from skipviz.core.schedule import base
from skipviz.engine.out_of_memory import give_back, is_out_of_memory
from skipviz.engine.trained import load
from skipviz.server import pipe
from skipviz.server.needs import reduce
from skipviz.store import data_origin
from skipviz.store.frame_log import Writer, schema
from skipviz.store.lane_axes import lane_axes
from skipviz.store.rewrite import rewrite
from skipviz.store.store import this_process, write_experiment
from skipviz.worker.control import Clock, Control, Wish
from skipviz.worker.frames_file import FULL, FramesFile
from skipviz.worker.machine import machine

FLUSH_S = 0.1
"""Frames are kept back no longer than this: ten messages a second, and a file that is never
older."""

FLUSH_FRAMES = 1000
"""Nor many more of them than this: one message stays small, however fast the steps are."""

CHECKPOINT_S = 5.0


class Session:
    """The order to train one run, carried out.

    control          what is ordered later
    server_gone      set when there is no server any more
    memory_ran_out   whether that is how it ended
    """

    def __init__(
        self, order: Train, control: Control, server_gone: threading.Event, out: BinaryIO
    ) -> None:
        self.run_id = order.run
        self.experiment = Experiment.from_json(order.experiment)
        self.folder = Path(order.folder) if order.folder else None
        self.resumes = order.resume and self.folder is not None
        self.begins_with = order.begins_with
        self.control = control
        self.server_gone, self.out = server_gone, out
        self.status: Status = {
            "state": "running",
            "steps": self.experiment.steps,
            "step": 0,
            "paused": False,
            "pace": 0.0,
            "heard": 0,
            "worker": this_process(),
        }
        self.memory_ran_out = False
        self.file: FramesFile | None = None
        self.waiting: list[Frame] = []
        self.times: list[float] = []

    def run(self) -> None:
        """Trains to the end, a stop, or a failure; every way out leaves a whole folder and a
        status."""
        try:
            self._train()
        except SpecError as error:
            self._end("failed", str(error))
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                self._end_for_room()
            elif is_out_of_memory(error):
                self.memory_ran_out = True
                self._end("failed", f"memory ran out: {reduce(self.experiment)}")
            else:
                traceback.print_exc()
                first = (str(error) or type(error).__name__).splitlines()[0]
                self._end("failed", f"training broke off: {first}")
        finally:
            if self.file is not None:
                self.file.close()

    def _train(self) -> None:
        self.training = self._begin()
        self.status["device"] = str(self.training.device)
        self.clock = Clock(self._open())
        self.clocked = self.clock.read()
        self.clock.speed(self.training.step)
        self.status["began"] = time.time() - self.clock.read()
        self._report_step()
        self.flushed = self.saved = self.let_go = time.monotonic()
        self.control.wait_for(self.begins_with)
        if self._obey():
            for frames in self.training.steps():
                self._record(frames)
                if self.training.over:
                    self._flush()  # before the nets are settled, which may take a second
                elif not self._obey():
                    break
        self._flush()
        self._checkpoint()
        self._sign()
        self._end(*self._outcome())

    def _begin(self) -> engine.Training:
        """The training at its first step; of a run that goes on, at its checkpoint.

        Where there is no whole checkpoint it begins again: the frames come out the same.
        """
        training = engine.Training(self.experiment)
        if training.experiment != self.experiment and self.folder is not None:  # it said `auto`
            write_experiment(self.folder, training.experiment)
        self.experiment = training.experiment
        if self.resumes and self.folder is not None:
            try:
                state = torch.load(self.folder / "checkpoint.pt", "cpu", weights_only=True)
            except Exception:  # a file that is missing or torn: torch raises what it stumbles over
                return training
            training.load(state)
            self.experiment = training.experiment
        return training

    def _open(self) -> float:
        """Opens the frames, cut back to the training's step; the seconds trained until there."""
        self.schema = schema(self.experiment.to_json(), lane_axes(self.experiment))
        self.writer = Writer(self.schema)
        so_far, head = 0.0, self.writer.start()
        if self.folder is not None:
            write_json(self.folder / "machine.json", machine())
            if not self.resumes:  # one that goes on keeps what it began with
                write_json(
                    self.folder / data_origin.FILE, data_origin.describe(self.experiment.data)
                )
            path = self.folder / "frames.arrow"
            if self.resumes and path.is_file() and path.stat().st_size:
                so_far = rewrite(path, self.schema, before=self.training.step)
            self.file = FramesFile(path)
            if not self.file.whole:
                self.file.append(head)
        self._send(Frames(head))
        return so_far

    def _record(self, frames: list[Frame]) -> None:
        """Keeps frames back for a moment, so that there are ten messages a second; saves the
        weights every few seconds."""
        now = time.monotonic()
        self._keep(frames)
        is_full = len(self.waiting) >= FLUSH_FRAMES
        if is_full or now - self.flushed >= FLUSH_S or self.training.step == 1:
            self._flush()
        if now - self.saved >= CHECKPOINT_S:
            self._flush()
            self._checkpoint()

    def _keep(self, frames: list[Frame]) -> None:
        """Frames that come together are spread over the time since those before them."""
        if frames:
            now = self.clock.read()
            share = (now - self.clocked) / len(frames)
            self.times += [now - share * k for k in range(len(frames) - 1, -1, -1)]
            self.clocked = now
            self.waiting += frames

    def _obey(self) -> bool:
        """Between two steps: does what was ordered, and waits while the run is paused and for its
        turn in slow motion. False where the run is to end here."""
        at_rest = False
        while not self.control.leaving:
            wish = self.control.take()
            reported = wish.heard == self.status["heard"]
            self._heed(wish)
            if wish.single:
                break
            if wish.paused:
                self.clock.stop()
                if not (at_rest and reported):
                    self._rest(save=not at_rest)
                at_rest = True
                self.control.wait(None)
                continue
            if not reported:
                self._show()
            patience = self.let_go + 1 / wish.pace - time.monotonic() if wish.pace else 0.0
            if patience <= 0:
                break
            if patience > FLUSH_S:
                self._flush()
            self.control.wait(patience)
        self.clock.go()
        self.let_go = time.monotonic()
        return not self.control.leaving

    def _heed(self, wish: Wish) -> None:
        """Takes a wish into the status; a new learning rate also into the run's experiment, before
        any step is made with it."""
        if wish.lr is not None:
            self.training.change(wish.lr)
            self.experiment = self.training.experiment
            if self.folder is not None:
                write_experiment(self.folder, self.experiment)
        if wish.pace != self.status["pace"]:
            self.clock.forget()
        self.status |= {"paused": wish.paused, "pace": wish.pace, "heard": wish.heard}

    def _rest(self, save: bool) -> None:
        """The run stands still: all that is known of it is shown and saved."""
        self._show()
        if save:
            self._checkpoint()

    def _show(self) -> None:
        """Tells how far the run is, after the frames until there."""
        self._keep(self.training.read())
        if self.waiting:
            self._flush()
        else:
            self._report_step()

    def _outcome(self) -> tuple[State, str]:
        step = self.training.step
        if self.training.over:
            return "finished", self._which_budget()
        if self.control.stopped:
            return "stopped", f"stopped after {step} steps"
        if self.control.gives_way and not self.control.gone:
            return "interrupted", f"gave way to others after {step} steps"
        return "interrupted", "the server ended"

    def _which_budget(self) -> str:
        """Of a run with a budget in seconds: whether it or the steps came first."""
        step, steps, seconds = self.training.step, self.experiment.steps, self.experiment.seconds
        if not seconds:
            return ""
        if step < steps:
            return f"the {seconds:g} seconds were over after {step} of {steps} steps"
        return f"all {steps} steps were done before the {seconds:g} seconds were over"

    def _flush(self) -> None:
        """Writes the frames kept back: to the file, then to the server."""
        self._keep(self.training.read())
        self.flushed = time.monotonic()
        if not self.waiting:
            return
        self.status["steps_per_s"] = round(self.clock.speed(self.training.step), 1)
        data = self.writer.batch(self.waiting, self.times)
        self.waiting, self.times = [], []
        if self.file is not None:
            self.file.append(data)
        self._send(Frames(data))
        self._report_step()

    def _send(self, report: Report) -> None:
        """Sends to the server. One that is gone is left at the next step, like one that said so:
        the broken pipe may be seen before the end of the orders is."""
        if self.server_gone.is_set():
            return
        try:
            pipe.send(self.out, report)
        except BrokenPipeError:
            self.server_gone.set()
            self.control.leave()

    def _report_step(self) -> None:
        """Says how far the run is, with the learning rate that holds there and its changes."""
        step = self.training.step
        changes: list[LearningRateChange] = [
            {"step": change.step, "lr": change.lr} for change in self.experiment.changes
        ]
        self.status |= {"step": step, "lr": base(self.experiment, step), "changes": changes}
        self.status["engines"] = self.training.engines
        if self.experiment.seconds:
            spent_s = round(self.training.spent_s, 1)
            self.status |= {"seconds": self.experiment.seconds, "spent_s": spent_s}
        self._report()

    def _report(self) -> None:
        if self.folder is not None:
            write_json(self.folder / "status.json", self.status)
        self._send(Progress(self.run_id, self.status))

    def _end_for_room(self) -> None:
        """The disk is full: all frames until here are in the file. What a half checkpoint takes is
        given back, so that a status can be written."""
        folder = self.folder or Path(self.run_id)
        for half in (*folder.glob("*.half"), *folder.glob("half-*")):
            half.unlink(missing_ok=True)
        step = self.status["step"]
        sentence = f"the disk is full: the frames of {step} steps are kept; make room, then resume"
        self._end("interrupted", sentence)

    def _checkpoint(self) -> None:
        """Weights, optimiser and step, replaced in one piece."""
        self.saved = time.monotonic()
        if self.folder is None:
            return
        buffer = io.BytesIO()
        torch.save(self.training.state(), buffer)
        half = self.folder / "checkpoint.half"
        half.write_bytes(buffer.getvalue())
        replace(half, self.folder / "checkpoint.pt")

    def _sign(self) -> None:
        """Writes into the frames' head what was changed while they were made."""
        changed = schema(self.experiment.to_json(), lane_axes(self.experiment))
        if self.file is None or self.folder is None:
            return
        if not changed.equals(self.schema, check_metadata=True):
            self.file.close()
            self.file = None
            rewrite(self.folder / "frames.arrow", changed)

    def _end(self, state: State, message: str) -> None:
        self.status |= {"state": state, "message": message, "paused": False}
        try:
            self._report()
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._send(Progress(self.run_id, self.status))
        sys.stderr.flush()


def answer(order: Measure) -> Answer:
    """Measures a stored run with a probe."""
    try:
        declared = probe(order.probe)
        trained = load(Path(order.folder), order.seed_index)
        return Answer(order.job, trained.ask(declared, order.options))
    except SpecError as error:
        sentence = str(error)
    except Exception as error:
        if is_out_of_memory(error):
            sentence = "probe: memory ran out; measure when no run trains, or a smaller net"
            give_back()
        else:
            traceback.print_exc()
            first = (str(error) or type(error).__name__).splitlines()[0]
            sentence = f"probe: the measurement broke off: {first}"
    return Answer(order.job, error=sentence)
