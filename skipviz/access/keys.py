"""The lecturer's keys and log-ins: one file, which knows the hashes alone.

<runs>/lecturer.json   {"keys": {hash of a key: until}, "logins": {hash of a cookie: until},
                       "sign_ins": {hash of a log-in at a provider: until},
                       "address": of the server that runs}

A key works once and for 15 minutes; it becomes a cookie, which is good for twelve hours. A cookie's
hash is made with the pass phrase, and with the account that logged in: whoever changes the one ends
every log-in, whoever takes the other off the list of lecturers ends that account's. The file can be
read and written by its owner alone. Times are seconds since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from skipviz.core import atomic_files, places
from skipviz.core.strict_json import dumps

NAME = "lecturer.json"
KEY_S = 15 * 60
LOGIN_S = 12 * 3600
MOST = 200
"""So many keys, and so many log-ins, are known at a time: the oldest go first."""

NO_ACCOUNT = ""
"""Whose a key is that the server prints, and a log-in by the pass phrase."""

_NAMES = ("keys", "logins", "sign_ins")


class Keys:
    """The keys and log-ins of the servers that share a folder of runs.

    folder       where the file lies; made where it is missing
    passphrase   the pass phrase that is set, empty where none is
    accounts     the accounts that are lecturers'

    SpecError from whatever writes the file where it cannot be written.
    """

    def __init__(self, folder: Path, passphrase: str = "", accounts: Sequence[str] = ()) -> None:
        self.path = folder / NAME
        self._passphrase = passphrase
        self._accounts = (NO_ACCOUNT, *accounts)

    def new_key(self) -> str:
        """A key that works once, for a quarter of an hour."""
        key = secrets.token_urlsafe(24)
        hashed = _hash(key, NO_ACCOUNT)
        self._change(lambda value: value["keys"].update({hashed: time.time() + KEY_S}))
        return key

    def key_of_account(self, account: str, sign_in: str) -> str | None:
        """A key for an account that has logged in at its provider; None where this log-in was given
        one before, so that whoever is logged out here is not let in again without the provider."""
        key, given = secrets.token_urlsafe(24), _hash(sign_in)
        is_new: list[bool] = []

        def change(value: dict[str, Any]) -> None:
            is_new.append(given not in value["sign_ins"])
            if is_new[0]:
                value["sign_ins"][given] = time.time() + LOGIN_S
                value["keys"][_hash(key, account)] = time.time() + KEY_S

        self._change(change)
        return key if is_new[0] else None

    def redeem(self, key: str) -> str | None:
        """The cookie that a key is good for, and the key is gone; None for any other key."""

        def account_of(value: dict[str, Any]) -> str | None:
            for account in self._accounts:
                if value["keys"].pop(_hash(key, account), 0) > time.time():
                    return account
            return None

        return self._log_in(account_of)

    def log_in(self) -> str:
        """A cookie for somebody who has said the pass phrase."""
        cookie = self._log_in(lambda value: NO_ACCOUNT)
        assert cookie is not None
        return cookie

    def valid(self, cookie: str) -> bool:
        """Is this cookie a lecturer's, now?"""
        logins = self._read()["logins"]
        return any(logins.get(each, 0) > time.time() for each in self._hashes_of_cookie(cookie))

    def log_out(self, cookie: str) -> None:
        """Ends this log-in, in every tab and window that has it."""

        def change(value: dict[str, Any]) -> None:
            for each in self._hashes_of_cookie(cookie):
                value["logins"].pop(each, None)

        self._change(change)

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

    def _log_in(self, account_of: Callable[[dict[str, Any]], str | None]) -> str | None:
        """A cookie for the account that the file's value says; None where it says none."""
        cookie = secrets.token_urlsafe(32)
        accounts: list[str | None] = []

        def change(value: dict[str, Any]) -> None:
            accounts.append(account_of(value))
            if accounts[0] is not None:
                hashed = _hash(cookie, self._passphrase, accounts[0])
                value["logins"][hashed] = time.time() + LOGIN_S

        self._change(change)
        return cookie if accounts[0] is not None else None

    def _hashes_of_cookie(self, cookie: str) -> list[str]:
        """What a cookie may be known as: whose it is, is not written down."""
        return [_hash(cookie, self._passphrase, account) for account in self._accounts]

    def _read(self) -> dict[str, Any]:
        """The file's value; what is no number of seconds in it counts as over."""
        value = atomic_files.read_json(self.path)
        return {name: _times(value.get(name)) for name in _NAMES} | {
            "address": value.get("address") or ""
        }

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        folder = self.path.parent
        with places.disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock"):
                value = self._read()
                change(value)
                for name in _NAMES:
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


def _hash(secret: str, *bound_to: str) -> str:
    """What a secret is known by; it is worth nothing with anything else than it is bound to."""
    words = dumps(bound_to).encode()
    return hmac.new(secret.encode("utf-8", "surrogateescape"), words, hashlib.sha256).hexdigest()


def _times(value: Any) -> dict[str, float]:
    pairs = value.items() if isinstance(value, dict) else ()
    return {key: float(until) for key, until in pairs if isinstance(until, int | float)}
