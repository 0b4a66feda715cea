"""What a scene measured, kept on disk, so that it is judged again without being trained again.

    keep(folder, scene, experiments) -> Gathered     trains, asks, keeps
    kept(folder, scene, experiments) -> Gathered     what was kept
    digest(evidence, scene)                          equal where all that it shows is equal

A folder holds `RUN.arrow`, the frames of a run, `answers.json`, those to the scene's asks, and
`about.json`: which files of the package made them, and of which runs.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipviz.core import atomic_files, places, strict_json
from skipviz.core.experiment import Experiment
from skipviz.core.scene import Ask, Scene
from skipviz.store.evidence import Gathered
from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import MAPS

READ_ONLY = ("scenes/", "cli/", "mutants/", "core/scene.py", "core/final.py")
"""Files that judge what was measured, or ask for it: evidence stays when they change."""


def of_files(package: Path) -> dict[str, str]:
    """The hash of every file of a copy of the package that may have a part in evidence."""
    sources = [path for path in package.rglob("*") if path.suffix in (".py", ".c", ".h")]
    paths = [path.relative_to(package).as_posix() for path in sources]
    return {
        path: hashlib.sha256((package / path).read_bytes()).hexdigest()
        for path in sorted(paths)
        if not path.startswith(READ_ONLY)
    }


def of_runs(scene: Scene, experiments: Mapping[str, Experiment]) -> str:
    """The hash of what is trained and asked."""
    asks = [[ask.name, ask.probe, dict(ask.options), ask.run] for ask in scene.asks]
    runs = [[name, experiment.to_json()] for name, experiment in experiments.items()]
    return hashlib.sha256(strict_json.dumps([runs, asks]).encode()).hexdigest()


def about(folder: Path) -> dict[str, Any]:
    """What is said of the evidence in a folder; empty where there is none that is whole."""
    return atomic_files.read_json(folder / "about.json")


def stands(known: Mapping[str, Any], files: Mapping[str, str], runs: str) -> bool:
    """Is evidence of these runs, and are the files that made it as they were?"""
    made_by = known.get("files", {})
    same = all(files.get(path) == value for path, value in made_by.items())
    return bool(made_by) and same and known.get("runs") == runs


def keep(folder: Path, scene: Scene, experiments: Mapping[str, Experiment]) -> Gathered:
    """Trains and asks; what came of it stands in the folder. Whatever a program with a fault in it
    raises."""
    from skipviz.worker.rehearsal import gather

    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "about.json").unlink(missing_ok=True)
    files = {name: open(folder / f"{name}.arrow", "wb") for name in experiments}
    try:
        evidence = gather(scene, experiments, keep=lambda run, data: files[run].write(data))
    finally:
        for file in files.values():
            file.close()
    answers = {ask.name: evidence.ask(ask.name) for ask in scene.asks}
    atomic_files.write_json(folder / "answers.json", answers)
    note(folder, scene, experiments, time.monotonic() - began)
    return evidence


def note(
    folder: Path, scene: Scene, experiments: Mapping[str, Experiment], seconds: float, why: str = ""
) -> None:
    """Says of a folder that it is whole: `why` its program broke off, or "" where it did not."""
    package = places.PACKAGE
    files = [getattr(module, "__file__", None) for module in [*sys.modules.values()]]
    loaded = {Path(file) for file in files if file and Path(file).is_relative_to(package)}
    hashes = of_files(package)
    made_by = {path: value for path, value in hashes.items() if package / path in loaded}
    runs = of_runs(scene, experiments)
    fields = {"files": made_by, "runs": runs, "seconds": round(seconds, 2), "why": why}
    folder.mkdir(parents=True, exist_ok=True)
    atomic_files.write_json(folder / "about.json", fields)


def kept(folder: Path, scene: Scene, experiments: Mapping[str, Experiment]) -> Gathered:
    """The evidence of a folder that is whole. SpecError, OSError."""
    logs = {name: FrameLog.open(folder / f"{name}.arrow") for name in experiments}
    text = (folder / "answers.json").read_text(encoding="utf-8")
    answers = strict_json.numbers(json.loads(text))

    def answer(ask: Ask, seed_index: int) -> dict[str, Any]:
        of_seed: dict[str, Any] = answers[ask.name][seed_index]
        return of_seed

    return Gathered(logs, experiments, scene.asks, answer)


PANELS = {
    "loss": ("loss",),
    "profile": ("signal_gradient_norm", "weight_gradient_norm", "activation_scale"),
    "heat": ("signal_gradient_norm", "weight_gradient_norm", "activation_scale"),
    "gates": ("gate_mean", *MAPS),
}
"""The fields that a live figure shows."""


class Reads:
    """Evidence that remembers what was read of it: (run, lane, field)."""

    def __init__(self, evidence: Gathered) -> None:
        self._evidence = evidence
        self.read: set[tuple[str, int, str]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._evidence, name)

    def history(self, field: str, lane: int, run: str = "main") -> Any:
        """As the evidence's, remembered."""
        self.read.add((run, lane, field))
        return self._evidence.history(field, lane, run)

    def final(self, field: str, lane: int, run: str = "main") -> list[float]:
        """As the evidence's, remembered."""
        self.read.add((run, lane, field))
        return self._evidence.final(field, lane, run)


def fields_read(scene: Scene, evidence: Gathered) -> list[tuple[str, int, str]]:
    """What a scene shows and judges of its frames: (run, lane, field), sorted."""
    reads: Any = Reads(evidence)
    readers: list[Any] = [each.measure for each in scene.expects]
    readers += [each.chart for each in scene.figures if each.chart is not None]
    for read in (*readers, scene.numbers, scene.correct_choice):
        try:
            read(reads)
        except Exception as error:  # a measure may refuse what a fault has left
            _refused(error)
    for figure in scene.figures:
        for panel in figure.panels:
            for lane, track in enumerate(evidence.log(figure.run).tracks):
                there = track.widths()
                shown = [name for name in PANELS[panel] if name in there]
                reads.read |= {(figure.run, lane, name) for name in shown}
    return sorted(reads.read)


def _refused(error: Exception) -> None:
    """What could not be read is not shown either; whether it is judged, the verdicts say."""
    if isinstance(error, MemoryError):
        raise error


def digest(evidence: Gathered, scene: Scene) -> str:
    """A hash of every number that the scene shows or judges: of frames and of answers."""
    whole = hashlib.sha256()
    for run, lane, name in fields_read(scene, evidence):
        log = evidence.log(run)
        whole.update(f"{run} {lane} {name}".encode())
        if name in MAPS:
            last = log.map_at(lane, log.n - 1)
            whole.update(last[1][name].tobytes() if last else b"")
        else:
            whole.update(evidence.history(name, lane, run).tobytes())
    answers = {ask.name: evidence.ask(ask.name) for ask in scene.asks}
    whole.update(strict_json.dumps(answers, sort_keys=True).encode())
    return whole.hexdigest()
