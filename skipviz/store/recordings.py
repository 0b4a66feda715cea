"""Recordings: runs that come with the program, so that a scene can be shown without training.

    of(key)          the ids of a scene's recorded runs, by the name of the run
    fault(key)       why there are none to show; "" where there are
    evidence(key)    what was recorded, as `scene.Evidence`
    about(run_id)    "recorded on AMD EPYC, torch 2.15.0, 21 November 2026"

<assets>/recordings/<scene>/<run>/ is an ordinary stored run without weights: its frames are kept
small (`runs.slim`), and the probes' answers to the scene's asks lie in it. Nothing is ever written
there but by `python -m skipviz record KEY`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from skipviz.core import registry
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.scene import Ask, Scene
from skipviz.store import answers
from skipviz.store.evidence import Gathered
from skipviz.store.kept_evidence import gathered
from skipviz.store.store import Store, read_json


def id_of(key: str, run: str) -> str:
    """The id of a recorded run, there or not."""
    return f"recorded.{key}.{run}"


def of(key: str, store: Store | None = None) -> dict[str, str]:
    """The ids of a scene's recorded runs by the name of the run; empty where there is no recording
    of the scene as it is now."""
    if problem(key, store):
        return {}
    return {name: id_of(key, name) for name in _scene(key).runs}


def problem(key: str, store: Store | None = None) -> str:
    """One sentence that says why the recording of a scene cannot be shown; empty where it can: its
    experiments are the scene's but for the seeds, and every ask is answered."""
    store, scene = store or Store(), _scene(key)
    command = f"with `python -m skipviz record {key}`"
    again = f"record it again {command}"
    seeds = set()
    for name, wanted in scene.runs.items():
        folder = store.folder(id_of(key, name))
        if not (folder / "frames.arrow").is_file():
            return f"recording '{key}': run '{name}' is not there; record it {command}"
        try:
            recorded = store.experiment(id_of(key, name))
        except SpecError as error:
            return f"recording '{key}': run '{name}' cannot be read ({error}); {again}"
        seeds.add((recorded.seed, recorded.seeds))
        recorded = recorded.with_(seed=wanted.seed, seeds=wanted.seeds, device=wanted.device)
        if recorded != wanted:
            return f"recording '{key}': run '{name}' is not the scene's any more; {again}"
    if len(seeds) != 1:
        return f"recording '{key}': its runs are of different seeds; {again}"
    ((_, count),) = seeds
    for ask in scene.asks:
        if not all(_place(key, ask, seed_index, store).is_file() for seed_index in range(count)):
            return f"recording '{key}': '{ask.name}' is not answered for every seed; {again}"
    return ""


def evidence(key: str, store: Store | None = None) -> Gathered:
    """What the recorded runs of a scene measured; SpecError where there is no recording of it."""
    store, scene = store or Store(), _scene(key)
    if wrong := problem(key, store):
        raise SpecError(wrong)
    folders = {name: store.folder(id_of(key, name)) for name in scene.runs}
    experiments = {name: store.experiment(id_of(key, name)) for name in scene.runs}
    return gathered(scene, folders, experiments, f"recording '{key}'")


def about(run_id: str, store: Store | None = None) -> str:
    """On what a recorded run was trained, with which torch, and when."""
    machine = read_json((store or Store()).folder(run_id) / "machine.json")
    when = date.fromisoformat(str(machine["recorded"])[:10])
    on = machine["processor"]
    return f"recorded on {on}, torch {machine['torch']}, {when.day} {when:%B %Y}"


def _scene(key: str) -> Scene:
    scene: Scene = registry.scenes()[key]
    return scene


def _place(key: str, ask: Ask, seed_index: int, store: Store) -> Path:
    """Where the answer to an ask is kept."""
    folder = store.folder(id_of(key, ask.run))
    return answers.place(folder, ask.probe, probe(ask.probe).options(ask.options), seed_index)
