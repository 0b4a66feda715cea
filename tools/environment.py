"""Makes the environment that `make run` and `make test` work in, and repairs a broken one.

    python3 tools/environment.py requirements-dev.txt
    py tools/environment.py requirements.txt -m streamlit run app.py

Creates `.venv` where there is none that works, installs what the file names, and tries whether it
can be imported. Where all that was done before, it ends at once. What stands behind the file
is then done by the environment's Python: `make run` for systems without make. Runs on any Python
3.7, so that an old one gets a sentence and not a traceback.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11", "python3.14")
TRIED = "import graphviz, plotly, psutil, pyarrow, pydantic, segno, streamlit, torchvision"


class Trouble(Exception):
    """The environment cannot be made. Its text is one sentence."""


def fitting_python() -> str:
    """The Python that the environment is made from: this one, or a newer one on the path."""
    if sys.version_info >= OLDEST:
        return sys.executable
    for name in NEWER:
        if shutil.which(name):
            return name
    here = ".".join(map(str, sys.version_info[:2]))
    raise Trouble(
        f"skipviz needs Python {OLDEST[0]}.{OLDEST[1]} or newer and this is {here}: "
        "say where a newer one is, such as make run PYTHON=/opt/python3.12/bin/python3"
    )


class Environment:
    """A virtual environment in `home`, and what was installed into it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        programs = home / ("Scripts" if os.name == "nt" else "bin")
        self.python = str(programs / "python")
        self.uv = str(programs / "uv")

    def runs(self, *arguments: str) -> bool:
        """Whether its Python ends well on `arguments`; what that prints is not shown."""
        return not self.complaint(*arguments)

    def complaint(self, *arguments: str) -> str:
        """The last line of what goes wrong on `arguments`, or nothing."""
        try:
            done = subprocess.run(
                [self.python, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:
            return str(error)
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return (said[-1] if said else "no message") if done.returncode else ""

    def create(self) -> None:
        """Makes the environment anew, unless there is one with a Python and a pip that work."""
        if self.runs("-m", "pip", "--version"):
            return
        python = fitting_python()
        print(f"Making {self.home.name} ...", flush=True)
        made = subprocess.run(
            [python, "-m", "venv", "--clear", str(self.home)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if made.returncode or not self.runs("-m", "pip", "--version"):
            raise Trouble(
                f"{python} cannot make an environment: install its venv module "
                "(on Debian and Ubuntu: apt install python3-venv), or say where another "
                "Python is, such as make run PYTHON=python3.12"
            )

    def install(self, requirements: Path, again: bool = False) -> None:
        """Installs what `requirements` names with uv, or with pip where uv does not do it."""
        pip = [self.python, "-m", "pip", "--disable-pip-version-check"]
        if not os.access(self.uv, os.X_OK):
            subprocess.run([*pip, "install", "--quiet", "uv"])
        quiet = [] if sys.stdout.isatty() else ["--quiet"]  # a person wants to see it advance
        # compiled now: every worker would wait for it at its first start, some forever anew
        with_uv = [self.uv, "pip", "install", "--compile-bytecode", *quiet, "--python", self.python]
        with_pip = [*pip, "install"]
        print(f"Installing {requirements.name} (the first time takes some minutes) ...", flush=True)
        for command, force in ((with_uv, "--reinstall"), (with_pip, "--force-reinstall")):
            options = [force] if again else []
            try:
                if not subprocess.run([*command, *options, "-r", str(requirements)]).returncode:
                    return
            except OSError:
                pass
            if command is with_uv:
                print("uv did not install it: going on with pip (slower, same result)", flush=True)
        raise Trouble(f"{requirements.name} could not be installed: the lines above say why")

    def stamp(self, requirements: Path) -> Path:
        return self.home / f".installed-{requirements.name}"

    def has(self, requirements: Path) -> bool:
        """Whether all of `requirements`, as it reads now, was installed before."""
        stamp = self.stamp(requirements)
        return (
            stamp.is_file()
            and stamp.read_text(encoding="utf-8") == _text(requirements)
            and self.runs("-c", "")
        )

    def provide(self, requirements: Path) -> None:
        """The environment with all of `requirements`, made, completed or repaired as needed."""
        if self.has(requirements):
            return
        self.create()
        self.install(requirements)
        if not self.runs("-c", TRIED):
            self.install(requirements, again=True)
        complaint = self.complaint("-c", TRIED)
        if complaint:
            raise Trouble(
                f"what was installed into {self.home.name} does not work together "
                f'("{complaint}"): remove it with make clean and try again'
            )
        for file in _files(requirements):
            self.stamp(file).write_text(_text(file), encoding="utf-8")


def _files(requirements: Path) -> list[Path]:
    """`requirements` and the files that it includes."""
    files = [requirements]
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            files += _files(requirements.parent / line[3:].strip())
    return files


def _text(requirements: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in _files(requirements))


def main(words: list[str], home: Path) -> int:
    """Provides what the first word names; the status of what its Python makes of the others."""
    environment = Environment(home)
    environment.provide(ROOT / words[0])
    return subprocess.call([environment.python, *words[1:]], cwd=str(ROOT)) if words[1:] else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], ROOT / ".venv"))
    except Trouble as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit("stopped; the next call goes on from here")
