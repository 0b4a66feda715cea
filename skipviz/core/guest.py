"""What the server calls those who use it, wherever turns, runs and limits are theirs."""

from __future__ import annotations

LECTURER = ""
"""Whose runs come before all others' and have no limits; every guest's name is longer."""

BROWSER = "browser "
"""How the name of a guest begins who is known again: by a cookie of his browser."""

ADDRESS = "address "
"""… of all those together who come without one from one address: never written down."""
NOBODY = "nobody"
"""… of what never came through the server's doors."""
