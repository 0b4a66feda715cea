"""Where to train: finds CUDA, Apple MPS or the CPU, and says what is there."""

from __future__ import annotations

import ctypes
import os
import platform

import psutil
import torch

from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.protocol import Device


def available() -> list[Device]:
    """Every device that can train here, a GPU first."""
    devices: list[Device] = []
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        free, _ = torch.cuda.mem_get_info(0)
        devices.append(Device(key="cuda", name=card.name, memory=card.total_memory, free=free))
    memory = psutil.virtual_memory()
    names = {"cpu": f"{platform.machine()} CPU, {os.cpu_count()} cores"}
    if torch.backends.mps.is_available():
        names = {"mps": "Apple GPU", **names}
    for key, name in names.items():
        there = Device(key=key, name=name, memory=memory.total, free=memory.available)
        devices.append(there)
    return devices


def pick(wanted: str) -> torch.device:
    """The torch device of a name; SpecError where it is not there. What `auto` means is decided by
    `device_choice.with_device`."""
    keys = [device["key"] for device in available()]
    if wanted not in keys:
        raise SpecError(f"device '{wanted}': not found here; there is {', '.join(['auto', *keys])}")
    return torch.device(wanted)


def threads(experiment: Experiment) -> int:
    """CPU threads of one net: one for thin dense nets, whose products are too small to share; for
    others half of the cores, so that two train side by side, and because a step whose threads wait
    for a core that the browser uses takes many times as long as one thread alone.

    Part of what makes two runs identical: the number of threads decides the order of sums.
    """
    return 1 if thin(experiment) else max(1, cores() // 2)


def thin(experiment: Experiment) -> bool:
    """Are all nets dense? One thread is enough for them."""
    backbones = {lane.settings(experiment.dataset)["backbone"] for lane in experiment.lanes}
    return backbones == {"dense"}


def cores() -> int:
    """The cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, psutil.cpu_count(logical=False) or 1))


FEW_VALUES = 16_384


def layout(
    device: torch.device, *, gated: bool, half: bool, values: int = FEW_VALUES + 1
) -> torch.memory_format:
    """How a convolutional net's feature maps lie in memory: channels last where that was measured
    faster.

    On the CPU by a fifth to a third for plain, residual and dense nets in float32; convolutional
    highway nets lost up to a tenth by it, but gain in bfloat16. On CUDA it pays in bfloat16.
    `values`: of a channel of the input in a batch. Where they are few, the CPU's time is spent on
    calls, of which BatchNorm with channels last needs more: half as much again at 16×16 pixels.
    """
    last = device.type in ("cpu", "cuda")
    if not half:
        last = device.type == "cpu" and not gated and values > FEW_VALUES
    return torch.channels_last if last else torch.contiguous_format


def bfloat16(device: torch.device) -> bool:
    """Does the device multiply bfloat16 itself? Elsewhere it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))


def keep_memory() -> bool:
    """Tells glibc to keep the memory that a step frees for the next step, for the whole process;
    False where there is another allocator.

    By default glibc gives blocks of some megabytes back to the system, and a step of a
    convolutional net then waits for 20,000 fresh pages: a tenth of its time.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    mapped = mallopt(mmap_threshold, 1 << 30) or mallopt(mmap_threshold, 1 << 25)
    return bool(mapped and mallopt(trim_threshold, (1 << 31) - 1))
