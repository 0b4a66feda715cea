"""The pictures that a run's maps are drawn for, as a browser reads them."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from skipviz.core.experiment import Experiment
from skipviz.datafiles import class_samples


def of(experiment: Experiment, count: int) -> dict[str, Any]:
    """{"rows": of the training split, "labels", "names", "shape": [C, H, W], "pixels": base64 of
    uint8 [K, C, H, W]} of the first `count` samples. SpecError or OSError where they are not here.
    """
    rows, labels, images = class_samples.sample_of_each_class(experiment, count)
    names = experiment.dataset.classes
    return {
        "rows": rows.tolist(),
        "labels": labels.tolist(),
        "names": [str(names[label]) for label in labels],
        "shape": list(images.shape[1:]),
        "pixels": base64.b64encode(np.ascontiguousarray(images).tobytes()).decode(),
    }
