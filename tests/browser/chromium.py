"""Finds the Chromium that the browser tests drive, and installs one where there is none.

    python tests/browser/chromium.py     says in one line which one it found, or how it got one

`executable()` only looks; `ensure()` also installs. `SKIPVIZ_CHROMIUM` names one by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATHS = (
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    *(
        os.path.join(os.environ[root], *program)
        for root in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        for program in (
            ("Google", "Chrome", "Application", "chrome.exe"),
            ("Chromium", "Application", "chrome.exe"),
        )
        if root in os.environ
    ),
)
NONE = "no Chromium was found; install one with: python tests/browser/chromium.py"


class NoChromium(RuntimeError):
    """There is no Chromium that starts. Its text is one sentence."""


def _playwrights_own() -> str:
    """Where Playwright keeps the Chromium that it installs, whether it is there or not."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _candidates() -> Iterator[str]:
    """Every place to look, the likeliest first; each one is asked for only when it is needed."""
    yield os.environ.get("SKIPVIZ_CHROMIUM", "")
    yield from PATHS
    yield from (shutil.which(name) or "" for name in NAMES)
    yield _playwrights_own()


def _starts(path: str) -> bool:
    """Whether the program at `path` is a browser; on some systems it only refers to a shop."""
    if not (path and os.access(path, os.X_OK)):
        return False
    try:
        told = subprocess.run(
            [path, "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.returncode == 0 and "Chrom" in told.stdout


def executable() -> str:
    """The path of a Chromium that starts, or NoChromium."""
    for path in _candidates():
        if _starts(path):
            return path
    raise NoChromium(NONE)


def _installers() -> Iterator[tuple[str, list[list[str]]]]:
    """The ways to get a Chromium on this machine: a name, and the commands."""
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        get = ["apt-get", "-o", "DPkg::Lock::Timeout=300"]
        yield "apt-get", [[*get, "update"], [*get, "install", "-y", "chromium"]]
    yield "playwright install", [[sys.executable, "-m", "playwright", "install", "chromium"]]


def _install(commands: list[list[str]]) -> str:
    """Runs `commands`; what went wrong, in the last line that one of them said, or nothing."""
    for command in commands:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode:
            said = (done.stderr + done.stdout).strip().splitlines() or ["no message"]
            return said[-1].strip()
    return ""


def ensure() -> str:
    """One line on the Chromium that there is now, installed if need be; or NoChromium."""
    try:
        return f"Browser tests use {executable()}"
    except NoChromium:
        print("No Chromium here: installing one (some minutes) ...", flush=True)
    troubles = []
    for name, commands in _installers():
        trouble = _install(commands)
        try:
            return f"Browser tests use {executable()}, just installed with {name}"
        except NoChromium:
            troubles.append(f"{name}: {trouble or 'what it installed does not start'}")
    raise NoChromium("no Chromium could be installed (" + "; ".join(troubles) + ")")


if __name__ == "__main__":
    try:
        print(ensure())
    except NoChromium as error:
        sys.exit(str(error))
