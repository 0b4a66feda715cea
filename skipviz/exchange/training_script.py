"""A run's experiment as a script that repeats it without skipviz, with its training images beside
it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.datafiles import cache
from skipviz.datafiles.availability import missing
from skipviz.standalone import batches
from skipviz.standalone.experiment import Recorded, script
from skipviz.store.frame_log import FrameLog
from skipviz.store.lane_axes import labels
from skipviz.store.thinning import spread

SHOWN = 11
"""The steps whose recorded losses stand in the script."""


def write_script(run_id: str, experiment: Experiment, frames: Path, to: Path) -> None:
    """Writes the script `to`, and the training images into an .npz of its name. SpecError where
    the data or the frames are not here."""
    if experiment.dataset.gone or (absent := missing(experiment.data)):
        raise SpecError(experiment.dataset.gone or absent)
    log = FrameLog.open(frames)
    if not log.n:
        raise SpecError("run: it has no frames yet; wait until its first step is made")
    steps = log.column("step")
    losses = {
        int(steps[row]): [log.lane(i, "loss")[row, :, 0].tolist() for i in range(len(log.tracks))]
        for row in spread(log.n, SHOWN)
    }
    images = to.with_suffix(".npz")
    arrays = training_images(experiment)
    np.savez_compressed(images, images=arrays["images"], labels=arrays["labels"])
    recorded = Recorded(
        run=run_id,
        steps=log.last_step + 1,
        names=labels(experiment),
        losses=losses,
        data=images.name,
    )
    to.write_text(script(experiment, recorded), encoding="utf-8")


def training_images(experiment: Experiment) -> dict[str, np.ndarray]:
    """The images (N, C, H, W) uint8 that an experiment trains on, cut and pooled, and their labels
    (N,) int64, as "images" and "labels"."""
    images, labels_of, *_ = cache.arrays(experiment.data, experiment.seed)
    images, classes = np.asarray(images), np.asarray(labels_of)
    if experiment.subset:
        rows = batches.subset(classes, experiment.subset)
        images, classes = images[rows], classes[rows]
    if experiment.pool > 1:
        images = batches.pooled(images, experiment.pool)
    return {"images": images, "labels": classes}
