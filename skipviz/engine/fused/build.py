"""Compiles the kernel on the machine that uses it, once, and loads it.

<cache>/fused/<key>.so    the key is a hash of the source, the flags, the compiler and the
                          instruction set that the compiler finds here

The library is made under a passing name, tried out in a process of its own and only then renamed:
what bears the name is whole, and works here. The folder is the user's alone (0700).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from skipviz.core import child_processes, places
from skipviz.core.knob import SpecError

SOURCE = Path(__file__).with_name("kernel.c")
INCLUDED = tuple(Path(__file__).with_name(name) for name in ("drawn.h", "pictures.h"))
FLAGS = (
    "-O3", "-std=gnu11", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-pthread",
)  # fmt: skip
TARGETS = (("-march=native", "-mprefer-vector-width=512"), ("-march=native",), ("-mcpu=native",))
"""Tried in this order: compilers differ in how they are asked for all that a processor can do."""

COMPILERS = ("cc", "gcc", "clang")


class Unavailable(Exception):
    """Why there is no kernel here: one sentence."""


def load() -> ctypes.CDLL:
    """The kernel, from the cache or compiled now. Unavailable where it cannot be had."""
    if sys.platform == "win32":
        raise Unavailable("it is built on Linux and macOS alone")
    compiler = a_compiler()
    if compiler is None:
        raise Unavailable(f"no C compiler was found ({', '.join(COMPILERS)})")
    source = b"".join(path.read_bytes() for path in (SOURCE, *INCLUDED))
    target, macros = _target(compiler)
    parts = [source, " ".join((*FLAGS, *target)).encode(), compiler.encode(), macros]
    key = hashlib.sha256(b"\0".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()[:32]
    try:
        with places.disk_errors(places.cache()):
            library = _folder() / f"{key}.so"
            with _alone(library):
                if not library.exists():
                    _make(library, compiler, target)
            if not _own(library, stat.S_ISREG):
                raise Unavailable(f"{library} is not a file of this user's; remove it")
            return ctypes.CDLL(str(library))
    except (OSError, SpecError) as error:
        raise Unavailable(str(error)) from None


def a_compiler() -> str | None:
    """The path of the compiler that is used here."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def _target(compiler: str) -> tuple[tuple[str, ...], bytes]:
    """The flags that ask for all this processor can do, and the macros that they define, which say
    compiler, version and instruction set."""
    for target in TARGETS:
        done = _run([compiler, *target, "-dM", "-E", "-x", "c", os.devnull])
        if done.returncode == 0 and done.stdout:
            return target, done.stdout
    raise Unavailable(f"{compiler} does not work: {_last_line(done.stderr)}")


def _folder() -> Path:
    """The folder of the libraries: the user's own, closed to all others."""
    folder = places.cache() / "fused"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _own(folder, stat.S_ISDIR):
        raise Unavailable(f"{folder} is not a folder of this user's")
    folder.chmod(0o700)
    return folder


def _own(path: Path, kind: Callable[[int], bool]) -> bool:
    """Is this of the kind, no link, and the user's own?"""
    about = path.lstat()
    user = getattr(os, "getuid", None)
    return kind(about.st_mode) and (user is None or about.st_uid == user())


@contextmanager
def _alone(library: Path) -> Iterator[None]:
    """One process builds, the others wait and find it done."""
    with FileLock(library.with_suffix(".lock")):
        yield


def _make(library: Path, compiler: str, target: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as passing:
        half = Path(passing) / "kernel.so"
        compile_to(half, compiler, target)
        tried = _run(child_processes.command("-m", "skipviz.engine.fused.trial", str(half)))
        if tried.returncode != 0:
            raise Unavailable(f"what {compiler} built failed its trial: {_last_line(tried.stderr)}")
        os.replace(half, library)


def compile_to(library: Path, compiler: str, flags: Sequence[str]) -> None:
    """Compiles the kernel, untried. Unavailable where that fails."""
    done = _run([compiler, *FLAGS, *flags, "-o", str(library), str(SOURCE), "-lm"])
    if done.returncode != 0 or not library.exists():
        raise Unavailable(f"{compiler} could not build it: {_last_line(done.stderr)}")


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, capture_output=True, timeout=120, env=child_processes.environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, b"", str(error).encode())


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1].strip()
