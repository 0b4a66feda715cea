"""The evidence of a scene from stored runs, whose probes are asked through the manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skipviz.core.knob import SpecError
from skipviz.core.scene import Ask, Scene
from skipviz.server.run import Run
from skipviz.store.evidence import Gathered


class Asked(Protocol):
    """Who finds stored runs and has them measured: the manager, or a guard before it."""

    def find(self, run_id: str) -> Run | None: ...

    def measure(
        self, run_id: str, key: str, options: dict[str, Any], seed_index: int = 0
    ) -> dict[str, Any]: ...


def of_stored(scene: Scene, ids: Mapping[str, str], manager: Asked) -> Gathered:
    """The evidence of stored runs, `ids` by the name of the run; those that are not there yet are
    left out. Answers wait for a worker and are kept with the run."""
    by_name = {name: manager.find(run_id) for name, run_id in ids.items()}
    runs = {name: run for name, run in by_name.items() if run is not None}

    def answer(ask: Ask, seed_index: int) -> dict[str, Any]:
        if ask.run not in runs:
            raise SpecError(f"run '{ask.run}': it is not there yet; train it first")
        return manager.measure(runs[ask.run].id, ask.probe, dict(ask.options), seed_index)

    logs = {name: run.log for name, run in runs.items()}
    experiments = dict(scene.runs) | {name: run.experiment for name, run in runs.items()}
    return Gathered(logs, experiments, scene.asks, answer)
