"""Finds a Chromium or Chrome on this machine, for what only a browser can draw.

`SKIPVIZ_CHROMIUM` names one by hand.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
          "msedge", "microsoft-edge")  # fmt: skip
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
_WINDOWS = (
    ("Google", "Chrome", "Application", "chrome.exe"),
    ("Chromium", "Application", "chrome.exe"),
    ("Microsoft", "Edge", "Application", "msedge.exe"),
)


def chromium() -> str:
    """The path of a browser of Chromium's kind; "" where none is found."""
    return next((path for path in _candidates() if path and os.access(path, os.X_OK)), "")


def _candidates() -> Iterator[str]:
    """Every place to look: the one that was named by hand, and then no other."""
    named = os.environ.get("SKIPVIZ_CHROMIUM")
    if named is not None:
        yield named
        return
    yield from (shutil.which(name) or "" for name in _NAMES)
    yield from _MAC
    for root in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if root in os.environ:
            yield from (os.path.join(os.environ[root], *parts) for parts in _WINDOWS)
