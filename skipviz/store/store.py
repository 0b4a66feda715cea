"""Runs on disk: one folder a run, named by its id.

<id>/experiment.json   the Experiment
<id>/frames.arrow      every frame: an Arrow IPC stream, readable to its last whole batch
<id>/status.json       state, last step, message, worker process; replaced as a whole, never half
<id>/machine.json      versions and hardware
<id>/checkpoint.pt     weights, optimiser state, step
<id>/guest.json        the guest who began it; none where the lecturer did
<id>/data.json         which data it was trained on, with its fingerprint (`runs.origin`)

Beside them are the recordings that come with the program (`runs.recordings`): read, never written.
"""

from __future__ import annotations

import re
import secrets
import shutil
from pathlib import Path
from typing import Any, cast

import psutil

from skipviz.core import places
from skipviz.core.atomic_files import read_json, write_json, write_text
from skipviz.core.experiment import Experiment
from skipviz.core.guest import BROWSER, LECTURER
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import ENDED, STATES, ProcessMark, Status
from skipviz.store import data_origin

GUEST_FILE = "guest.json"

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_RECORDED = re.compile(r"recorded\.([a-z0-9_]{1,40})\.([a-z0-9_]{1,40})")


class Store:
    """The folder of all runs, and that of the recordings. Paths are made from checked ids alone."""

    def __init__(self, root: Path | None = None, recordings: Path | None = None) -> None:
        self.root = root or places.runs()
        self.recordings = recordings or places.recordings()

    @staticmethod
    def new_id() -> str:
        """An id that nobody guesses, of 128 random bits: none that begins with a dash, which a
        command line takes for an option."""
        while (run_id := secrets.token_urlsafe(16)).startswith("-"):
            continue
        return run_id

    @staticmethod
    def is_id(name: str) -> bool:
        """Can this be the id of a run that was made here?"""
        return bool(_ID.fullmatch(name))

    @staticmethod
    def is_recorded(run_id: str) -> bool:
        """Is this the id of a recording: "recorded.<scene>.<name of the run>"?"""
        return bool(_RECORDED.fullmatch(run_id))

    def folder(self, run_id: str) -> Path:
        """The folder of a run, there or not; SpecError for what cannot be an id."""
        if isinstance(run_id, str) and (recorded := _RECORDED.fullmatch(run_id)):
            return self.recordings / recorded[1] / recorded[2]
        if not isinstance(run_id, str) or not _ID.fullmatch(run_id):
            raise SpecError(
                f"run '{str(run_id)[:40]}': there is no such run; its address may be cut"
            )
        return self.root / run_id

    def existing(self, run_id: str) -> Path:
        """The folder of a stored run, no recording. SpecError where there is none."""
        folder = self.folder(run_id)
        if not self.is_id(run_id) or not (folder / "experiment.json").is_file():
            raise SpecError(f"run {show(run_id)}: there is no such run on this machine")
        return folder

    def create(self, run_id: str, experiment: Experiment, guest: str = LECTURER) -> Path:
        """Makes the folder of a new run and writes its experiment, and the guest who began it if he
        is known again. SpecError for a recording's id, and where the disk takes nothing."""
        if self.is_recorded(run_id):
            raise SpecError(f"run '{run_id}': a recording is not written to; start another run")
        folder = self.folder(run_id)
        with places.disk_errors(self.root):
            try:
                folder.mkdir(parents=True)
                (folder / "experiment.json").write_text(experiment.to_json(), encoding="utf-8")
                write_json(folder / "status.json", {"state": "queued", "steps": experiment.steps})
                if guest.startswith(BROWSER):
                    write_json(folder / GUEST_FILE, {"guest": guest})
            except OSError:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return folder

    def experiment(self, run_id: str) -> Experiment:
        """The experiment of a stored run; SpecError where there is none. Where its set is gone,
        another stands in for it."""
        folder = self.folder(run_id)
        if not (folder / "experiment.json").is_file():
            raise SpecError(f"run '{run_id}': there is no such run on this machine")
        return experiment_in(folder)

    def data(self, run_id: str) -> dict[str, Any]:
        """What the run keeps of its data set; empty for one from before fingerprints."""
        return data_in(self.folder(run_id))

    def guest(self, run_id: str) -> str:
        """The guest who began a run; "" for the lecturer's, and for one who is not known again."""
        guest = read_json(self.folder(run_id) / GUEST_FILE).get("guest")
        return guest if isinstance(guest, str) else LECTURER

    def status(self, run_id: str) -> Status:
        """A run's status; a run whose worker is gone without a word is `interrupted`."""
        return status_in(self.folder(run_id))

    def runs(self) -> list[str]:
        """The ids of all stored runs, the newest first. SpecError where their folder cannot be
        read."""
        try:
            with places.disk_errors(self.root):
                there = list(self.root.iterdir())
        except SpecError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []
            raise
        folders = [p for p in there if _ID.fullmatch(p.name) and (p / "experiment.json").is_file()]
        return [p.name for p in sorted(folders, key=lambda p: p.stat().st_mtime, reverse=True)]


def machine_name(folder: Path, device: str) -> str:
    """What a stored run was trained on, by name; "" where its machine.json does not say."""
    machine = read_json(folder / "machine.json")
    devices = machine.get("devices")
    named = [str(each.get("name", "")) for each in devices if each.get("key") == device] if (
        isinstance(devices, list)) else []  # fmt: skip
    processor = str(machine.get("processor", "")) if device == "cpu" else ""
    return processor or next(iter(named), "")


def write_experiment(folder: Path, experiment: Experiment) -> None:
    """Replaces a run's experiment, to the letter as `create` writes it: by that it is known."""
    write_text(folder / "experiment.json", experiment.to_json())


def experiment_in(folder: Path) -> Experiment:
    """The experiment of the run in a folder; where its set is gone, another stands in for it.
    SpecError."""
    text = (folder / "experiment.json").read_bytes()
    return Experiment.from_json(data_origin.with_stand_in(text, data_in(folder)))


def data_in(folder: Path) -> dict[str, Any]:
    """What the run in a folder keeps of its data set; empty for one from before fingerprints."""
    return read_json(folder / data_origin.FILE)


def status_in(folder: Path) -> Status:
    """The status of the run in a folder; `interrupted` where its worker is gone without a word."""
    status = cast(Status, read_json(folder / "status.json"))
    if status.get("state") not in STATES:
        return {"state": "interrupted", "message": "its status could not be read"}
    if status["state"] not in ENDED and not _runs(status.get("worker")):
        message = "its worker ended without a word"
        status |= {"state": "interrupted", "message": message, "paused": False}
    return status


def this_process() -> ProcessMark:
    """What a status says of the process that writes it."""
    process = psutil.Process()
    return {"pid": process.pid, "started": process.create_time()}


def _runs(worker: ProcessMark | None) -> bool:
    """Does the process that a status names still run? One that is dead and was never asked how it
    ended, as in a container whose first process asks nobody, does not."""
    if worker is None:
        return False
    try:
        process = psutil.Process(worker["pid"])
        same = abs(process.create_time() - worker["started"]) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False
