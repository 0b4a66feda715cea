"""Tries the lowest versions that the package allows: makes their environment and does in it what
`make check` does.

    python tools/lower_bounds.py FOLDER [pytest arguments]

Every package that requirements.txt names comes in the lowest version that its bound allows, every
other as new as fits (uv's `lowest-direct`); then the tools of requirements-dev.txt are added, new
ones. With pytest arguments these tests are run and nothing else.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHECK = (
    "-m ruff check .",
    "-m ruff format --check .",
    "tests/js/node.py",
    "-m pytest --ignore=tests/browser -n auto --dist loadfile -m 'not slow and not long'",
)
"""What `make check` has Python do, but types: the stubs of old libraries say less than the new
ones, against which they are checked. A test compares it with the Makefile."""


def main(folder: str, *arguments: str) -> int:
    """The status of the environment's making, or of the first check that failed: all are run."""
    home = Path(folder).resolve()
    lowest = home / "lowest.txt"
    python = str(home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    uv = [sys.executable, "-m", "uv"]
    pip = [*uv, "pip", "install", "--python", python]
    tools = [*pip, "--constraint", str(lowest), "-r", "requirements-dev.txt"]
    checks = [["-m", "pytest", *arguments]] if arguments else map(shlex.split, CHECK)
    for command in (
        [*uv, "venv", "--clear", "--seed", "--python", "3.11", str(home)],
        [*pip, "--resolution", "lowest-direct", "-r", "requirements.txt"],
    ):
        if status := subprocess.run(command, cwd=ROOT).returncode:
            return status
    frozen = subprocess.run(
        [*uv, "pip", "freeze", "--python", python], capture_output=True, encoding="utf-8"
    )
    lowest.write_text(frozen.stdout, encoding="utf-8")
    if status := subprocess.run(tools, cwd=ROOT).returncode:
        return status
    done = [subprocess.run([python, *check], cwd=ROOT).returncode for check in checks]
    return next(filter(None, done), 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("say where to make the environment: python tools/lower_bounds.py FOLDER")
    sys.exit(main(*sys.argv[1:]))
