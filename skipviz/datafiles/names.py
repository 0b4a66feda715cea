"""Names of folders, classes and sets: read in their code page, told apart, put in order.

Two names are the same where their letters are (Unicode NFC), and only there: what is shortened or
cleaned to be shown stays distinct.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

LONGEST = 60
"""Characters of a name that is shown."""

_LITTER = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "~",
}

_FILLING = "set|data|dataset|images?|imgs|pictures?|photos?|part|split|samples?"
_TRAIN = "train|training|trn"
_TEST = "test|testing|tst|val|valid|validation|dev|eval|evaluation|heldout|holdout"
_PARTS = {
    part: re.compile(rf"(?:.*[^a-z])?(?:{words})[^a-z]*(?:{_FILLING})?[^a-z]*")
    for part, words in (("train", _TRAIN), ("test", _TEST))
}

CODE_PAGES = ("cp437", "cp866", "cp932")
"""What zip programs of Western, Russian and Japanese systems write names in."""

ENDING = 20
"""So many characters of a long name's end are kept: names of one set often differ there alone."""


def same(text: str) -> str:
    """One spelling of all that look alike: composed letters (NFC)."""
    return unicodedata.normalize("NFC", text)


def printable(text: str) -> str:
    """A name that can be shown: one line of at most 60 characters, the middle of a longer one left
    out."""
    line = " ".join("".join(c if c.isprintable() else " " for c in same(text)).split())
    if len(line) <= LONGEST:
        return line
    return f"{line[:39].rstrip()}…{line[-ENDING:].lstrip()}"


def distinct(names: Iterable[str], names_taken: Collection[str] = ()) -> list[str]:
    """The names as they are shown, each another: "red fox" and "red fox (2)" for two that differ
    in what is not shown. None is one of `taken`."""
    cleaned = [printable(name) or "no name" for name in names]
    first = {text: place for place, text in reversed([*enumerate(cleaned)])}
    gone = set(names_taken)
    shown_names: list[str] = []
    for place, text in enumerate(cleaned):
        number, candidate = 1, text
        while candidate in gone or first.get(candidate, place) != place:
            number += 1
            end = f" ({number})"
            candidate = text[: LONGEST - len(end)].rstrip() + end
        shown_names.append(candidate)
        gone.add(candidate)
    return shown_names


def natural(text: str) -> tuple[list[tuple[int, int, str]], str]:
    """A key that sorts numbers in names by their value: 1, 2, 10."""
    pieces = [piece for piece in re.split(r"([0-9]+)", same(text)) if piece]
    return [_place(piece) for piece in pieces], text


def _place(piece: str) -> tuple[int, int, str]:
    digits = piece.lstrip("0")
    return (0, len(digits), digits) if "0" <= piece[0] <= "9" else (1, 0, piece)


def is_litter(name: str) -> bool:
    """Is it a file or folder that systems and programs leave behind: hidden, a backup, a cache?"""
    return name.startswith((".", "~$")) or name.endswith("~") or name.lower() in _LITTER


def part(name: str) -> str:
    """ "train" or "test" where a folder's name says that it is this part of a set, else ""."""
    lower = name.lower() if len(name) <= LONGEST else ""
    return next((part for part, words in _PARTS.items() if words.fullmatch(lower)), "")


# --- Code pages --------------------------------------------------------------------------------


def decoded(raw: Sequence[bytes]) -> tuple[list[str], str]:
    """Names of which nobody said in which code page they are, and the code page that was guessed:
    "" where each is UTF-8."""
    unknown = [name for name in raw if not _is_utf8(name)]
    if not unknown:
        return [name.decode("utf-8") for name in raw], ""
    page = next((page for page in CODE_PAGES if all(_plausible(n, page) for n in unknown)), "cp437")
    return [
        name.decode("utf-8") if _is_utf8(name) else name.decode(page, "replace") for name in raw
    ], page


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _plausible(name: bytes, page: str) -> bool:
    """Is it made of words of one script each?"""
    try:
        text = name.decode(page)
    except UnicodeDecodeError:
        return False
    if any(ord(c) > 127 and not c.isalpha() and c not in "、。・ー～　" for c in text):
        return False
    words = re.findall(r"[^\W\d_]+", text)
    return all(len({_script(c) for c in word}) == 1 for word in words)


def _script(letter: str) -> str:
    script = unicodedata.name(letter, "").split(" ")[0]
    return "CJK" if script in ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA") else script
