"""Who an account is that a provider vouches for (OpenID Connect), from the claims of its identity
token; Streamlit has checked the token's signature, audience, nonce and times.

The setting `lecturers` names accounts: an e-mail address, which counts where the provider says that
it is verified, or `sub:` and the subject, exactly as the provider writes it. Every provider that is
configured is believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SUBJECT = "sub:"
FRESH_S = 15 * 60
"""A log-in with an account counts for so long; whoever is logged out later logs in anew."""

SKEW_S = 300
"""The provider's clock may go ahead of ours by so much."""


def is_entry(text: Any) -> bool:
    """Can this stand in the list of lecturers?"""
    if not isinstance(text, str) or not text.isprintable() or text != text.strip():
        return False
    return len(text) > len(SUBJECT) if text.startswith(SUBJECT) else text.count("@") == 1


def entry_of(claims: Mapping[str, Any], lecturers: Sequence[str]) -> str | None:
    """The entry of the list that names this account; None where none does."""
    subject, email = claims.get("sub"), claims.get("email")
    is_verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
    for entry in lecturers:
        if entry.startswith(SUBJECT):
            if entry.removeprefix(SUBJECT) == subject:
                return entry
        elif is_verified and isinstance(email, str) and email.casefold() == entry.casefold():
            return entry
    return None


def is_fresh(claims: Mapping[str, Any], now: float) -> bool:
    """Was this token given just now? `now` in seconds since 1970."""
    issued_at = claims.get("iat")
    if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
        return False
    return -SKEW_S <= now - issued_at < FRESH_S


def sign_in(claims: Mapping[str, Any]) -> str:
    """Names one log-in at a provider: no two have the same."""
    return " ".join(str(claims.get(name, "")) for name in ("iss", "sub", "iat", "nonce"))
