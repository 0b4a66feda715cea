"""Bytes that something was done to, and values that nobody expects: from one seed, so that what
was found can be found again."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Sequence

NASTY = (
    b"", b"\x00", b"%00", b"%", b"%zz", b"../", b"..%2f..%2f", b"%2e%2e/", b"//", b"\\", b"~",
    b"\xff\xfe", b"\xed\xa0\x80", 
    b"\xf0\x9d\x9f\x99\xd9\xa3\xc3\xa9",  # digits of other alphabets, and é
    b"%ed%a0%80", b"'\"<>&", b"<script>", b"${7*7}",
    b"1e999", b"-1", b"NaN", b"Infinity", b"9" * 400, b"-9223372036854775809", b"true", b"null",
    b"{", b"}", b"[" * 3000, b'{"a":' * 1500, b",", b";", b"=", b"&", b"?", b"#", b" ", b"\t",
    b"a" * 9000, b"|", b":", b"*", b"con", b".", b"..",
)  # fmt: skip
"""What breaks programs: ends of texts, other encodings, ways out of a folder, numbers that are
none, depth, length."""


def mutated(data: bytes, chance: random.Random, *, most: int = 1 << 20) -> bytes:
    """`data` after one to four accidents."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(out))
        size = min(chance.choice((1, 1, 2, 5, 30, 300)), len(out) - at)
        kind = chance.randrange(6)
        if kind == 0:
            out[at : at + size] = chance.randbytes(size)
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = out[at : at + size] * chance.randint(1, 20)
        elif kind == 3:
            del out[at:]
        else:
            out[at : at + (size if kind == 4 else 0)] = chance.choice(NASTY)
    return bytes(out[:most])


def line(data: bytes) -> bytes:
    """What of it fits into one line of an HTTP request: no end of line."""
    return data.replace(b"\r", b"").replace(b"\n", b"")[:12_000]


def value(chance: random.Random, depth: int = 3) -> object:
    """Any value that JSON has, and some that it lacks."""
    kind = chance.randrange(9 if depth else 6)
    if kind == 0:
        return chance.choice((None, True, False, float("nan"), float("inf"), -0.0))
    if kind == 1:
        return chance.choice((0, 1, -1, 7, 2**31, 2**63, -(2**63), 10**300, chance.random()))
    if kind < 6:
        return chance.choice(NASTY)[:200].decode("utf-8", "replace")
    count = chance.randrange(4)
    if kind == 6:
        return [value(chance, depth - 1) for _ in range(count)]
    names = ("ballot", "choice", "get", "sample", "", "type", "x", "__proto__")
    return {chance.choice(names): value(chance, depth - 1) for _ in range(count)}


def message(known: Sequence[bytes], chance: random.Random) -> bytes:
    """A message of a socket or the body of a request: a known one after an accident, or a value."""
    if known and chance.random() < 0.7:
        return mutated(chance.choice(known), chance, most=60_000)
    return json.dumps(value(chance)).encode()


def archive(names: Sequence[str], contents: Sequence[bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as files:
        for name, content in zip(names, contents, strict=True):
            files.writestr(name, content)
    return buffer.getvalue()


def rewritten(whole: bytes, chance: random.Random) -> bytes:
    """A zip after an accident, or a sound one of which a file had one, or another name."""
    if chance.random() < 0.3:
        return mutated(whole, chance, most=1 << 26)
    with zipfile.ZipFile(io.BytesIO(whole)) as files:
        contents = {name: files.read(name) for name in files.namelist()}
    name = chance.choice(list(contents))
    if chance.random() < 0.2:
        broken = mutated(name.encode(), chance, most=200).decode("utf-8", "replace")
        contents[broken.replace("\0", "") or "x"] = contents.pop(name)  # zipfile writes no others
    else:
        contents[name] = mutated(contents[name], chance, most=1 << 26)
    return archive(list(contents), list(contents.values()))
