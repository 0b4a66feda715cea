"""Words that a server gives away and knows again, so that nobody makes them up.

    words = SignedWords(folder / "voters.key")
    cookie = words.sign("kD3…")       "kD3….signature"
    words.word(cookie)                "kD3…"; None for what was not signed here

The key is 32 random bytes in a file of its owner's alone, made where it is missing: whoever shares
the file knows the same words; without it all are new.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

_KEY_BYTES = 32
_SIGNED_CHARACTERS = 22


class SignedWords:
    """Signs words with the key of one file."""

    def __init__(self, path: Path) -> None:
        """OSError where the key can be neither read nor made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_whole(path)
        self._key = path.read_bytes()

    def sign(self, word: str) -> str:
        """The word with its signature, as a cookie carries it."""
        return f"{word}.{self._signature(word)}"

    def word(self, signed: str | None) -> str | None:
        """The word that was signed here; None for anything else."""
        word, _, signature = (signed or "").partition(".")
        right = hmac.compare_digest(
            signature.encode(errors="replace"), self._signature(word).encode()
        )
        return word if right else None

    def _signature(self, word: str) -> str:
        signed = hmac.new(self._key, word.encode(errors="replace"), hashlib.sha256)
        return signed.hexdigest()[:_SIGNED_CHARACTERS]


def _make_whole(path: Path) -> None:
    """A new key, under its name only once it is whole; of two that are made at once one stays."""
    half = path.with_name(f"half-{secrets.token_hex(8)}")
    try:
        with open(half, "xb", opener=_for_me_alone) as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            _named(half, path)
    finally:
        half.unlink(missing_ok=True)


def _named(half: Path, path: Path) -> None:
    """Gives a file its name unless there is one. Where the disk knows no links, it is replaced."""
    try:
        os.link(half, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        os.replace(half, path)


def _for_me_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
