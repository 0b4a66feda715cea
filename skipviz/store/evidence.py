"""What the runs of a scene measured: `Gathered` is the `scene.Evidence` of a page, of the command
line and of a recording.

    Gathered(logs, experiments, asks, answer)   from frames and a way to ask probes
    told(scene, seeds, first_seed)              the scene's experiments, with other seeds

Torch-free: `skipviz.worker.rehearsal` gathers by training in this process,
`skipviz.server.stored_evidence` from stored runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.scene import Ask, Scene
from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import HELD_OUT
from skipviz.store.lane_axes import labels, lane_axes

Answer = Callable[[Ask, int], dict[str, Any]]


class Gathered:
    """Frames of each run by name, and the answers to the scene's asks, each asked once.

    logs, experiments   by the name of the run
    asks                those that may be asked for by name
    answer(ask, seed_index)   what the probe says of one seed; SpecError where it cannot be
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
        track = lane_axes(self._experiments[run])[lane]
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

    def newest_maps(self, lane: int, run: str = "main") -> tuple[int, dict[str, np.ndarray]] | None:
        log = self.log(run)
        return log.map_at(lane, log.n - 1)

    def ask(self, name: str) -> list[dict[str, Any]]:
        if name not in self._known:
            ask = self._asks[name]
            seed_indices = range(self._experiments[ask.run].seeds)
            self._known[name] = [self._answer(ask, seed_index) for seed_index in seed_indices]
        return self._known[name]


def with_seeds(
    scene: Scene, seeds: int | None = None, first_seed: int | None = None
) -> dict[str, Experiment]:
    """The experiments of a scene by name, with other seeds where these are given. SpecError."""
    fields = {"seeds": seeds, "seed": first_seed}
    changes = {name: value for name, value in fields.items() if value is not None}
    return {name: experiment.with_(**changes) for name, experiment in scene.runs.items()}
