"""What a run takes on disk, worked out before it begins."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from skipviz.core.experiment import Experiment
from skipviz.core.map_plan import FEWEST_STEPS, MAPS_PER_RUN
from skipviz.core.places import megabytes
from skipviz.server.needs import needs
from skipviz.store.frame_schema import HELD_OUT, MAPS
from skipviz.store.lane_axes import lane_axes

_NUMBER, _MAP_NUMBER, _WEIGHT = 8, 4, 4
_BATCH = 1100
"""What the head of a batch of frames takes, for two lanes."""

FLUSHES_S = 10
"""So many batches a second are written at most."""

SHARE = 0.9
"""Of the free disk: a run that takes more of it is warned of."""


@dataclass(frozen=True)
class DiskNeed:
    """What a run takes on disk, about.

    frames        how many are recorded
    frame_bytes   of all of them
    weight_bytes  of its newest checkpoint
    """

    frames: int
    frame_bytes: int
    weight_bytes: int

    @property
    def total(self) -> int:
        """All of it, in bytes. While a checkpoint is replaced, two lie there."""
        return self.frame_bytes + 2 * self.weight_bytes

    def words(self) -> str:
        """As it is said beside Train."""
        return f"about {megabytes(self.total)} on disk"


def disk_need(experiment: Experiment) -> DiskNeed:
    """What a run of this experiment takes; with a budget in seconds, what it takes at most."""
    frames = 1 + math.ceil((experiment.steps - 1) / experiment.record_every)
    evaluations = math.ceil(experiment.steps / (experiment.evaluate_every or math.inf))
    each = seldom = of_maps = 0
    for track in lane_axes(experiment):
        for name, width in track.widths().items():
            of_maps += _MAP_NUMBER * width if name in MAPS else 0
            seldom += _NUMBER * width if name in HELD_OUT else 0
            each += _NUMBER * width if name not in (*MAPS, *HELD_OUT) else 0
        each += _NUMBER  # whether it has diverged
    each += 2 * _NUMBER  # step and time
    need = needs(experiment)
    seconds = experiment.steps * need.step_s()
    batches = min(frames, math.ceil(FLUSHES_S * seconds))
    frame_bytes = frames * each + batches * _BATCH * len(experiment.lanes) // 2
    maps = min(frames, MAPS_PER_RUN + 1, 1 + math.ceil(experiment.steps / FEWEST_STEPS))
    frame_bytes += evaluations * seldom + maps * of_maps
    copies = 3 if experiment.optimiser in ("adam", "adamw") else 2
    return DiskNeed(frames, frame_bytes, need.parameters * _WEIGHT * copies)


def too_much(need: DiskNeed, folder: Path) -> str:
    """A sentence where the disk of a folder has too little room for a run; else ""."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if need.total <= SHARE * free:
        return ""
    return (
        f"This run takes {need.words()} and {megabytes(free)} are free: it would end when the disk"
        " is full. Record fewer steps (More, Advanced, Record every) or delete old runs."
    )
