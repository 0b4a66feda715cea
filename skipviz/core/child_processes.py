"""Processes of our own Python: they find the same skipviz and the same relative paths as this one.

Without `-P` Python would look for modules in the working directory first, and a `random.py` that
somebody keeps there would stand in for the real one.
"""

from __future__ import annotations

import os
import subprocess
import sys

from skipviz.core import places


def command(*words: str) -> list[str]:
    """The command line of this Python with `words`, such as "-m", "skipviz"."""
    return [sys.executable, "-P", *words]


def environment(**more: str) -> dict[str, str]:
    """This process's environment with `more`; it finds the same skipviz."""
    return os.environ | python_path() | more


def python_path() -> dict[str, str]:
    """What of an environment lets Python find a checkout; an installed skipviz needs nothing."""
    if places.installed():
        return {}
    paths = [str(places.PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def end(process: subprocess.Popen[bytes], patience_s: float = 10) -> None:
    """Ends a process: asked first, and forced where it is still there after `patience_s`."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
