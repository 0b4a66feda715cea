"""Performs a scene in this process: trains its runs, asks its probes, and says how long it took.

rehearse(scene, experiments) -> Rehearsed
gather(scene, experiments) -> Gathered
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from string import Formatter
from typing import Any

from skipviz import engine
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.scene import Ask, Scene, Verdict, judged
from skipviz.datafiles.availability import missing
from skipviz.engine import calibration
from skipviz.engine.trained import restore
from skipviz.server import capacity
from skipviz.store.evidence import Gathered
from skipviz.store.frame_log import FrameLog, Writer, schema
from skipviz.store.lane_axes import lane_axes

FLUSHED = 64
"""Frames of one record batch: a log grows by whole batches."""


@dataclass(frozen=True)
class Rehearsed:
    """A scene performed.

    first_s    seconds from the start to the first frame of the first run: the nets at init are on
               the screen
    seconds    of the whole: training, the probes' answers, the verdicts
    """

    evidence: Gathered
    verdicts: tuple[Verdict, ...]
    first_s: float
    seconds: float


class _Clock:
    """Notes when the first frame of all runs came."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.first_s = 0.0

    def tick(self) -> None:
        self.first_s = self.first_s or self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began


def trained(
    experiment: Experiment,
    tick: Callable[[], None] = lambda: None,
    keep: Callable[[bytes], Any] = lambda data: None,
) -> tuple[engine.Training, FrameLog]:
    """An experiment trained to its end, with its frames as a worker would have written them.
    `tick` is called at every frame, `keep` with the bytes of a `frames.arrow` as they come."""
    absent = missing(experiment.data)
    if absent:
        raise SpecError(absent)
    capacity.check(experiment)
    training = engine.Training(experiment)
    experiment = training.experiment
    writer = Writer(schema(experiment.to_json(), lane_axes(experiment)))
    log = FrameLog()

    def write(data: bytes) -> None:
        log.append_bytes(data)
        keep(data)

    write(writer.start())
    began, frames, times = time.monotonic(), [], []
    for frame in training.frames():
        tick()
        frames.append(frame)
        times.append(time.monotonic() - began)
        if len(frames) == FLUSHED:
            write(writer.batch(frames, times))
            frames, times = [], []
    if frames:  # also of a run whose budget in seconds was spent before its steps were made
        write(writer.batch(frames, times))
    return training, log


def rehearse(
    scene: Scene,
    experiments: Mapping[str, Experiment],
    say: Callable[[str], None] = lambda text: None,
) -> Rehearsed:
    """Trains every run of a scene, asks every ask of every seed, and judges what it expects.

    experiments   the scene's runs by name, as `evidence.with_seeds` gives them
    say           told one line when a run has ended
    SpecError where a run or a probe cannot be.
    """
    calibration.calibrate()
    clock = _Clock()
    evidence = gather(
        scene, experiments, lambda text: say(f"{text} after {clock.elapsed_s:.1f} s"), clock.tick
    )
    _told_in_full(scene, evidence)
    return Rehearsed(evidence, judged(scene, evidence), clock.first_s, clock.elapsed_s)


def gather(
    scene: Scene,
    experiments: Mapping[str, Experiment],
    say: Callable[[str], None] = lambda text: None,
    tick: Callable[[], None] = lambda: None,
    keep: Callable[[str, bytes], Any] = lambda run, data: None,
) -> Gathered:
    """Trains every run of a scene and asks every ask of every seed.

    tick   called at every frame
    keep   called with a run's name and the bytes of its `frames.arrow` as they come
    SpecError where a run or a probe cannot be.
    """
    trainings: dict[str, engine.Training] = {}
    states: dict[str, dict[str, Any]] = {}
    logs: dict[str, FrameLog] = {}
    for name, experiment in experiments.items():
        trainings[name], logs[name] = trained(experiment, tick, partial(keep, name))
        states[name] = trainings[name].state()
        say(f"{name}: trained")

    def answer(ask: Ask, seed_index: int) -> dict[str, Any]:
        declared = probe(ask.probe)
        training = trainings[ask.run]
        nets = restore(training.experiment, states[ask.run], training.batches, seed_index)
        return nets.ask(declared, ask.options)

    evidence = Gathered(logs, experiments, scene.asks, answer)
    for ask in scene.asks:
        evidence.ask(ask.name)
        say(f"{ask.name}: measured")
    return evidence


def _told_in_full(scene: Scene, evidence: Gathered) -> None:
    """SpecError where `saw` and `numbers` do not have the same names."""
    names_in_sentence = {name for _, name, _, _ in Formatter().parse(scene.saw) if name}
    names_of_numbers = set(scene.numbers(evidence))
    if names_in_sentence != names_of_numbers:
        raise SpecError(
            "scene: saw and numbers must have the same names;"
            f" {sorted(names_in_sentence ^ names_of_numbers)} are in one"
        )
