"""What the runs of a scene measured: `Gathered` is the `scene.Evidence` of a page, of the command
line and of a recording.

    Gathered(logs, experiments, asks, answer)   from frames and a way to ask probes
    of_stored(scene, ids, manager)              from stored runs, asked through the server's manager
    told(scene, seeds, first_seed)              the scene's experiments, with other seeds

Torch-free: `skipviz.runs.worker.rehearsal` gathers by training in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skipviz import final
from skipviz.knob import SpecError
from skipviz.runs.columns import HELD_OUT
from skipviz.runs.frames import FrameLog
from skipviz.runs.tracks import labels, tracks
from skipviz.scene import Ask, Scene
from skipviz.spec import Experiment

if TYPE_CHECKING:
    from skipviz.runs.manager import Manager

Answer = Callable[[Ask, int], dict[str, Any]]


class Gathered:
    """Frames of each run by name, and the answers to the scene's asks, each asked once.

    logs, experiments   by the name of the run
    asks                those that may be asked for by name
    answer(ask, turn)   what the probe says of seed number `turn`; SpecError where it cannot be
    """

    def __init__(
        self,
        logs: Mapping[str, FrameLog],
        experiments: Mapping[str, Experiment],
        asks: Iterable[Ask],
        answer: Answer,
    ) -> None:
        self._logs, self._experiments = logs, experiments
        self._asks = {ask.name: ask for ask in asks}
        self._answer = answer
        self._known: dict[str, list[dict[str, Any]]] = {}

    def experiment(self, run: str = "main") -> Experiment:
        return self._experiments[run]

    def labels(self, run: str = "main") -> list[str]:
        return labels(self._experiments[run])

    def log(self, run: str = "main") -> FrameLog:
        """The frames of a run; SpecError while there is none."""
        log = self._logs.get(run)
        if log is None or not log.n:
            raise SpecError(f"run '{run}': nothing is recorded of it yet; train it first")
        return log

    def steps(self, run: str = "main") -> np.ndarray:
        return self.log(run).column("step")

    def axis(self, field: str, lane: int, run: str = "main") -> list[int]:
        track = tracks(self._experiments[run])[lane]
        axes = {"weight_gradient_norm": track.layers, "gate_mean": track.gates}
        return [depth for _, depth in axes.get(field, track.points)]

    def history(self, field: str, lane: int, run: str = "main") -> np.ndarray:
        log = self.log(run)
        if field not in HELD_OUT:
            return log.lane(lane, field)
        rows, *held = log.held_out(lane, 0, log.n)
        whole = np.full((log.n, log.tracks[lane].seeds, 1), np.nan)
        whole[rows, :, 0] = held[HELD_OUT.index(field)]
        return whole

    def final(self, field: str, lane: int, run: str = "main") -> list[float]:
        return final.mean(self.steps(run), self.history(field, lane, run)[:, :, 0])

    def ask(self, name: str) -> list[dict[str, Any]]:
        if name not in self._known:
            ask = self._asks[name]
            turns = range(self._experiments[ask.run].seeds)
            self._known[name] = [self._answer(ask, turn) for turn in turns]
        return self._known[name]


def of_stored(scene: Scene, ids: Mapping[str, str], manager: Manager) -> Gathered:
    """The evidence of stored runs, `ids` by the name of the run; those that are not there yet are
    left out. Answers wait for a worker and are kept with the run."""
    found = {name: manager.find(run_id) for name, run_id in ids.items()}
    runs = {name: run for name, run in found.items() if run is not None}

    def answer(ask: Ask, turn: int) -> dict[str, Any]:
        if ask.run not in runs:
            raise SpecError(f"run '{ask.run}': it is not there yet; train it first")
        return manager.measure(runs[ask.run].id, ask.probe, dict(ask.options), turn)

    logs = {name: run.log for name, run in runs.items()}
    experiments = dict(scene.runs) | {name: run.experiment for name, run in runs.items()}
    return Gathered(logs, experiments, scene.asks, answer)


def told(
    scene: Scene, seeds: int | None = None, first_seed: int | None = None
) -> dict[str, Experiment]:
    """The experiments of a scene by name, with other seeds where these are given. SpecError."""
    given = {"seeds": seeds, "seed": first_seed}
    changes = {name: value for name, value in given.items() if value is not None}
    return {name: experiment.with_(**changes) for name, experiment in scene.runs.items()}
