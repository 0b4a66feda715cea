"""What people read on a terminal, whatever characters its code page knows.

legible()    from then on standard output and error write "x" for a × that they do not know,
             instead of breaking off
stand_in()   the ASCII that stands for a text

Files are not concerned: each is written in an encoding that is named.
"""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

NAME = "skipviz.stand_in"

STAND_INS = {
    "×": "x", "÷": "/", "−": "-", "±": "+/-", "·": "*", "√": "sqrt", "∂": "d", "∞": "inf",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "‖": "||", "°": " degrees", "½": "1/2", "′": "'",
    "→": "->", "←": "<-", "↑": "^", "↓": "v", "⤓": "v", "↗": "/", "↘": "\\", "✓": "yes", "✗": "no",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "█": "#",
    "、": ",", "。": ".", "・": ".", "ー": "-",
}  # fmt: skip
"""In ASCII, in the words of the field."""


def stand_in(text: str) -> str:
    """ASCII for any text: "10⁻⁹ → 3×3 café, σ" gives "10^-9 -> 3x3 cafe, sigma"; "?" for a
    character that has no stand-in."""
    written, raised = [], False
    for character in text:
        raises = "<super>" in unicodedata.decomposition(character)
        written.append(("^" if raises and not raised else "") + _one(character))
        raised = raises
    return "".join(written)


def _one(character: str) -> str:
    if character.isascii():
        return character
    if character in STAND_INS:
        return STAND_INS[character]
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""  # an accent of the letter before it, or a sign that is never seen
    name = unicodedata.name(character, "").split()
    if name[:1] == ["GREEK"] and len(name) == 4:
        return name[-1].capitalize() if name[1] == "CAPITAL" else name[-1].lower()
    plain = unicodedata.normalize("NFKD", character)
    if plain == character:
        return "?"
    return "".join(map(_one, plain))


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return stand_in(error.object[error.start : error.end]), error.end


def legible() -> None:
    """Lets standard output and error stand in what they cannot encode. A choice of the user's that
    loses nothing to an error (PYTHONIOENCODING=ascii:replace) stays."""
    codecs.register_error(NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        strict = ("strict", "surrogateescape", "backslashreplace")
        if isinstance(stream, io.TextIOWrapper) and stream.errors in strict:
            stream.reconfigure(errors=NAME)
