"""The evidence of a scene from stored runs and the answers that are kept with them: nothing is
measured.

    scene_of(run_id, experiment)        ("lesion", "main"); None where it is of no scene
    runs_with(store, key, name, run_id) every run of the scene that belongs to this one, by name
    gathered(scene, folders, …)         what they measured
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skipviz.core import registry
from skipviz.core.atomic_files import read_json
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.scene import Ask, Scene
from skipviz.store import answers
from skipviz.store.evidence import Gathered
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store


def scene_of(run_id: str, experiment: Experiment) -> tuple[str, str] | None:
    """The scene that a run belongs to, and which of its runs it is: a recording's by its id,
    another's by its experiment, seeds and device left out of account; None where it is of none."""
    scenes: Mapping[str, Scene] = registry.scenes()
    if Store.is_recorded(run_id):
        _, key, name = run_id.split(".")
        return (key, name) if key in scenes and name in scenes[key].runs else None
    for key, scene in scenes.items():
        for name, wanted in scene.runs.items():
            if _same(wanted, experiment):
                return key, name
    return None


def runs_with(store: Store, key: str, name: str, run_id: str) -> dict[str, str]:
    """The ids of a scene's runs by name: this one, and of each other the newest finished one with
    the same seeds. Some may be missing."""
    scene: Scene = registry.scenes()[key]
    if store.is_recorded(run_id):
        return {other: f"recorded.{key}.{other}" for other in scene.runs}
    own = store.experiment(run_id)
    ids = {name: run_id}
    others = {other: wanted for other, wanted in scene.runs.items() if other != name}
    for candidate in store.runs() if others else ():
        if len(ids) == len(scene.runs):
            break
        raw = read_json(store.folder(candidate) / "experiment.json")
        if (raw.get("seed"), raw.get("seeds")) != (own.seed, own.seeds):
            continue
        for other, wanted in others.items():
            if other not in ids and raw.get("steps") == wanted.steps:
                if _is_finished(store, candidate, wanted):
                    ids[other] = candidate
    return ids


def _is_finished(store: Store, run_id: str, wanted: Experiment) -> bool:
    try:
        same = _same(wanted, store.experiment(run_id))
    except SpecError:
        return False
    return same and store.status(run_id)["state"] == "finished"


def _same(wanted: Experiment, experiment: Experiment) -> bool:
    fields = {"seed": wanted.seed, "seeds": wanted.seeds, "device": wanted.device}
    try:
        return experiment.with_(**fields) == wanted
    except SpecError:
        return False


def gathered(
    scene: Scene, folders: Mapping[str, Path], experiments: Mapping[str, Experiment], whose: str
) -> Gathered:
    """The evidence of these runs by name; SpecError for a run without frames, and, when it is asked
    for, for an answer that is not kept.

    whose   how a sentence begins that says what is missing
    """

    def answer(ask: Ask, seed_index: int) -> dict[str, Any]:
        if ask.run not in folders:
            raise SpecError(f"{whose}: run '{ask.run}' is not there")
        options = probe(ask.probe).options(ask.options)
        kept = answers.stored_answer(folders[ask.run], ask.probe, options, seed_index)
        if kept is None:
            raise SpecError(f"{whose}: the answer to '{ask.name}' cannot be read")
        return kept

    logs = {name: FrameLog.open(folder / "frames.arrow") for name, folder in folders.items()}
    known = dict(scene.runs) | dict(experiments)
    return Gathered(logs, known, scene.asks, answer)
