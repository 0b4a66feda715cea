"""What a machine has and lacks for skipviz, one finding a line; run in a process of its own."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from skipviz.core import child_processes, packages, places
from skipviz.core.knob import SpecError


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is in order, and a sentence that says what to do where
    not."""

    what: str
    good: bool
    text: str


def _run(code: str, timeout_s: float = 120) -> tuple[bool, str]:
    """Runs code in a fresh Python: a broken torch must not take the doctor down."""
    try:
        done = subprocess.run(
            child_processes.command("-c", code),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=child_processes.environment(PYTHONIOENCODING="utf-8"),
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {timeout_s:g} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding("Python", good, platform.python_version() + ("" if good else ": 3.11 is needed"))


def _packages() -> Finding:
    needed = ("streamlit", "plotly", "graphviz", "pydantic", "pyarrow", "psutil")
    versions, missing = [], []
    for name in needed:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        fix = f"missing: {', '.join(missing)}; {packages.how()}"
        return Finding("Packages", False, fix)
    return Finding("Packages", True, ", ".join(versions))


def _pair() -> Finding:
    """torch and torchvision must come from the same build."""
    lacking = packages.untrainable()
    if lacking:
        return Finding("Torch pair", False, lacking)
    good, text = _run(
        "import torch, torchvision; print(torch.__version__, torchvision.__version__)"
    )
    if good:
        torch, torchvision = text.split()
        return Finding("Torch pair", True, f"torch {torch} with torchvision {torchvision}")
    if "nms" in text or "torchvision" in text:
        text = (
            "torch and torchvision come from different builds (often a CPU-only torch beside the"
            f" registry's torchvision): uninstall both, then {packages.how()}"
        )
    return Finding("Torch pair", False, text)


def _with_torch(what: str, code: str) -> Finding:
    """What such code says; left out where torch is missing, which one finding says already."""
    if packages.missing():
        return Finding(what, True, f"left out without {' and '.join(packages.missing())}")
    return Finding(what, *_run(code))


def _devices() -> Finding:
    code = (
        "from skipviz.engine.device import available;"
        "print('; '.join(f\"{d['key']}: {d['name']}, {d['free'] / 2**30:.1f} of"
        " {d['memory'] / 2**30:.1f} GB free\" for d in available()))"
    )
    return _with_torch("Devices", code)


def _placing() -> Finding:
    """Where `auto` trains: measured here, where it was not or failed before."""
    code = (
        "from skipviz.engine.calibration import calibrate;"
        "from skipviz.core.placing import KINDS, NETS;"
        "known = calibrate(again=True);"
        "print('; '.join(f'{NETS[kind]}: {known.sentence(kind)}' for kind in KINDS)"
        " if len(known.devices) > 1 else known.sentence('thin') + ', so nothing was measured')"
    )
    return _with_torch("Device auto", code)


def _fused() -> Finding:
    """Not having it is in order: thin dense nets and small maps then train at half the speed or
    less. The sentence says, too, what is left to whom."""
    code = (
        "from skipviz.engine import fused;"
        "print(f'in use: {fused.peak_gflops():.0f} Gflop/s are the peak of one core; it trains"
        " dense nets and, in float32, convolutional ones on small maps or where a net has one"
        " thread; the stacked engine trains highway nets whose gates are numbers and layers of more"
        " than {fused.WIDEST} values, modules all other convolutional nets'"
        " if fused.available() else f'not in use: {fused.why()}; the stacked engine trains all"
        " dense nets, modules the convolutional ones')"
    )
    return _with_torch("Fused kernel", code)


def _folders() -> Finding:
    """Those that are written into."""
    written = {"runs": places.runs(), "cache": places.cache()}
    try:
        for folder in written.values():
            places.check_writable(folder)
    except SpecError as error:
        return Finding("Folders", False, str(error))
    return Finding("Folders", True, ", ".join(f"{name} in {at}" for name, at in written.items()))


def _port() -> Finding:
    with socket.socket() as probe:
        free = probe.connect_ex(("127.0.0.1", 8501)) != 0
    text = (
        "8501 is free"
        if free
        else "8501 is in use: skipviz may be running already, or is given the next one"
    )
    return Finding("Port", True, text)


def _data() -> Finding:
    code = (
        "from skipviz.core import registry;"
        "from skipviz.datafiles import cache, availability;"
        "print(', '.join(f'{key}: ' + ('not here' if availability.missing(key) else"
        " f'{len(cache.arrays(key)[1])} samples') for key in registry.datasets()))"
    )
    return Finding("Data", *_run(code))


def _training() -> Finding:
    code = """
import time
from skipviz import Experiment, Lane, train
lane = Lane(family="resnet", knobs={"backbone": "dense", "depth": 20})
began, steps = None, 0
for frame in train(Experiment(lanes=[lane], steps=1_000_000, lr=0.03)):
    now = time.monotonic()
    began = now if began is None else began  # what is got ready before the first step is no step
    if now - began > 5:
        break
    steps += 1
print(f"ResNet-20 on digits: {steps / 5:.0f} steps a second, loss {frame.lanes[0].loss:.3f}")
"""
    return _with_torch("Five seconds of training", code)


CHECKS: tuple[Callable[[], Finding], ...] = (
    _python,
    _packages,
    _pair,
    _devices,
    _placing,
    _fused,
    _folders,
    _port,
    _data,
    _training,
)
