"""What a page asks for that takes a while, in a process of its own: `python -m skipviz data …`.

One job for all who ask for the same; its events are heard by a thread. It ends with the server,
whose end closes its standard input.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skipviz.core import child_processes

MOST = 3
"""So many jobs at a time: each may hold a data set in memory."""

MOST_TROUBLES = 200


class BackgroundJob:
    """A process under way, or how it ended.

    state     "running", "done" or "failed"
    done, total   how far it is; total 0: unknown
    stage     what it does, in the command's own word; empty at the beginning
    troubles  the files that cannot be used, and why; `more` further ones are only counted
    notes     what was understood of it
    key       the data set that came of it
    error     one sentence, where it failed
    """

    def __init__(
        self, words: Sequence[str], options: Sequence[str] = (), clear: Path | None = None
    ) -> None:
        self.words = tuple(words)
        self.state, self.stage, self.key, self.error = "running", "", "", ""
        self.done = self.total = self.more = 0
        self.troubles: list[str] = []
        self.notes: list[str] = []
        self._clear = clear
        self._process = subprocess.Popen(
            child_processes.command(
                "-m", "skipviz", "data", "--json", "--attended", *options, *words
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_processes.environment(OMP_NUM_THREADS=str(max(1, (os.cpu_count() or 2) - 1))),
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def stop(self) -> None:
        """Ends it; what was downloaded so far is kept to go on from."""
        self.error = "stopped; the part that has arrived is kept"
        self._process.kill()

    def _listen(self) -> None:
        assert self._process.stdout is not None and self._process.stdin is not None
        for line in self._process.stdout:
            self._hear(line)
        status = self._process.wait()
        self._process.stdout.close()
        self._process.stdin.close()
        if self._clear is not None:
            shutil.rmtree(self._clear, ignore_errors=True)
        if status and not self.error:
            self.error = "the process that reads the data broke off; there may be too little memory"
        self.state = "failed" if status else "done"

    def _hear(self, line: bytes) -> None:
        try:
            event: dict[str, Any] = json.loads(line)
        except ValueError:  # a library's own words
            return
        if "trouble" in event:
            full = len(self.troubles) >= MOST_TROUBLES
            self.more += full
            self.troubles += [] if full else [event["trouble"]]
        if "note" in event:
            self.notes.append(event["note"])
        self.done = event.get("done", self.done)
        self.total = event.get("total", self.total)
        self.stage = event.get("stage", self.stage)
        self.key = event.get("key", self.key)
        self.error = event.get("error", self.error)


_lock = threading.Lock()
_jobs: dict[tuple[str, ...], BackgroundJob] = {}


def start(
    *words: str, options: Sequence[str] = (), clear: Path | None = None
) -> BackgroundJob | None:
    """The running job of these words, else a new one; None where too many are under way.

    `clear` is a folder that is deleted when the job has ended.
    """
    with _lock:
        job = _jobs.get(words)
        if job is not None and job.state == "running":
            return job
        if sum(job.state == "running" for job in _jobs.values()) >= MOST:
            return None
        _jobs[words] = BackgroundJob(words, options, clear)
        return _jobs[words]


def find(*words: str) -> BackgroundJob | None:
    """The job of these words, under way or ended."""
    with _lock:
        return _jobs.get(words)
