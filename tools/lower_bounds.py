"""Tries the lowest versions that the package allows: makes their environment, runs the tests in it.

    python tools/lower_bounds.py FOLDER [pytest arguments]

Every package that pyproject.toml names comes in the lowest version that its bound allows, every
other as new as fits (uv's `lowest-direct`); then the tools of requirements-dev.txt are added, new
ones. With no pytest arguments everything without a browser is run.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def bounds() -> list[str]:
    """What the package and its training ask for."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["train"]]


def main(folder: str, *arguments: str) -> int:
    """The status of the tests, or that of what failed before them."""
    home = Path(folder).resolve()
    lowest = home / "lowest.txt"
    python = str(home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    uv = [sys.executable, "-m", "uv"]
    pip = [*uv, "pip", "install", "--python", python]
    tools = [*pip, "--constraint", str(lowest), "-r", "requirements-dev.txt"]
    tests = list(arguments) or ["-m", "not browser"]
    for command in (
        [*uv, "venv", "--clear", "--seed", "--python", "3.11", str(home)],
        [*pip, "--resolution", "lowest-direct", *bounds()],
    ):
        if status := subprocess.run(command, cwd=ROOT).returncode:
            return status
    frozen = subprocess.run(
        [*uv, "pip", "freeze", "--python", python], capture_output=True, encoding="utf-8"
    )
    lowest.write_text(frozen.stdout, encoding="utf-8")
    for command in (tools, [python, "-m", "pytest", *tests]):
        if status := subprocess.run(command, cwd=ROOT).returncode:
            return status
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("say where to make the environment: python tools/lower_bounds.py FOLDER")
    sys.exit(main(*sys.argv[1:]))
