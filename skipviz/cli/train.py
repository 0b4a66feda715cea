"""`python -m skipviz train EXPERIMENT.json|SCENE`: trains here and says what came of it, lane by
lane: the final loss, the median over the seeds that live, and how many diverged."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skipviz.core import final, packages, places, registry
from skipviz.core.experiment import Experiment
from skipviz.core.knob import SpecError
from skipviz.core.places import megabytes
from skipviz.core.registry import refuse_idle
from skipviz.core.strict_json import dumps
from skipviz.store.lane_axes import labels


def train(args: argparse.Namespace) -> int:
    """Trains an experiment here and prints what came of it."""
    from skipviz.server import capacity

    experiment = _experiment(args.experiment)
    if args.size:
        return _size(experiment, args.json)
    packages.check()
    capacity.check(experiment)
    from skipviz import engine
    from skipviz.engine import calibration

    experiment = calibration.calibrate().with_device(experiment)
    losses: list[list[np.ndarray]] = [[] for _ in experiment.lanes]  # of each lane: T times (S,)
    diverged: list[int | None] = [None] * len(losses)
    steps: list[int] = []
    for frame in engine.train(experiment):
        steps.append(frame.step)  # fewer, where a budget in seconds is spent before
        for i, lane in enumerate(frame.lanes):
            losses[i].append(np.atleast_1d(lane.loss))
            diverged[i] = lane.diverged_at
        if not args.json:
            _progress(frame.step + 1, experiment.steps, [median(each[-1]) for each in losses])
    rows = [
        row(name, final.mean(steps, np.array(each)), at)
        for name, each, at in zip(labels(experiment), losses, diverged, strict=True)
    ]
    if args.json:
        summary = {"lanes": rows, "steps": steps[-1] + 1, "data": experiment.data}
        print(dumps(summary | {"device": experiment.device, "final": final.WORDS}))
        return 0
    print(
        f"Final training loss after {steps[-1] + 1} steps on {experiment.data}, {experiment.device}"
    )
    print(f"({final.WORDS}{'; median over seeds' if experiment.seeds > 1 else ''}):")
    for each in rows:
        loss = "" if each["loss"] is None else f"{each['loss']:.4f}"
        print(f"  {each['lane']:28} {'  '.join(filter(None, (loss, each.get('note', ''))))}")
    return 0


def declare(parser: argparse.ArgumentParser) -> None:
    """The arguments of `train`."""
    parser.add_argument("experiment", metavar="EXPERIMENT.json|SCENE")
    parser.add_argument("--size", action="store_true", help="only say what it takes on disk")


def _size(experiment: Experiment, as_json: bool) -> int:
    """Says what a run of this experiment takes where the app records it, and trains nothing."""
    from skipviz.server.disk_need import disk_need, too_much
    from skipviz.server.needs import needs

    disk, memory = disk_need(experiment), needs(experiment).memory_bytes
    warning = too_much(disk, places.runs())
    if as_json:
        print(dumps({"frames": disk.frames, "disk_bytes": disk.total, "memory_bytes": memory,
                     "warning": warning}))  # fmt: skip
        return 0
    print(f"Recorded by the app: {disk.frames:,} frames, {disk.words()};")
    print(f"while it trains {megabytes(memory)} of memory in its worker.")
    if warning:
        print(warning)
    return 0


def row(name: str, losses: Sequence[float], diverged_at: int | None) -> dict[str, Any]:
    """What a lane came to, from the final loss of each of its seeds, infinity where one diverged.

    loss   the median over the seeds that live; None, and `loss_why`, where none does
    """
    living = final.living(losses)
    gone = len(losses) - len(living)
    cells: dict[str, Any] = {"lane": name, "loss": median(losses) if living else None}
    cells |= {"seeds": len(losses), "diverged_seeds": gone, "diverged_at": diverged_at}
    if gone:
        first = "the first " if gone > 1 else ""
        comma = "," if first else ""
        cells["note"] = f"{final.dead(gone, len(losses))}{comma} {first}at step {diverged_at}"
    if not living:
        cells["loss_why"] = cells["note"]
    if len(losses) > 1:
        cells["losses"] = [loss if np.isfinite(loss) else None for loss in losses]
        if gone:
            cells["losses_why"] = "null: this seed diverged"
    return cells


def median(losses: Sequence[float] | np.ndarray) -> float:
    """The median over the seeds that live; infinity where none does."""
    return float(final.median(losses))


def _experiment(word: str) -> Experiment:
    """An experiment from a file, or from a scene's key."""
    scene = registry.scenes().get(word) if not Path(word).exists() else None
    if scene is not None:
        of_scene: Experiment = scene.experiment
        return of_scene
    try:
        text = Path(word).read_bytes()
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise SpecError(
            f"experiment '{word}': {why.lower()}; give a file written by skipviz"
        ) from None
    experiment = Experiment.from_json(text)
    for lane in experiment.lanes:
        refuse_idle(lane.family, lane.knobs)
    return experiment


def _progress(step: int, steps: int, losses: list[float]) -> None:
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty() or (step % 10 and step != steps):
        return
    filled = "█" * (30 * step // steps)
    text = "  ".join(f"{loss:.4f}" if np.isfinite(loss) else "diverged" for loss in losses)
    line = f"{filled:30} {step}/{steps}  loss {text}"  # blanks: old terminals cannot clear a line
    sys.stderr.write(f"\r{line:<78}" + "\n" * (step == steps))
    sys.stderr.flush()
