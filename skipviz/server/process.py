"""A worker process as the web process holds it: started warm, given orders, listened to by a
thread."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from skipviz.core import child_processes
from skipviz.server import pipe
from skipviz.store.answers import Job

ENVIRONMENT = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what CUDA asks for to give the same sums again
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait leave the core to the web server
    "PYTHONUNBUFFERED": "1",
}


class Worker:
    """One `python -m skipviz.worker`.

    `on_message(worker, kind, payload)` and `on_end(worker)` are called from the worker's own
    thread.
    """

    def __init__(
        self,
        on_message: Callable[[Worker, bytes, bytes], None],
        on_end: Callable[[Worker], None],
    ) -> None:
        self.ready = False
        self.run_id: str | None = None
        self.job: Job | None = None
        self.hello: dict[str, Any] = {}
        self._on_message, self._on_end = on_message, on_end
        self.process = subprocess.Popen(
            child_processes.command("-m", "skipviz.worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_processes.environment(**ENVIRONMENT),
        )
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while (message := pipe.receive(self.process.stdout)) is not None:
            if message[0] == b"H":
                self.hello, self.ready = json.loads(message[1]), True
            self._on_message(self, *message)
        self.process.stdout.close()
        self.process.wait()
        self.close()
        self._on_end(self)

    def order(self, **order: Any) -> bool:
        """Sends an order; False where the process is gone."""
        assert self.process.stdin is not None
        try:
            pipe.send_json(self.process.stdin, b"C", order)
        except (OSError, ValueError):
            return False
        return True

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        """Ends its input: it saves what it has and goes. `wait()` or `kill()` after that."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
