"""Makes the recording of a scene: trains it, keeps what can be shown of it, and reads that again.

record(key, seeds) -> Recorded
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skipviz.core import places, registry
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.scene import Scene, Verdict, judged
from skipviz.engine import device as devices
from skipviz.engine.device_choice import with_device
from skipviz.store import answers, recordings
from skipviz.store.compact import compacted
from skipviz.store.evidence import Gathered, with_seeds
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store, write_json
from skipviz.worker.machine import machine
from skipviz.worker.rehearsal import rehearse


@dataclass(frozen=True)
class Recorded:
    """A recording that was made.

    bytes     of all its files
    seconds   that the scene took to train, measure and judge
    verdicts  on what was kept
    """

    folder: Path
    bytes: int
    seconds: float
    verdicts: tuple[Verdict, ...]


def record(
    key: str,
    seeds: int | None = None,
    store: Store | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Recorded:
    """Performs a scene and puts its recording in place of the one that was there.

    What is kept is less than what was measured (`store.compact`); a recording from which a verdict
    or the answer would come out another way than from the runs themselves is not kept. SpecError.
    """
    store = store or Store()
    scene: Scene = registry.scenes()[key]
    places.check_writable(store.recordings)
    done = rehearse(scene, with_seeds(scene, seeds), say)
    with tempfile.TemporaryDirectory(dir=store.recordings, prefix="half.") as half:
        aside = Store(store.root, Path(half))
        for name in scene.runs:
            shown = {panel for each in scene.figures if each.run == name for panel in each.panels}
            folder = aside.folder(recordings.id_of(key, name))
            of, log = done.evidence.experiment(name), done.evidence.log(name)
            keep_run(folder, of, log, maps="gates" in shown)
        _keep_answers(key, scene, done.evidence, aside)
        evidence_kept = recordings.evidence(key, aside)
        verdicts = judged(scene, evidence_kept)
        _check_same(scene, evidence_kept, done.evidence, (verdicts, done.verdicts))
        place = store.recordings / key
        for path in _files(Path(half)):
            path.chmod(0o644)  # for whoever reads it, not only for who recorded it
        shutil.rmtree(place, ignore_errors=True)
        os.replace(Path(half) / key, place)
    size = sum(path.stat().st_size for path in _files(place))
    return Recorded(place, size, done.seconds, verdicts)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def keep_run(folder: Path, experiment: Experiment, log: FrameLog, *, maps: bool) -> None:
    """Makes the folder of a run that has ended, without its weights; `maps`: with some of them."""
    folder.mkdir(parents=True)
    (folder / "experiment.json").write_text(experiment.to_json(), encoding="utf-8")
    (folder / "frames.arrow").write_bytes(compacted(log, maps))
    seconds, steps = float(log.column("time_s")[-1]), log.last_step + 1
    about = _machine(experiment) | {"seconds": round(seconds, 2)}
    status = {
        "state": "finished",
        "message": "",
        "step": steps,
        "steps": experiment.steps,
        "steps_per_s": round(steps / max(seconds, 1e-3), 1),
        "device": with_device(experiment).device,
        "recorded": about["recorded"][:10],
    }
    write_json(folder / "status.json", status)
    write_json(folder / "machine.json", about)


def _machine(experiment: Experiment) -> dict[str, Any]:
    """Versions, hardware and time; `processor` is what these nets were trained on."""
    facts = machine()
    kind = with_device(experiment).device
    name = next(each["name"] for each in facts["devices"] if each["key"] == kind)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return facts | {"processor": _processor() or name if kind == "cpu" else name, "recorded": when}


def _processor() -> str:
    """The processor's name; empty where the system does not say it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {devices.cores()} cores" if names else platform.processor()


def _keep_answers(key: str, scene: Scene, evidence: Gathered, store: Store) -> None:
    for ask in scene.asks:
        declared = probe(ask.probe)
        folder = store.folder(recordings.id_of(key, ask.run))
        for seed_index, value in enumerate(evidence.ask(ask.name)):
            options = declared.options(ask.options)
            answers.keep(folder, ask.probe, declared, options, seed_index, value)


def _check_same(
    scene: Scene, evidence_kept: Gathered, full: Gathered, verdicts: tuple[tuple[Verdict, ...], ...]
) -> None:
    """SpecError where what was kept says another thing than what was measured."""
    for of_kept, of_full in zip(*verdicts, strict=True):
        if of_kept.met != of_full.met:
            raise SpecError(f"recording: what is kept changes a verdict: {of_full.text}")
    if scene.correct_choice(evidence_kept) != scene.correct_choice(full):
        raise SpecError("recording: what is kept changes the answer of the scene's question")
