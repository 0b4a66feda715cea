"""Measures once which device trains which kind of net faster, and keeps it in the user's cache.

    placing()                 what is known here; measures nothing
    calibrate()               the same, measured first where it is not known: at a start
    placed(experiment)        the experiment with the device that `auto` means here
    seconds(kind, device)     one step of a typical net of a kind

<cache>/devices.json   {"key": torch, driver, hardware; "placing": ...}; another key: measured anew.
A measurement that failed is kept too, so that no later start, in the midst of a lecture, tries
again; `doctor` does.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import filelock
import torch

from skipviz.datafiles import places, replacing
from skipviz.engine import device as devices
from skipviz.engine import fused
from skipviz.knob import SpecError
from skipviz.placing import KINDS, Placing
from skipviz.spec import Experiment, Lane

BUDGET_S = 3.0
"""All measurements together; what is not done by then is not measured."""

WARM_STEPS, STEPS, SHARE_S = 5, 40, 0.3
"""Of one measurement: steps before it begins, and what ends it, whichever comes first."""

Measure = Callable[[str, str, float], float]

NETS: dict[str, dict[str, Any]] = {
    "thin": {"backbone": "dense", "depth": 20},
    "wide": {"backbone": "dense", "depth": 20, "width": 512},
    "convolutional": {"backbone": "cifar", "depth": 20},
}


def placing() -> Placing:
    """What was measured here, as it lies in the cache; where it was not, what holds without."""
    here = tuple(each["key"] for each in devices.available())
    if len(here) < 2:
        return Placing(here)
    return _kept(here) or Placing(here)


def placed(experiment: Experiment) -> Experiment:
    """The experiment with its device in place of `auto`."""
    return placing().placed(experiment) if experiment.device == "auto" else experiment


def calibrate(
    measure: Measure | None = None, here: tuple[str, ...] | None = None, again: bool = False
) -> Placing:
    """What was measured here; measured now where it is not known, by one process at a time.

    measure   seconds of a step of a kind of net on a device, before a time (`time.monotonic`)
    here      the devices; with one alone nothing is measured
    again     measures anew where the last try failed
    """
    here = here or tuple(each["key"] for each in devices.available())
    if len(here) < 2:
        return Placing(here)
    with _alone():
        known = _kept(here)
        if known is not None and not (again and known.why):
            return known
        found = _measured(measure or seconds, here)
        _keep(found)
    return found


def seconds(kind: str, device: str, until: float) -> float:
    """Seconds of one step of a typical net of a kind with all instruments on, beside its twin: the
    mean over some. TimeoutError at the time `until`."""
    from skipviz.engine.training import Training

    lanes = [Lane(family=family, knobs=NETS[kind]) for family in ("resnet", "plain")]
    training = Training(Experiment(lanes=lanes, data="digits", steps=1_000_000, device=device))
    steps: Any = training.steps()
    with closing(steps):  # its end gives the process its threads back
        for _ in range(WARM_STEPS):
            _one(steps, until)
        training.read()
        began = time.perf_counter()
        count = 0
        while count < STEPS and time.perf_counter() - began < SHARE_S:
            _one(steps, until)
            count += 1
        training.read()
        return (time.perf_counter() - began) / count


def _one(steps: Any, until: float) -> None:
    if time.monotonic() > until:
        raise TimeoutError(f"it was not done within {BUDGET_S:g} s")
    next(steps)


def _measured(measure: Measure, here: tuple[str, ...]) -> Placing:
    """Measures in a thread: a device that hangs keeps nobody waiting."""
    until = time.monotonic() + BUDGET_S
    steps: dict[str, dict[str, float]] = {}
    trouble: list[str] = []

    def work() -> None:
        for kind in KINDS:
            try:
                steps[kind] = {device: measure(kind, device, until) for device in here[::-1]}
            except Exception as error:  # whatever a driver raises: training goes on without
                first = (str(error) or type(error).__name__).splitlines()[0]
                trouble.append(f"not measured: {first}")
                if isinstance(error, TimeoutError):
                    return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(BUDGET_S + 0.5)
    if thread.is_alive():
        trouble.append(f"not measured: it was not done within {BUDGET_S:g} s")
    return Placing(here, dict(steps), trouble[0] if trouble else "")


# --- What is kept -----------------------------------------------------------------------------


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


def _path() -> Path:
    return places.cache() / "devices.json"


def _kept(here: tuple[str, ...]) -> Placing | None:
    try:
        value = json.loads(_path().read_text(encoding="utf-8"))
        if value["key"] != key(here):
            return None
        return Placing.from_json(value["placing"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(found: Placing) -> None:
    """A cache that cannot be written costs three seconds at the next start, nothing else."""
    value = {"key": key(tuple(found.devices)), "placing": found.to_json()}
    try:
        with places.disk_errors(places.cache()):
            _path().parent.mkdir(parents=True, exist_ok=True)
            replacing.write_json(_path(), value)
    except (OSError, SpecError):
        pass


@contextmanager
def _alone() -> Iterator[None]:
    """One process measures, the others wait and find it done; where no lock can be had, each for
    itself."""
    try:
        _path().parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{_path()}.lock", timeout=4 * BUDGET_S)
        lock.acquire()
    except (OSError, filelock.Timeout):
        yield
        return
    try:
        yield
    finally:
        lock.release()
