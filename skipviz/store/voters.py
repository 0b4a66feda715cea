"""The cookie by which a phone keeps its vote: a random word, signed with a key of this store, so
that nobody makes up voters. It holds nothing else.

<store>/rooms/voters.key   the key, made with the first voter; without it all are new
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from skipviz.core.signed_words import SignedWords
from skipviz.store.rooms import word


class Voters:
    """Gives cookies, and knows its own again, after a restart too."""

    def __init__(self, root: Path) -> None:
        """OSError where the key can be neither read nor made."""
        self._words = SignedWords(root / "rooms" / "voters.key")

    def new_cookie(self) -> str:
        """The cookie of a new voter."""
        return self._words.sign(word())

    def voter(self, cookie: str | None) -> str | None:
        """The voter that a cookie names; None where none of ours was sent."""
        return self._words.word(cookie)


@cache
def voters_of(root: Path) -> Voters:
    """The voters of a store, the same for all of this process."""
    return Voters(root)
