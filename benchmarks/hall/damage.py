"""What malformed input did to a server: seen from outside, whatever the server is."""

from __future__ import annotations

import http.client
import os
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

PATIENCE_S = 60.0
TRACEBACK = "Traceback (most recent call last)"
_PASSING = (".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".venv", "shared")


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file of a folder, what tools write left out."""
    files = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _PASSING]
        for name in names:
            path = os.path.join(parent, name)
            try:
                of = os.stat(path, follow_symlinks=False)
            except OSError:
                continue
            files[path] = (of.st_size, of.st_mtime_ns)
    return files


class Wire:
    """One connection for raw requests, opened again where the server closed it.

    body   of the last answer
    """

    def __init__(self, url: str) -> None:
        self.host = urlsplit(url).netloc
        self.body = b""
        self._socket: socket.socket | None = None

    def ask(self, method: bytes, target: bytes, headers: bytes = b"", body: bytes = b"") -> int:
        """The status of the answer to a request, whatever bytes it is made of; 0 where the server
        closed the connection without one."""
        request = b"%s %s HTTP/1.1\r\nHost: %s\r\n%s" % (
            method, target, self.host.encode(), headers,
        )  # fmt: skip
        if body or method in (b"POST", b"PUT"):
            request += b"Content-Length: %d\r\n" % len(body)
        try:
            return self._exchange(request + b"\r\n" + body, method.decode("latin-1"))
        except (OSError, http.client.HTTPException):
            self.close()
            return 0

    def _exchange(self, request: bytes, method: str) -> int:
        if self._socket is None:
            name, _, port = self.host.partition(":")
            self._socket = socket.create_connection((name, int(port)), PATIENCE_S)
        self._socket.sendall(request)
        answer = http.client.HTTPResponse(self._socket, method=method)
        answer.begin()
        self.body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


@dataclass
class Damage:
    """What was tried at each door, and what came of it.

    tried     how many inputs each door was given
    statuses  how often each status was answered
    faults    what must not be, one line each
    """

    log: Path
    process: psutil.Process
    outside: tuple[Path, ...]
    tried: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._children = {child.pid for child in self.process.children(recursive=True)}
        self._before = {folder: tree(folder) for folder in self.outside}
        self._log_before = self.log.stat().st_size

    def answered(self, door: str, status: int, given: bytes) -> None:
        """Counts one input and its answer."""
        self.tried[door] += 1
        self.statuses[status] += 1
        if status >= 500:
            self.faults.append(f"{door}: status {status} for {given[:200]!r}")

    def look(self) -> list[str]:
        """All faults, those that stand in the log, among the processes and on the disk included."""
        faults = list(self.faults)
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_before)
            text = log.read()
        faults += [f"log: {part[-600:]}" for part in text.split(TRACEBACK)[1:]]
        if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
            return [*faults, "the server ended"]
        alive = {child.pid for child in self.process.children(recursive=True)}
        faults += [f"child {pid} ended" for pid in self._children - alive]
        for folder, before in self._before.items():
            now = tree(folder)
            faults += [f"file: {path}" for path in {*now.items()} ^ {*before.items()}]
        return faults
