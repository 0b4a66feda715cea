"""Recorded steps and their frames.

A device may make many steps before the host reads what was measured in any of them. Until then all
that is known of a recorded step waits here; its frame is made when the readings are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skipviz.core.frame import Frame, LaneFrame
from skipviz.engine.net_trainer import NetTrainer


@dataclass(frozen=True)
class PendingFrame:
    """A recorded step.

    reads   loss, error and instruments' reading of each net, those that are known
    maps   each lane's maps
    held    each lane's held-out loss and error, or nothing where the step is not evaluated
    """

    step: int
    reads: dict[NetTrainer, np.ndarray]
    maps: list[dict[str, Any]]
    held: list[dict[str, Any]]

    def frame(self, lanes: Sequence[Sequence[NetTrainer]]) -> Frame:
        """The step's frame; all nets of all lanes have been read."""
        lane_frames = [
            self._lane(trainers, maps) for trainers, maps in zip(lanes, self.maps, strict=True)
        ]
        if self.held:
            lane_frames = [
                replace(lane, **held) for lane, held in zip(lane_frames, self.held, strict=True)
            ]
        return Frame(step=self.step, lanes=tuple(lane_frames))

    def _lane(self, trainers: Sequence[NetTrainer], maps: dict[str, Any]) -> LaneFrame:
        alone, reads = len(trainers) == 1, [self.reads[trainer] for trainer in trainers]
        parts = [
            trainer.instruments.split(read[2:])
            for trainer, read in zip(trainers, reads, strict=True)
        ]
        fields = {
            name: parts[0][name] if alone else np.stack([p[name] for p in parts])
            for name in parts[0]
        }
        loss, error = (
            float(reads[0][i]) if alone else np.array([read[i] for read in reads]) for i in range(2)
        )
        ends = [trainer.diverged_at for trainer in trainers if trainer.diverged_at is not None]
        return LaneFrame(
            loss=loss,
            error=error,
            diverged_at=min((end for end in ends if end <= self.step), default=None),
            **fields,
            **maps,
        )
