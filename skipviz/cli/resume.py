"""`python -m skipviz resume RUN [--more N]`: trains a stored run further, here, in its folder."""

from __future__ import annotations

import argparse
import os
import threading
from typing import Any

from skipviz.core import packages
from skipviz.core.knob import SpecError, show
from skipviz.core.protocol import ENDED, Stop
from skipviz.core.strict_json import dumps
from skipviz.datafiles.availability import missing
from skipviz.store.store import Store


def resume(args: argparse.Namespace) -> int:
    """Trains a run further from its checkpoint: to its last step, or for N more steps."""
    run = _taken_up(Store(), args.run, args.more)
    status = _trained(run)
    if args.json:
        names = ("state", "step", "steps", "message")
        print(dumps({"run": run.id} | {name: status.get(name, "") for name in names}))
    else:
        ended = f": {status['message']}" if status.get("message") else ""
        print(f"{status['state']} at step {status.get('step', 0)} of {status['steps']}{ended}")
    return 0 if status["state"] == "finished" else 1


def declare(command: argparse.ArgumentParser) -> None:
    """The arguments of `resume`."""
    command.add_argument("run", help="a run's id: see runs")
    command.add_argument(
        "--more", type=int, default=0, metavar="N",
        help="so many steps more than it has made; without it: what is left of its budget",
    )  # fmt: skip


def _taken_up(store: Store, run_id: str, more_steps: int) -> Any:
    """The run, to be trained from its checkpoint. SpecError where it cannot be."""
    from skipviz.server import capacity, orders
    from skipviz.server.kept_runs import KeptRuns

    run = KeptRuns(store).known(run_id)
    to_train = orders.further(run, more_steps)
    packages.check()
    if absent := missing(run.experiment.data):
        raise SpecError(absent)
    capacity.check(to_train)
    orders.take_up(run, to_train)
    return run


def _trained(run: Any) -> Any:
    """Trains it to its end, or until Ctrl+C, which saves it first; its status then."""
    from skipviz.server import orders
    from skipviz.worker.control import Control
    from skipviz.worker.session import Session

    control = Control()
    with open(os.devnull, "wb") as nowhere:
        session = Session(orders.training(run), control, threading.Event(), nowhere)
        training = threading.Thread(target=session.run)
        training.start()
        try:
            while training.is_alive():
                training.join(0.5)  # a join without end hears no Ctrl+C on Windows
        except KeyboardInterrupt:
            control.hear(Stop(run.id))
            training.join()
    if session.status["state"] not in ENDED:
        raise SpecError(f"run {show(run.id)}: its training broke off; resume it again")
    return session.status
