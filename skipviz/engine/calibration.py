"""Measures once which device trains which kind of net faster, and keeps it in the user's cache.

    calibrate()               what is known here, measured first where it is not: at a start
    seconds(kind, device)     one step of a typical net of a kind

`device_choice` keeps it. A measurement that failed is kept too, so that no later start, in the
midst of a lecture, tries again; `doctor` does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import filelock

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.placing import KINDS, Placing
from skipviz.engine import device as devices
from skipviz.engine.device_choice import keep, path, stored_placing
from skipviz.engine.training import Training

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
        earlier = stored_placing(here)
        if earlier is not None and not (again and earlier.why):
            return earlier
        placing = _measured(measure or seconds, here)
        keep(placing)
    return placing


def seconds(kind: str, device: str, until: float) -> float:
    """Seconds of one step of a typical net of a kind with all instruments on, beside its twin: the
    mean over some. TimeoutError at the time `until`."""
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


@contextmanager
def _alone() -> Iterator[None]:
    """One process measures, the others wait and find it done; where no lock can be had, each for
    itself."""
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{path()}.lock", timeout=4 * BUDGET_S)
        lock.acquire()
    except (OSError, filelock.Timeout):
        yield
        return
    try:
        yield
    finally:
        lock.release()
