"""What a worker says first: which devices there are, and what machine this is."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import psutil

from skipviz import engine
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.protocol import Hello, Machine
from skipviz.engine import calibration
from skipviz.engine import device as devices
from skipviz.engine.arithmetic_speed import multiply_adds_per_s


def hello() -> Hello:
    """Warms up (the first step of any optimiser imports lazily for a second), measures where `auto`
    trains if that is not known of this machine and how fast it multiplies, and says what is here.
    """
    devices.keep_memory()
    lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 2})
    for _ in engine.train(Experiment(lanes=[lane], steps=2, device="cpu")):
        pass
    placing = calibration.calibrate().to_json()
    here = devices.available()
    speeds = {each["key"]: multiply_adds_per_s(each["key"]) for each in here}
    return Hello(here, machine(), placing, speeds)


def machine() -> Machine:
    """Versions and hardware: what a run must carry to be believed."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "devices": devices.available(),
        "torch": version("torch"),
        "torchvision": version("torchvision"),
        "numpy": version("numpy"),
        "streamlit": version("streamlit"),
    }
