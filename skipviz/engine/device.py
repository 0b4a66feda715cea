"""Where to train: finds CUDA, Apple MPS or the CPU, and says what is there."""

from __future__ import annotations

import os
import platform
from typing import Any

import psutil
import torch

from skipviz.spec import Experiment, SpecError


def available() -> list[dict[str, Any]]:
    """Every device that can train here, the one that `auto` picks first: key, name, memory in
    bytes."""
    found = []
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        free, _ = torch.cuda.mem_get_info(0)
        found.append({"key": "cuda", "name": card.name, "memory": card.total_memory, "free": free})
    memory = psutil.virtual_memory()
    shared = {"memory": memory.total, "free": memory.available}
    if torch.backends.mps.is_available():
        found.append({"key": "mps", "name": "Apple GPU", **shared})
    name = f"{platform.machine()} CPU, {os.cpu_count()} cores"
    found.append({"key": "cpu", "name": name, **shared})
    return found


def pick(wanted: str) -> torch.device:
    """The torch device for an experiment's `device`; SpecError where it is not there."""
    keys = [device["key"] for device in available()]
    if wanted == "auto":
        return torch.device(keys[0])
    if wanted not in keys:
        raise SpecError(f"device '{wanted}': not found here; there is {', '.join(['auto', *keys])}")
    return torch.device(wanted)


def threads(experiment: Experiment) -> int:
    """CPU threads for an experiment: one for thin dense nets, whose products are too small to
    share; for others all cores but one, because a step whose threads wait for a core that the
    browser uses takes many times as long as one thread alone.

    Part of what makes two runs identical: the number of threads decides the order of sums.
    """
    backbones = {lane.settings(experiment.dataset)["backbone"] for lane in experiment.lanes}
    return 1 if backbones == {"dense"} else max(1, (psutil.cpu_count(logical=False) or 2) - 1)
