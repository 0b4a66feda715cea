"""The course site as one zip, made by `python -m skipviz site` in a process of its own: whatever it
takes, pages go on."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from skipviz.core import child_processes
from skipviz.core.knob import SpecError

_one_at_a_time = threading.Lock()


def site_archive(runs_folder: Path, scenes: Sequence[str], runs: Sequence[str]) -> bytes:
    """The zip of a site of these scenes (none: of all), their lessons, and these runs. SpecError
    where one is being made already, and where it cannot be made."""
    if not _one_at_a_time.acquire(blocking=False):
        raise SpecError("course site: one is being made already; try again in a minute")
    try:
        with tempfile.TemporaryDirectory(prefix="skipviz-site-") as folder:
            out = Path(folder) / "course"
            words = ["--json", *(["--scenes", ",".join(scenes)] if scenes else [])]
            words += [f"--runs={','.join(runs)}"] if runs else []
            done = subprocess.run(
                child_processes.command("-m", "skipviz", "site", str(out), *words),
                env=child_processes.environment(SKIPVIZ_RUNS=str(runs_folder)),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                raise SpecError(lines[-1] if lines else "course site: making it broke off")
            return Path(shutil.make_archive(str(out), "zip", folder, "course")).read_bytes()
    finally:
        _one_at_a_time.release()
