"""`python -m skipviz sweep FAMILY knob=value … --over depth=10,20,50`: trains a net once with each
of these values, in stored runs that History and Compare show as one sweep.

Exit status 0 where every run went to its end, 1 where one did not, 2 for bad input.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from skipviz.cli.train import row
from skipviz.core import final, knob_sweep, packages
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import refuse_idle
from skipviz.core.strict_json import dumps

FIELDS = ("seeds", "steps", "data", "lr")


def sweep(args: argparse.Namespace) -> int:
    """Trains a net with each of several values of one knob, and stores the runs as a sweep."""
    options = _options(args)
    experiments = knob_sweep.experiments(options)
    _check(experiments)
    from skipviz.server import manager
    from skipviz.server import sweep as sweeps

    try:
        owner = sweeps.of(manager.current())
        started = owner.start(knob_sweep.KIND, options, experiments)
        rows = _rows_as_runs_end(owner, started, list(experiments))
    finally:
        manager.close()
    if started.trouble:
        raise SpecError(started.trouble)
    said = {"sweep": started.id, "title": knob_sweep.title(options), "over": options["over"]}
    if args.json:
        print(dumps(said | {"runs": rows, "final": final.WORDS}))
    else:
        _print(said["title"], rows)
        print(f"Compare shows it under /compare?sweep={started.id}")
    return 0 if [each["state"] for each in rows] == ["finished"] * len(experiments) else 1


def declare(command: argparse.ArgumentParser) -> None:
    """The arguments of `sweep`."""
    command.add_argument("family", help="plain, resnet, …: see families")
    command.add_argument("knobs", nargs="*", metavar="knob=value")
    command.add_argument(
        "--over", default="", metavar="KNOB=A,B,…",
        help="a number of the family's or the experiment's, and its values: depth=10,20,50",
    )  # fmt: skip
    command.add_argument("--seeds", help="so many repetitions of each (1)")
    command.add_argument("--steps", help="updates of each (400)")
    command.add_argument("--data", help="what to learn (digits)")
    command.add_argument("--lr", help="the learning rate (0.1)")


def _options(args: argparse.Namespace) -> dict[str, str]:
    """What the sweep is made from (`core.knob_sweep`)."""
    lane = Lane.from_text(":".join(filter(None, (args.family, ",".join(args.knobs)))))
    given = {name: getattr(args, name) for name in FIELDS}
    given = {name: value for name, value in given.items() if value is not None}
    return {"lane": lane.text(), "over": args.over} | given


def _check(experiments: dict[str, Experiment]) -> None:
    """SpecError, before anything is trained, where one of them cannot be trained here."""
    from skipviz.server import capacity

    packages.check()
    for experiment in experiments.values():
        refuse_idle(experiment.lanes[0].family, experiment.lanes[0].knobs)
        capacity.check(experiment)


def _rows_as_runs_end(owner: Any, started: Any, names: list[str]) -> list[dict[str, Any]]:
    """What each run came to, in the order of the values; a line on standard error as it ends."""
    from skipviz.server.sweep import LOOK_S, final_losses

    rows: dict[str, dict[str, Any]] = {}
    over = False
    while not over:
        time.sleep(LOOK_S)
        over = owner.ended(started)
        for name in [each for each in list(started.runs) if each not in rows]:
            run = owner.run(started, name)
            if run is None or not run.ended:
                continue
            frames = run.log.n
            diverged_at = run.log.diverged_at(0, frames - 1) if frames else None
            ended = {"run": run.id, "state": run.status()["state"]}
            rows[name] = row(name, final_losses(run), diverged_at) | ended
            words = f"{len(rows)} of {len(names)}: {name} {ended['state']}"
            print(words, file=sys.stderr, flush=True)
    return [rows[name] for name in names if name in rows]


def _print(title: str, rows: list[dict[str, Any]]) -> None:
    """The table of final losses."""
    print(f"{title}: final training loss, median over the seeds that live\n({final.WORDS}):")
    for each in rows:
        loss = "" if each["loss"] is None else f"{each['loss']:.4f}"
        words = filter(None, (loss, each.get("note", ""), each["run"]))
        print(f"  {each['lane']:34} {'  '.join(words)}")
