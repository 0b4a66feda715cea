"""What runs on a node of the cluster for one run: a worker process, and what it says until it is
fetched. Knows neither Ray nor torch.

The worker is the very `python -m skipviz.worker` that a server without a cluster starts; its pipe
is carried over the network as bytes, in order.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

from skipviz.core import child_processes
from skipviz.server.process import ENVIRONMENT

MOST_BYTES = 64 * 2**20
"""So much is kept for a server that does not fetch; then the worker waits at its next message."""

LEASE_S = 10.0
"""A worker whose server has fetched nothing for so long is killed: by then the server holds it for
lost (`ray_cluster.LOST_S` is more), and its run may go on elsewhere."""


class Relay:
    """One worker process of this node.

    store   where the server stores runs; a file named `mark` must be there: runs
            are written by the worker. FileNotFoundError where this node does not share that folder
    """

    def __init__(self, store: str, mark: str) -> None:
        if not (Path(store) / mark).is_file():
            raise FileNotFoundError(
                f"this node does not see the runs' folder {store} of the server: share it"
            )
        self._said: deque[bytes] = deque()
        self._size = 0
        self._is_over = False
        self._bell = threading.Condition()
        self._fetched = time.monotonic()
        self.process = subprocess.Popen(
            child_processes.command("-m", "skipviz.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_processes.environment(**ENVIRONMENT),
        )
        for task in (self._listen, self._watch):
            threading.Thread(target=task, daemon=True).start()

    def give(self, data: bytes) -> bool:
        """Writes into the worker's input; b"" ends it: the worker saves its run and goes. False
        where it is gone."""
        assert self.process.stdin is not None
        try:
            if data:
                self.process.stdin.write(data)
                self.process.stdin.flush()
            else:
                self.process.stdin.close()
        except (OSError, ValueError):
            return False
        return True

    def fetch(self, patience_s: float) -> tuple[bytes, bool]:
        """What the worker said since the last time, after `patience_s` seconds at the latest; and
        whether that was its last word."""
        with self._bell:
            self._fetched = time.monotonic()
            self._bell.wait_for(lambda: self._said or self._is_over, patience_s)
            said = b"".join(self._said)
            self._said.clear()
            self._size = 0
            self._fetched = time.monotonic()
            self._bell.notify_all()
            return said, self._is_over

    # --- threads of this process

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 2**20):
            with self._bell:
                self._bell.wait_for(lambda: self._size < MOST_BYTES)
                self._said.append(data)
                self._size += len(data)
                self._bell.notify_all()
        self.process.wait()
        self.process.stdout.close()
        self.give(b"")
        with self._bell:
            self._is_over = True
            self._bell.notify_all()

    def _watch(self) -> None:
        while time.monotonic() - self._fetched < LEASE_S:
            time.sleep(LEASE_S / 10)
        self.process.kill()
