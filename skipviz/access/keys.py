"""The lecturer's keys and log-ins: one file, which knows the hashes alone.

<runs>/lecturer.json   {"keys": {hash of a key: until}, "logins": {hash of a cookie: until},
                       "address": of the server that runs}

A key works once and for 15 minutes; it becomes a cookie, which is good for twelve hours. A cookie's
hash is made with the pass phrase: whoever changes that ends every log-in. The file can be read and
written by its owner alone. Times are seconds since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from skipviz.core import atomic_files
from skipviz.core.strict_json import dumps

NAME = "lecturer.json"
KEY_S = 15 * 60
LOGIN_S = 12 * 3600
MOST = 200
"""So many keys, and so many log-ins, are known at a time: the oldest go first."""


class Keys:
    """The keys and log-ins of the servers that share a folder of runs.

    folder       where the file lies; made where it is missing
    passphrase   the pass phrase that is set, empty where none is
    """

    def __init__(self, folder: Path, passphrase: str = "") -> None:
        self.path = folder / NAME
        self._passphrase = passphrase

    def new_key(self) -> str:
        """A key that works once, for a quarter of an hour."""
        key = secrets.token_urlsafe(24)
        self._change(lambda value: value["keys"].update({_hash(key): time.time() + KEY_S}))
        return key

    def redeem(self, key: str) -> str | None:
        """The cookie that a key is good for, and the key is gone; None for any other key."""
        return self._log_in(lambda value: value["keys"].pop(_hash(key), 0) > time.time())

    def log_in(self) -> str:
        """A cookie for somebody who has said the pass phrase."""
        cookie = self._log_in(lambda value: True)
        assert cookie is not None
        return cookie

    def valid(self, cookie: str) -> bool:
        """Is this cookie a lecturer's, now?"""
        until = self._read()["logins"].get(self._hash_of_cookie(cookie), 0)
        return bool(until > time.time())

    def log_out(self, cookie: str) -> None:
        """Ends this log-in, in every tab and window that has it."""
        self._change(lambda value: value["logins"].pop(self._hash_of_cookie(cookie), None))

    def revoke(self) -> int:
        """Ends every log-in and every key; how many log-ins there were."""
        ended = self._read()["logins"]
        self._change(lambda value: (value["logins"].clear(), value["keys"].clear()))
        return len(ended)

    @property
    def address(self) -> str:
        """The address of the server that was started last; empty before that."""
        return str(self._read()["address"])

    def serves_at(self, address: str) -> None:
        """Remembers where the server is reached, for `skipviz key`."""
        self._change(lambda value: value.update(address=address))

    # --- inside

    def _log_in(self, allowed: Callable[[dict[str, Any]], bool]) -> str | None:
        cookie = secrets.token_urlsafe(32)
        outcome: list[bool] = []

        def change(value: dict[str, Any]) -> None:
            outcome.append(allowed(value))
            if outcome[0]:
                value["logins"][self._hash_of_cookie(cookie)] = time.time() + LOGIN_S

        self._change(change)
        return cookie if outcome[0] else None

    def _hash_of_cookie(self, cookie: str) -> str:
        secret = cookie.encode("utf-8", "surrogateescape")
        return hmac.new(secret, self._passphrase.encode(), hashlib.sha256).hexdigest()

    def _read(self) -> dict[str, Any]:
        """The file's value; what is no number of seconds in it counts as over."""
        value = atomic_files.read_json(self.path)
        return {name: _times(value.get(name)) for name in ("keys", "logins")} | {
            "address": value.get("address") or ""
        }

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            value = self._read()
            change(value)
            for name in ("keys", "logins"):
                ours = sorted(value[name].items(), key=lambda pair: pair[1])
                value[name] = dict([pair for pair in ours if pair[1] > time.time()][-MOST:])
            self._write(value)

    def _write(self, value: dict[str, Any]) -> None:
        half = self.path.with_name(f"half-{secrets.token_hex(8)}.json")
        try:
            handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                file.write(dumps(value))
            atomic_files.replace(half, self.path)
        finally:
            with suppress(OSError):
                half.unlink(missing_ok=True)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _times(value: Any) -> dict[str, float]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {key: float(until) for key, until in pairs if isinstance(until, int | float)}
