"""A warm worker: imports torch, says hello, then trains one experiment after another.

Started by the web process with `python -m skipviz.worker`. Orders come on standard input, reports
go to standard output (`skipviz.server.pipe`). The end of standard input means
that the server is gone: the worker writes a checkpoint, marks its run interrupted and ends. Signals
that ask it to end it leaves to the server.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from typing import BinaryIO

from skipviz.core.protocol import Measure, Train, TrainChoices
from skipviz.server import pipe
from skipviz.worker.control import Control

PATIENCE_S = 30.0
"""A step or a measurement that takes longer does not outlive the server: the worker ends in it."""

NICE = 5  # whoever clicks comes before whoever trains, where both want the same core


class Orders:
    """What the server wants, read by a thread of its own so that a stop is seen within a step.

    jobs      what is to be done, one after the other; what can be stopped with its `Control`; None:
              no more
    control   the orders for the newest run: there is only one at a time
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.jobs: queue.Queue[Measure | tuple[Train | TrainChoices, Control] | None]
        self.jobs = queue.Queue()
        self.control, self.run_id = Control(), ""
        self.gone = threading.Event()
        self.working = threading.Event()
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def _listen(self, stream: BinaryIO) -> None:
        for order in pipe.orders(stream):
            if isinstance(order, Train | TrainChoices):
                self.control, self.run_id = Control(), order.run
                self.jobs.put((order, self.control))
            elif isinstance(order, Measure):
                self.jobs.put(order)
            elif order.run == self.run_id:
                self.control.hear(order)
        self.gone.set()
        self.control.leave()
        self.jobs.put(None)
        if not self.working.is_set():  # warming up, idle or measuring: there is nothing to save
            os._exit(0)
        time.sleep(PATIENCE_S)
        os._exit(1)


def main() -> None:
    """Keeps standard output for messages alone: whatever a library prints goes to standard
    error."""
    for number in (signal.SIGINT, signal.SIGTERM):  # told to all of a service's processes at once
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICE)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    orders = Orders(sys.stdin.buffer)

    from skipviz.engine.out_of_memory import give_back
    from skipviz.worker.choices import train_choices
    from skipviz.worker.machine import hello
    from skipviz.worker.session import Session, answer

    pipe.send(out, hello())
    while (job := orders.jobs.get()) is not None:
        if isinstance(job, Measure):
            pipe.send(out, answer(job))
            continue
        order, control = job
        if isinstance(order, TrainChoices):
            pipe.send(out, train_choices(order, control, out))
            continue
        orders.working.set()
        session = Session(order, control, server_gone=orders.gone, out=out)
        session.run()
        ran_out = session.memory_ran_out
        del session
        if ran_out:  # the next run has the memory of this one
            give_back()
        orders.working.clear()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
