"""Files that are replaced or removed while others may read them, on Windows too.

There a file cannot be replaced while anybody has it open, nor be opened at the moment when it is
replaced, nor a folder be moved while a file in it is open or mapped into memory. A reader is soon
done: it is waited for. A mapping may last as long as a training: what is mapped stays whole.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from skipviz.core.strict_json import dumps

T = TypeVar("T")

PATIENCE_S = 5.0
PAUSE_S = 0.02

IN_USE = (5, 32, 33)
"""Windows' numbers for "access denied", "sharing violation" and "lock violation"."""


def _patiently(act: Callable[[], T]) -> T:
    """Does what another's open file may forbid for a moment; OSError where it stays forbidden."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except PermissionError as error:
            if getattr(error, "winerror", None) not in IN_USE or time.monotonic() > until:
                raise
        time.sleep(PAUSE_S)


def replace(half: Path, path: Path) -> None:
    """Puts a file that is whole in the place of another, in one piece. OSError."""
    _patiently(lambda: os.replace(half, path))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replaces a JSON file in one piece: a reader sees the old or the new one, never a half. What
    is no number is null there, with a field that says why. OSError."""
    write_text(path, dumps(value))


def write_text(path: Path, text: str) -> None:
    """Replaces a text file in one piece. OSError."""
    half = path.with_name(f"half-{secrets.token_hex(8)}{path.suffix}")
    try:
        half.write_text(text, encoding="utf-8")
        replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty where the file is missing or not whole."""
    try:
        value = json.loads(_patiently(path.read_bytes))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def discard(folder: Path) -> bool:
    """Removes a folder as a whole; False where it is in use, and then nothing of it is gone.
    OSError where it cannot be written."""
    going = folder.with_name(f"going-{secrets.token_hex(8)}")
    try:
        os.rename(folder, going)
    except FileNotFoundError:
        return True
    except PermissionError as error:
        if getattr(error, "winerror", None) not in IN_USE:
            raise
        return False
    shutil.rmtree(going, ignore_errors=True)
    return True
