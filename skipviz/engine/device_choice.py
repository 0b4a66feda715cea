"""Which device `auto` means here: what `calibration` measured, as it lies in the user's cache.

    placing()            what is known here; measures nothing
    with_device(experiment)   the experiment with the device that `auto` means here

<cache>/devices.json   {"key": torch, driver, hardware; "placing": ...}; what was measured under
                       another key is not known
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import torch

from skipviz.core import atomic_files, places
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.placing import Placing
from skipviz.engine import device as devices
from skipviz.engine import fused


def placing() -> Placing:
    """What was measured here, as it lies in the cache; where it was not, what holds without."""
    here = tuple(each["key"] for each in devices.available())
    if len(here) < 2:
        return Placing(here)
    return stored_placing(here) or Placing(here)


def with_device(experiment: Experiment) -> Experiment:
    """The experiment with its device in place of `auto`."""
    return placing().with_device(experiment) if experiment.device == "auto" else experiment


def key(here: tuple[str, ...]) -> dict[str, Any]:
    """All that the measurement depends on: another key makes another measurement."""
    cards = [
        f"{each['key']}: {each['name']}" for each in devices.available() if each["key"] in here
    ]
    return {
        "torch": torch.__version__,
        "driver": _driver() if "cuda" in here else platform.mac_ver()[0],
        "devices": cards,
        "processor": platform.processor() or platform.machine(),
        "cores": devices.cores(),
        "fused": fused.available(),
        "here": list(here),
    }


@cache
def _driver() -> str:
    """The version of NVIDIA's driver; "" where its tool is not there."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    words = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=5, encoding="utf-8", errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def path() -> Path:
    """The file of what was measured."""
    return places.cache() / "devices.json"


def stored_placing(here: tuple[str, ...]) -> Placing | None:
    """What was measured with these devices, None where it was not."""
    try:
        value = json.loads(path().read_text(encoding="utf-8"))
        if value["key"] != key(here):
            return None
        return Placing.from_json(value["placing"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(measured: Placing) -> None:
    """A cache that cannot be written costs three seconds at the next start, nothing else."""
    value = {"key": key(tuple(measured.devices)), "placing": measured.to_json()}
    try:
        with places.disk_errors(places.cache()):
            path().parent.mkdir(parents=True, exist_ok=True)
            atomic_files.write_json(path(), value)
    except (OSError, SpecError):
        pass
