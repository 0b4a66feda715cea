"""The cookie by which a phone keeps its vote: a random word, signed with a key of this store, so
that nobody makes up voters. It holds nothing else.

<store>/rooms/voters.key   32 random bytes, made with the first voter; without it all are new
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from skipviz.store.rooms import word

_SIGNED_CHARACTERS = 22


class Voters:
    """Gives cookies, and knows its own again, after a restart too."""

    def __init__(self, root: Path) -> None:
        """OSError where the key can be neither read nor made."""
        path = root / "rooms" / "voters.key"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "xb", opener=_for_me_alone) as file:
                file.write(secrets.token_bytes(32))
        except FileExistsError:
            pass
        self._key = path.read_bytes()

    def new_cookie(self) -> str:
        """The cookie of a new voter."""
        voter = word()
        return f"{voter}.{self._signature(voter)}"

    def voter(self, cookie: str | None) -> str | None:
        """The voter that a cookie names; None where none of ours was sent."""
        voter, _, signature = (cookie or "").partition(".")
        right = hmac.compare_digest(signature.encode(), self._signature(voter).encode())
        return voter if right else None

    def _signature(self, voter: str) -> str:
        signed = hmac.new(self._key, voter.encode(errors="replace"), hashlib.sha256)
        return signed.hexdigest()[:_SIGNED_CHARACTERS]


def _for_me_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@cache
def voters_of(root: Path) -> Voters:
    """The voters of a store, the same for all of this process."""
    return Voters(root)
