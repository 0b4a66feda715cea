"""skipviz: watch plain, residual, highway and dense networks train side by side.

Torch is loaded only when something here needs it:

    import skipviz
    net = skipviz.build("resnet", depth=56, shortcut="A", num_classes=10, input_shape=(3, 32, 32))
    lane = skipviz.Lane(family="highway", knobs={"depth": 20})
    for frame in skipviz.train(skipviz.Experiment(lanes=[lane], data="digits")):
        print(frame.step, frame.lanes[0].loss)
    run = skipviz.load("…")  # a stored run: run.frames, run.table, run.figure("loss")
    skipviz.show(run)  # its live charts, in a notebook
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skipviz.core.experiment import Experiment, Lane
    from skipviz.core.frame import Frame
    from skipviz.core.knob import SpecError
    from skipviz.models import build
    from skipviz.notebook import LoadedRun, load, show, train

__version__ = "0.1.0"

_HOME = {
    "Experiment": "skipviz.core.experiment",
    "Lane": "skipviz.core.experiment",
    "SpecError": "skipviz.core.knob",
    "build": "skipviz.models",
    "LoadedRun": "skipviz.notebook",
    "load": "skipviz.notebook",
    "show": "skipviz.notebook",
    "train": "skipviz.notebook",
    "Frame": "skipviz.engine",
}

__all__ = [
    "Experiment",
    "Frame",
    "Lane",
    "LoadedRun",
    "SpecError",
    "build",
    "load",
    "show",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'skipviz' has no attribute '{name}'")
